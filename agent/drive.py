"""The loop: one claimed session, driven until nothing is left to do. A thin shell around `decide.next_moves`.

What has ended is written together with what begins next, in one commit; an effect begins only after its start is committed.
Resume is not a path of its own: a click, a message, a due time and a crash all lead here.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agent import pins
from agent.card_moves import due_at
from agent.decide import next_moves, nobody_waits_for
from agent.effects import Effects
from agent.ended import Ended
from agent.errors import DelayedError, FencedError, UnclearError
from agent.held import Held
from agent.model_calls import NotYet
from agent.moves import CallModel, Close, Move, Post, Record, Repin, RunTool, Settle, Vouch
from agent.narration import Narration
from agent.ports import SurfaceStatus
from agent.queue import Queue
from agent.received import Click, Edit, Inboxed, OutcomeClick
from agent.rules import Rules
from agent.session import Session
from agent.steps import GrantEnded, Halted, ModelStarted, PostStarted, Step, ToolReturned, ToolStarted
from agent.store import Lease, Store
from agent.tool import failed
from agent.types import Pinned
from agent.waiting import first_of

log = logging.getLogger(__name__)

STATUS: dict[str, SurfaceStatus] = {"idle": "active", "ready": "processing", "waiting": "suspended"}
# A wait that is longer than this is a due time of the released session, not a task.
LONGEST_WAIT_SECONDS = 2.0
FIRST_TROUBLE_SECONDS = 0.5  # doubled with each try
TROUBLE_SECONDS = 15.0  # until a session is tried again after the outside, or our own code, failed
LOGGED_MESSAGES = 3  # of a turn that did not come to its own end
QUICK_SECONDS = 0.3  # an approved call that ends sooner brings its card from open to done in one update


@dataclass
class Drive:
    """One claim of one session: its state in memory, and what is under way."""

    lease: Lease
    pinned: Pinned
    present: Pinned  # what the agent starts new sessions with
    store: Store
    queue: Queue
    effects: Effects
    rules: Rules
    woken: asyncio.Event  # set when the session was given something new
    stopping: asyncio.Event  # set when this process is to end: begin nothing more

    def __post_init__(self) -> None:
        self.held = Held(self.lease, self.store, self.queue.lease_seconds)
        self.inbox: list[Inboxed] = []
        self.wakes = self.lease.wakes
        self.under_way: dict[str, asyncio.Task[Ended]] = {}
        self.not_before: dict[str, float] = {}  # move key -> monotonic seconds
        self.held_back: list[float] = []  # when moves that had to wait at the last look may be made
        self.troubles: dict[str, int] = {}  # move key -> tries whose answer was lost
        self.permitted: set[int] = set()  # inbox rows whose author may do what they ask for
        self.vouched: set[str] = set()  # keys of runs under a grant whose giver may still decide
        self.shown_status: SurfaceStatus = "active"
        self.narration = Narration(self.effects.surface, self.lease.place)

    # ------------------------------------------------------------------------------------------ the loop

    async def run(self) -> bool:
        """Make moves until none is left, then release. True: the session is due again at once."""
        try:
            await self._load()
            while not self.stopping.is_set():
                await self._launch()
                if self.woken.is_set():
                    await self._read_inbox()
                elif self.under_way:
                    await self._wait()
                elif (pause := self._pause_seconds()) is not None and pause <= LONGEST_WAIT_SECONDS:
                    await asyncio.sleep(pause)
                else:
                    return await self._release()
            await self._wind_down()
            return await self._release()
        finally:
            self.narration.cancel()
            for task in self.under_way.values():
                task.cancel()
            self.effects.calls.leave(self.session, self.pinned)

    async def _load(self) -> None:
        # Side by side: since the claim nobody else writes steps or takes inbox rows.
        await asyncio.gather(self.held.load(), self._read_inbox())

    async def _read_inbox(self) -> None:
        self.woken.clear()
        self.wakes, rows = await self.store.inbox(self.lease)
        self.inbox = [self._permitted(row) for row in rows if row.id not in self.held.taken]

    def _permitted(self, row: Inboxed) -> Inboxed:
        return row.model_copy(update={"permitted": True}) if row.id in self.permitted else row

    async def _launch(self) -> None:
        """Record what follows without an effect, pass what needs a gate, and begin everything else that can begin."""
        while True:
            moves = next_moves(self.session, self.inbox, self.rules, self.lease.now())
            if moves and isinstance(moves[0], Record):
                self._note(*moves[0].steps, inbox_ids=moves[0].inbox_ids)
                continue
            begin = self._may_begin([*map(self._vouched_for, moves), *self._watched()])
            gated = [move for move in begin if isinstance(move, Close | Repin) or (isinstance(move, RunTool) and move.digest)]
            if gated:
                await self._pass(gated[0])
                continue
            if all([await self._start(move) for move in begin]):
                break
        for key in nobody_waits_for(self.under_way, self.session, moves):
            self.under_way.pop(key).cancel()
        if begin or not self._can_wait():
            await self._commit(confirm=bool(begin))
        for move in begin:
            self._spawn(move)
        self._watched()  # what has begun just now may be worth watching in a moment
        self._show_status()

    def _watched(self) -> Sequence[Move]:
        """A stream that is to be opened, if not yet, then later."""
        opening = self.narration.follow(self.session)
        self.not_before |= {post.key: self.narration.due for post in opening}
        self.held_back += [self.narration.due for _ in opening]
        return opening

    def _vouched_for(self, move: Move) -> Move:
        """A run under a grant waits until it is known that its giver may still decide; each use asks anew."""
        if isinstance(move, RunTool) and move.grant_id is not None and move.digest and move.key not in self.vouched:
            return Vouch(move.grant_id, move.key, f"vouch:{move.call.id}")
        return move

    def _may_begin(self, moves: Sequence[Move]) -> list[Move]:
        """Those that are not under way and need not wait."""
        now = time.monotonic()
        free = [move for move in moves if not isinstance(move, Record) and move.key not in self.under_way]
        self.held_back = [at for move in free if (at := self.not_before.get(move.key, 0)) > now]
        return [move for move in free if self.not_before.get(move.key, 0) <= now]

    async def _start(self, move: Move) -> bool:
        """Note the start of a move. False: it is not to be made after all, and something else was noted."""
        match move:
            case CallModel():
                if self.held.owes:
                    await self._commit()  # the call before is charged and settled, or its reservation would stand in the way
                now = self.lease.now()
                started = await self.effects.calls.start(move, self.session, self.held.said, self.rules, self.pinned, now)
                match started:
                    case NotYet(seconds=seconds):
                        self.not_before[move.key] = time.monotonic() + seconds
                    case asyncio.Task():
                        self.under_way[move.key] = started
                    case None:
                        return True  # its start stands: it was put off before anything was sent
                    case _:
                        self._note(started)
                return isinstance(started, ModelStarted)
            case RunTool(call=call, idempotency_key=key, action_id=action_id, grant_id=grant_id):
                self._note(ToolStarted(call_id=call.id, idempotency_key=key, action_id=action_id, grant_id=grant_id))
            case Post(key=key, inbox_ids=inbox_ids):
                self._note(PostStarted(key=key), inbox_ids=inbox_ids)
            case _:
                pass  # what may be repeated freely has no start
        return True

    async def _pass(self, move: Move) -> None:
        """A move that one conditional statement decides: end an action, or start an approved call."""
        await self._commit()
        sent = time.monotonic()
        match move:
            case Close(action_id=action_id, decision=decision, by=by, reason=reason):
                decided = await self.store.close(self.lease, self.session.seq, action_id, decision, by, reason)
                if decided is None:  # our clock is a little ahead of the database's
                    self.not_before[move.key] = time.monotonic() + 0.2
                else:
                    self.held.apply(decided)
            case Repin():
                moved = await pins.repin(self.store, self.lease, self.session, self.pinned, self.present)
                if isinstance(moved, Halted):
                    self._note(moved)
                else:
                    self.pinned = self.present
                    self.held.apply(moved)
            case RunTool(call=call, idempotency_key=key, action_id=action_id, grant_id=grant_id, digest=str(digest)):
                shown = digest if grant_id is not None else ""  # that of an action is on record
                step = ToolStarted(call_id=call.id, idempotency_key=key, action_id=action_id, grant_id=grant_id, digest=shown)
                if grant_id is not None:
                    left_seconds = await self.store.start_granted(self.lease, self.session.seq, step)
                else:
                    left_seconds = await self.store.start_action(self.lease, self.session.seq, step, digest)
                if left_seconds is not None:
                    self.held.apply(step)
                    self.held.confirmed(sent, left_seconds)
                    self._spawn(move)
                elif grant_id is not None:
                    self._note(GrantEnded(grant_id=grant_id))  # then the call is asked about
                else:
                    result = failed("permission_denied", "Not run: the approval on record is not one for this very call.")
                    self._note(ToolReturned(call_id=call.id, outcome="refused", text=result.text()))
            case _:
                raise AssertionError(f"{move} has no gate")

    # ------------------------------------------------------------------------------------------ effects under way

    def _spawn(self, move: Move) -> None:
        assert not isinstance(move, Record)
        if move.key in self.under_way:
            return
        with self.held.fenced():  # the task's context keeps this
            made = self.effects.make(move, self.session, self.held.said, self.rules, self.pinned, self.narration)
            task = self.under_way[move.key] = asyncio.create_task(made, name=move.key)
        if isinstance(move, CallModel):  # also when it is cancelled before its first step
            task.add_done_callback(lambda _: self.effects.calls.leave(self.session, self.pinned))

    async def _wait(self) -> None:
        """Until an effect has ended or something new has come, then take it in."""
        events = (self.woken, self.stopping, self.narration.heard)
        await first_of(self.under_way.values(), events, self._pause_seconds())
        for key, task in list(self.under_way.items()):
            if task.done():
                del self.under_way[key]
                await self._take(key, task)

    async def _take(self, key: str, task: asyncio.Task[Ended]) -> None:
        try:
            ended = task.result()
        except DelayedError as error:
            self.not_before[key] = time.monotonic() + error.seconds
            return
        except UnclearError as error:
            log.warning("session %s: %s: %s", self.session.id, key, error)
            tries = self.troubles[key] = self.troubles.get(key, 0) + 1
            pause = FIRST_TROUBLE_SECONDS * 2 ** (tries - 1)
            self.not_before[key] = time.monotonic() + (pause if pause <= LONGEST_WAIT_SECONDS else TROUBLE_SECONDS)
            return
        except FencedError:
            await self._commit(confirm=True)  # raises when another process holds the session by now
            self.not_before[key] = time.monotonic() + FIRST_TROUBLE_SECONDS  # our lease may not be renewed just now
            return  # still ours: the move is made anew, with a start of its own
        if ended.settle is not None:
            await self._settle(ended.settle)
        if ended.permitted is not None:
            self.permitted.add(ended.permitted)
            self.inbox = [self._permitted(row) for row in self.inbox]
        if ended.vouched is not None:
            self.vouched.add(ended.vouched)
        if ended.again_seconds:
            self.not_before[key] = time.monotonic() + ended.again_seconds
        self._note(*ended.steps, inbox_ids=ended.inbox_ids)

    async def _settle(self, move: Settle) -> None:
        """The click's author may decide: count it."""
        if isinstance(move.click, OutcomeClick) and self.session.status != "idle":
            return  # a turn was opened meanwhile: the click stays in the inbox until it is over
        await self._commit()
        click, seq = move.click, self.session.seq
        action = self.session.actions.get(click.action_id)
        match click:
            case Click():
                grant = self.effects.granted(self.session, click, self.lease.now())
                steps = await self.store.settle(self.lease, seq, move.inbox_id, click, grant)
            case Edit():
                edited = await self.store.edit(self.lease, seq, move.inbox_id, click)
                steps = () if edited is None else (edited,)
            case OutcomeClick():
                limit = self.effects.time_limit_seconds(self.session, click.action_id)
                told = await self.store.tell(self.lease, seq, move.inbox_id, click, limit)
                steps = () if told is None else (told,)
        self.inbox = [row for row in self.inbox if row.id != move.inbox_id]
        for step in steps:
            self.held.apply(step)
        if not steps:
            self._background(self.effects.explain(self.lease.place, click))
        elif action is not None and isinstance(click, Click) and click.decision == "approved":
            self.not_before[f"show:{action.message}"] = time.monotonic() + QUICK_SECONDS

    async def _wind_down(self) -> None:
        """The process is to end: the model and files are given up, tools and posts under way may finish and are recorded."""
        for key in [key for key in self.under_way if key == "model" or key.startswith("file:")]:
            self.under_way.pop(key).cancel()
        if self.under_way:
            await asyncio.wait(self.under_way.values())
        for key, task in list(self.under_way.items()):
            del self.under_way[key]
            await self._take(key, task)
        await self._commit()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        with self.held.fenced():
            self.effects.background(work)

    def _show_status(self) -> None:
        status = STATUS[self.session.status] if self.session.open else "active"
        if status == "suspended" and self.under_way:
            return  # a click is being judged, say: what the session comes to is shown after it
        if status != self.shown_status:
            self.shown_status = status
            self._background(self.effects.surface.status(self.lease.place, status))

    # ------------------------------------------------------------------------------------------ the log

    @property
    def session(self) -> Session:
        """As it stands now."""
        return self.held.session

    def _note(self, *steps: Step, inbox_ids: tuple[int, ...] = ()) -> None:
        """Fold steps in; they are written with the next commit, before anything else begins."""
        for step in steps:
            if isinstance(step, ToolReturned) and (action_id := self.held.action_of(step.call_id)) is not None:
                self.not_before.pop(f"show:{self.session.actions[action_id].message}", None)
            if isinstance(step, Halted):
                for shape in self.held.said.shapes(LOGGED_MESSAGES):
                    log.warning("session %s ends a turn with %s after %s", self.session.id, step.error, shape)
        self.held.note(steps, inbox_ids)
        self.inbox = [row for row in self.inbox if row.id not in inbox_ids]

    async def _commit(self, *, confirm: bool = False) -> None:
        """See `Held.commit`."""
        due = await self.held.commit(confirm=confirm)
        self.effects.calls.settle(self.session.id, due)  # only what is committed: Redis is filled from there

    def _can_wait(self) -> bool:
        """Only what nothing is lost with is to be written, while something else is under way."""
        return bool(self.under_way) and self.held.loses_nothing

    def _pause_seconds(self) -> float | None:
        """Until the next move that had to wait may be made, or the next due time. None: nothing is due."""
        waits = [at - time.monotonic() for at in self.held_back]
        if (due := due_at(self.session)) is not None:
            waits.append((due - self.lease.now()).total_seconds())
        return max(0.0, min(waits)) if waits else None

    async def _release(self) -> bool:
        await self._commit()
        await self.effects.calls.settled(self.session.id)
        if self.stopping.is_set():
            await self.queue.hand_back([self.lease])
            return True
        pause = self._pause_seconds()
        if self.session.status == "ready" and not self.held_back:
            # Nothing is under way, yet something is to be done: found anew under the next epoch, whatever else is due later.
            pause = TROUBLE_SECONDS if pause is None else min(pause, TROUBLE_SECONDS)
        due = None if pause is None else self.lease.now() + timedelta(seconds=pause)
        return await self.queue.release(self.lease, self.wakes, due, unfinished=self.session.status == "ready")
