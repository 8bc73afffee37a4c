"""The loop: one claimed session, driven until nothing is left to do. A thin shell around `decide.next_moves`.

What has ended is written together with what begins next, in one commit; an effect begins only after its start is committed,
unless it may be repeated (`Way.repeats`). Resume is not a separate path: a click, a message, a due time and a crash all lead
here. How each kind of move is made is in `decide.ways`.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta

from agent import metrics
from agent.decide.move_outcome import Begin, Instead, NotYet, Queued
from agent.decide.moves import CallModel, Move, Outward, Record, Settle
from agent.decide.next_moves import next_moves
from agent.decide.surface_status import surface_status
from agent.decide.ways import Gated, Way, way
from agent.errors import DelayedError, FencedError, UnclearError
from agent.run import retries
from agent.run.claim import Held
from agent.run.effects import ClaimedWorld, Effects
from agent.run.gate import StoreGate
from agent.run.narration import Narration
from agent.run.retries import Retries
from agent.run.status import ShownStatus
from agent.run.under_way import EffectTask, UnderWay
from agent.run.waiting import first_of
from agent.session.rules import Rules
from agent.store.queue import Queue
from agent.store.sessions import Store

log = logging.getLogger(__name__)


class Drive:
    """One claim of one session, and what is under way.

    Wide because it is the loop: each stretch of it from claim to release is a method.
    """

    def __init__(
        self,
        held: Held,
        store: Store,
        queue: Queue,
        effects: Effects,
        rules: Rules,
        woken: asyncio.Event,
        stopping: asyncio.Event,
    ) -> None:
        self.held, self.rules, self.queue, self.effects = held, rules, queue, effects
        self.woken = woken  # set when the session was given something new
        self.stopping = stopping  # set when this process is to end: begin nothing more
        self.narration = Narration(effects.surface, held.lease.place)
        self.gate = StoreGate(held, store, effects.calls, rules)
        self.under_way = UnderWay()
        self.retries = Retries()
        self.looked_at = held.lease.now()  # what was due by then is a move
        before = None if held.lease.abandoned else "active"
        self.status = ShownStatus(effects.surface, held.lease.place, effects.background, before)

    async def run(self) -> bool:
        """Make moves until none is left, then release. True: the session is due again at once."""
        error_type = ""
        try:
            if self.held.lease.given is None:  # else nothing is read now that would make up for what woke it since
                self.woken.clear()
            await self.held.load()
            while not self.stopping.is_set():
                await self._launch()
                if self.woken.is_set() or self.held.behind:
                    self.woken.clear()
                    await self.held.read_inbox()
                elif self.under_way:
                    await self._wait()
                elif (pause := self._pause_seconds()) is not None and pause <= retries.LONGEST_WAIT_SECONDS:
                    await self.held.commit()
                    await asyncio.sleep(pause)
                else:
                    return await self._release()
            await self._wind_down()
            return await self._release()
        except BaseException as error:
            error_type = type(error).__name__
            raise
        finally:
            self.held.trace.end(self.held.session, error_type)
            self.narration.cancel()
            self.under_way.give_up()
            self.gate.leave()

    # ------------------------------------------------------------------------------------------ what comes next

    async def _launch(self) -> None:
        """Record what follows without an effect, and begin everything else that can begin."""
        while True:
            self.looked_at = self.held.lease.now()
            moves = next_moves(self.held.session, self.held.inbox, self.rules, self.looked_at, self.held.facts)
            if moves and isinstance(moves[0], Record):
                self.held.note(*moves[0].steps, inbox_ids=moves[0].inbox_ids)
                continue
            free = self._free([*moves, *self._watched()])
            ways = [(move, way(move, self.held.session, moves)) for move in free]
            alone = [each for each in ways if isinstance(each[1].start, Gated) and each[1].start.alone]
            if await self._begin_moves(alone[:1] or ways) and not alone:
                break  # else what follows is found at the next look
        self.under_way.give_up(unless=lambda move: way(move, self.held.session, moves).waited_for)
        if not free and not self._may_stay_unwritten():
            await self.held.commit()
        self._watched()  # what has begun just now may be worth watching in a moment
        with self.held.fenced():
            self.status.show(surface_status(self.held.session, busy=bool(self.under_way)))

    def _may_stay_unwritten(self) -> bool:
        """Return whether what is noted can wait for the commit that comes next: that of what begins then, or of the release."""
        if not self.under_way:
            return self.held.surely_ours
        ways = (way(move, self.held.session, ()) for move in self.under_way.moves)
        return self.held.unwritten.loses_nothing or self._may_wait(ways)

    def _may_wait(self, ways: Iterable[Way]) -> bool:
        """Return whether what is noted may stay unwritten while these are made."""
        unwritten, repeats = self.held.unwritten, all(each.repeats for each in ways)
        return repeats and self.held.surely_ours and (unwritten.loses_nothing or unwritten.may_wait)

    def _free(self, moves: Sequence[Move]) -> list[Outward]:
        """Return the moves that are not running and need not wait."""
        now = time.monotonic()
        new = [move for move in moves if not isinstance(move, Record) and move not in self.under_way]
        self.retries = self.retries.looked((move.key for move in new), now)
        return [move for move in new if self.retries.free(move.key, now)]

    def _watched(self) -> Sequence[Move]:
        """Return the move that opens a stream, if one is due or will be."""
        opening = self.narration.follow(self.held.session)
        for post in opening:
            self.retries = self.retries.later(post.key, self.narration.due).held(self.narration.due)
        return opening

    async def _begin_moves(self, ways: Sequence[tuple[Outward, Way]]) -> bool:
        """Begin moves: each once its start is committed, unless it may be repeated. False: some of them are not made now, and
        something else may follow."""
        begun = [each for each in ways if await self._starts(*each)]
        if begun and not self._may_wait(its_way for _, its_way in begun):
            await self.held.commit(confirm=True)
        for move, its_way in begun:
            self._begin_effect(move, its_way)
        return len(begun) == len(ways)

    def _begin_effect(self, move: Outward, its_way: Way) -> None:
        """Begin the effect of a move, if it has one: its start is committed, or it may be repeated."""
        if its_way.make is None:
            return
        world = ClaimedWorld(self.effects, self.held, self.rules, self.narration)
        with (
            self.held.fenced(),
            self.held.trace.within(self.held.session, between_turns=isinstance(move, CallModel)),
        ):  # the task's context keeps both
            task = self.under_way.begin(move, its_way.make(world))
        if its_way.over is not None:  # also when it is cancelled before its first step
            task.add_done_callback(lambda _, over=its_way.over: over(self.gate))

    async def _starts(self, move: Outward, its_way: Way) -> bool:
        """Note the start of a move. False: it is not to be made after all, or not yet."""
        start = await its_way.start.ask(self.gate) if isinstance(its_way.start, Gated) else its_way.start
        match start:
            case Begin(steps=steps, inbox_ids=inbox_ids):
                self.held.note(*steps, inbox_ids=inbox_ids)
            case Instead(step=step):
                self.held.note(step)
            case NotYet(seconds=seconds):
                self.retries = self.retries.later(move.key, time.monotonic() + seconds)
            case Queued(until=until):
                self.under_way.begin(move, until)
        return isinstance(start, Begin)

    # ------------------------------------------------------------------------------------------ what has ended

    async def _wait(self) -> None:
        """Wait until an effect has ended or something new has come, then take it in."""
        events = (self.woken, self.stopping, self.narration.heard)
        written_within = self.held.unwritten.seconds_left
        pauses = [seconds for seconds in (self._pause_seconds(), written_within) if seconds is not None]
        await first_of(self.under_way.tasks, events, min(pauses, default=None))
        for move, task in self.under_way.ended():
            await self._take_result(move, task)

    async def _take_result(self, move: Outward, task: EffectTask) -> None:
        try:
            ended = task.result()
        except DelayedError as error:
            metrics.count_retry(type(move).__name__, "delayed")
            self.retries = self.retries.later(move.key, time.monotonic() + error.seconds)
            return
        except UnclearError as error:
            log.warning("session %s: %s: %s", self.held.session.id, move.key, error)
            metrics.count_retry(type(move).__name__, "unclear")
            self.retries = self.retries.troubled(move.key, time.monotonic())
            return
        except FencedError:
            await self.held.commit(confirm=True)  # raises when another process holds the session by now
            self.retries = self.retries.later(move.key, time.monotonic() + retries.FIRST_TROUBLE_SECONDS)
            return  # still ours, though our lease may not be renewed just now: the move is made anew, with a new start
        if ended.settle is not None:
            await self._count_click(ended.settle)
        self.held.facts |= ended.facts
        if ended.again_seconds:
            self.retries = self.retries.later(move.key, time.monotonic() + ended.again_seconds)
        self.held.note(*ended.steps, inbox_ids=ended.inbox_ids)

    async def _count_click(self, move: Settle) -> None:
        settled = await self.gate.settle(move, starts=not self.stopping.is_set())
        if not settled.counted:
            with self.held.fenced():
                self.effects.background.begin(self.effects.people.explain(self.held.lease.place, move.click))
        if settled.run is not None:
            self._begin_effect(settled.run, way(settled.run, self.held.session, ()))

    async def _wind_down(self) -> None:
        """Cancel what another process can make anew; let the rest finish, and record it."""
        self.under_way.give_up(unless=lambda move: not way(move, self.held.session, ()).ends_with_process)
        if self.under_way:
            await asyncio.wait(self.under_way.tasks)
        for move, task in self.under_way.ended():
            await self._take_result(move, task)
        await self.held.commit()

    # ------------------------------------------------------------------------------------------ rest

    def _pause_seconds(self) -> float | None:
        """Return the seconds until something may be made again, or is due; None if nothing is."""
        return self.retries.pause_seconds(time.monotonic(), self.held.due_seconds(self.looked_at, self.rules))

    async def _release(self) -> bool:
        """Let go, together with what is left to write. True: the session is due at once."""
        session, lease = self.held.session, self.held.lease
        if self.held.unwritten.charges:
            await self.held.commit()  # charges are settled before somebody else has the session
        await self.effects.calls.settlements.made(session.id)
        await self.status.settled()
        if self.stopping.is_set():
            await self.held.commit()
            await self.queue.hand_back([lease])
            return True
        unfinished = session.status == "ready"
        seconds = self.retries.released_seconds(
            time.monotonic(), self.held.due_seconds(self.looked_at, self.rules), unfinished=unfinished
        )
        due_at = None if seconds is None else lease.now() + timedelta(seconds=seconds)
        return await self.held.release(due_at, unfinished=unfinished)
