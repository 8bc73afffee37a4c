"""What is decided outside: one conditional statement says whether a move begins, or what a click comes to.

Whatever was noted is committed first, so that a statement sees the session as we do.
"""

import logging
import time
from dataclasses import dataclass, replace

from agent.decide.at_once import run_at_once
from agent.decide.for_clicks import counts_now, grant_with, runs_at_most_seconds
from agent.decide.move_outcome import Begin, Instead, NotYet, Start
from agent.decide.moves import CallModel, Close, RunTool, Settle
from agent.decide.ways import run_started
from agent.errors import ModelRetiredError
from agent.model.port import NO_SUCH_MODEL
from agent.model.spending import SettleFirst
from agent.run.claim import Held, Pins
from agent.run.model_calls import ModelCalls, NextCall
from agent.session.inbox import Click, Edit, OutcomeClick
from agent.session.rules import Rules
from agent.session.steps import GrantEnded, Halted, Step, ToolReturned, ToolStarted
from agent.store.sessions import Store
from agent.tool.definition import failed

log = logging.getLogger(__name__)

CLOCKS_DIFFER_SECONDS = 0.2  # until what is over by our clock alone is tried again


@dataclass(frozen=True, slots=True)
class Settled:
    """What a click came to. `counted` False: it changed nothing, and its author is to hear why. `run`: has started with it."""

    counted: bool
    run: RunTool | None = None


@dataclass(frozen=True, slots=True)
class StoreGate:
    """The `agent.decide.ways.Gate` of one claim: the database, and the budget."""

    held: Held
    store: Store
    calls: ModelCalls
    rules: Rules

    async def reserve(self, move: CallModel) -> Start:
        """See `Gate.reserve`."""
        held = self.held
        [last] = held.unwritten.charges or [None]  # one at most: a call is over before the next one is made
        call = NextCall(move, held.session, held.said, self.rules, held.pins.pinned, held.lease.now(), last)
        start = await self.calls.start(call)
        if isinstance(start, SettleFirst):
            await held.commit()  # charged and settled, the call before does not stand in the way any more
            start = await self.calls.start(replace(call, last=None))
            assert not isinstance(start, SettleFirst)
        elif isinstance(start, Begin) and start.steps:
            held.unwritten.settled_with_next()
        return start

    async def start_run(self, move: RunTool) -> Start:
        """See `Gate.start_run`."""
        held, step = self.held, run_started(move)
        assert move.digest is not None
        await held.commit()
        sent = time.monotonic()
        if move.grant_id is not None:
            left_seconds = await self.store.start_granted(held.lease, held.session.seq, step)
        else:
            left_seconds = await self.store.start_action(held.lease, held.session.seq, step, move.digest)
        if left_seconds is not None:
            held.apply(step)
            held.confirmed(sent, left_seconds)
            return Begin()
        if move.grant_id is not None:
            return Instead(GrantEnded(grant_id=move.grant_id))  # then the call is asked about
        result = failed("permission_denied", "Not run: the approval on record is not one for this very call.")
        return Instead(ToolReturned(call_id=move.call.id, outcome="refused", text=result.text()))

    async def close(self, move: Close) -> Start:
        """See `Gate.close`."""
        held = self.held
        await held.commit()
        decided = await self.store.close(held.lease, held.session.seq, move.action_id, move.decision, move.by, move.reason)
        if decided is None:  # our clock is a little ahead of the database's
            return NotYet(CLOCKS_DIFFER_SECONDS)
        held.apply(decided)
        return Begin()

    async def repin(self) -> Start:
        """See `Gate.repin`. Where the agent has no other model the turn ends."""
        held, pins = self.held, self.held.pins
        await held.commit()
        if pins.present.model == pins.pinned.model:
            return Instead(Halted(error=ModelRetiredError.__name__, sentence=NO_SUCH_MODEL, unbilled=True))
        step = await self.store.pins.repin(held.lease, held.session.seq, pins.present, pins.pinned.model)
        log.warning("session %s goes on with %s: %s is retired", held.session.id, step.model, step.model_before)
        held.pins = Pins(pins.present, pins.present)
        held.apply(step)
        return Begin()

    def leave(self) -> None:
        """See `Gate.leave`."""
        self.calls.leave(self.held.session, self.held.pins.pinned)

    async def settle(self, move: Settle, *, starts: bool) -> Settled:
        """Count a click whose author may decide; `starts`: its run may start with it.

        A click that cannot be counted now stays in the inbox.
        """
        held, click = self.held, move.click
        if not counts_now(held.session, click):
            return Settled(True)  # a turn was opened meanwhile
        await held.commit()
        run = self._run_at_once(move) if starts else None
        steps = await self._settled(move, held.session.seq, run)
        held.take(move.inbox_id)
        for step in steps:
            held.apply(step)
        return Settled(bool(steps), run if any(isinstance(step, ToolStarted) for step in steps) else None)

    def _run_at_once(self, move: Settle) -> RunTool | None:
        held = self.held
        if not isinstance(move.click, Click) or move.click.wish is not None:
            return None
        others = [row for row in held.inbox if row.id != move.inbox_id]
        return run_at_once(held.session, move.click, others, self.rules, held.lease.now(), held.facts)

    async def _settled(self, move: Settle, seq: int, run: RunTool | None) -> tuple[Step, ...]:
        """Return the steps that the statement wrote."""
        session, lease, click = self.held.session, self.held.lease, move.click
        match click:
            case Click():
                grant = grant_with(session, click, self.rules, lease.now())
                starts = (run_started(run), run.digest) if run is not None and run.digest is not None else None
                sent = time.monotonic()
                steps, left_seconds = await self.store.settle(lease, seq, move.inbox_id, click, grant, starts)
                self.held.confirmed(sent, left_seconds)
                return steps
            case Edit():
                edited = await self.store.edit(lease, seq, move.inbox_id, click)
                return () if edited is None else (edited,)
            case OutcomeClick():
                limit = runs_at_most_seconds(session, click.action_id, self.rules)
                told = await self.store.tell(lease, seq, move.inbox_id, click, limit)
                return () if told is None else (told,)
