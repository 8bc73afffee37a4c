"""Makes hidden runs, one at a time, of turns that have ended: beside everything else, and no answer waits for them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from agent.model.slots import Slots
from agent.prompts.labels import Labelled, shadowed
from agent.run.effects import Effects
from agent.run.runner import Agent
from agent.session.state import Session
from agent.shadow.hidden import HiddenRun, Outside, first_tokens, run_hidden
from agent.shadow.judged import GivenUpError, judged, went, writes_compared
from agent.shadow.real_turn import RealTurn, real_turn
from agent.store.chores import Chore
from agent.store.fenced import Pool
from agent.store.pins import StoredPins
from agent.store.shadow_runs import LEASE_SECONDS, Claimed, Shadow, ShadowFigures, ShadowRuns, WaitingTurn
from agent.types import Pinned, Place

LOOK_SECONDS = 1.0
RUN_SECONDS = LEASE_SECONDS - 30.0  # then a run is given up, before anybody takes it for lost
PURGE_SECONDS = 3600.0
PINNED = ("instructions", "instructions_from")  # what a hidden run takes from the conversation, and not from its agent

AgentLedBy = Callable[[Place, str, Labelled], Agent | None]


@dataclass(frozen=True, slots=True)
class DaysPurse:
    """The `agent.shadow.hidden.Purse` of one run: what is left of the day's ceiling."""

    runs: ShadowRuns
    run: Claimed
    ceiling: int

    async def reserve(self, tokens: int) -> None:
        """See `hidden.Purse`."""
        if not await self.runs.reserve(self.run, tokens, self.ceiling):
            raise GivenUpError("the day's ceiling of hidden runs was reached")

    async def settle(self, reserved: int, used: int) -> None:
        """See `hidden.Purse`."""
        await self.runs.settle(self.run, reserved, used)


class Shadows:
    """Who makes hidden runs. `agent_led_by` gives the agent of a place if it follows the prompt and can be led by the version;
    `ceiling`: tokens a day."""

    def __init__(self, pool: Pool, effects: Effects, agent_led_by: AgentLedBy, ceiling: int) -> None:
        self._runs, self._pins = ShadowRuns(pool), StoredPins(pool)
        self._effects, self._agent_led_by, self._ceiling = effects, agent_led_by, ceiling

    def running(self) -> Chore:
        """Return the chore that makes a run, if one is due. It takes as long as that: it is not among the other chores."""
        return Chore("shadow runs", LOOK_SECONDS, 0.0, self.look)

    def purging(self, days: int) -> Chore:
        """Return the chore that deletes what is older than so many days."""

        async def purge(_: float) -> None:
            await self._runs.purge(days)

        return Chore("shadow runs' term", PURGE_SECONDS, 0.0, purge)

    async def look(self, _: float) -> None:
        """Make the run that is due first, if there is one."""
        await self._runs.free_lost()
        for shadow in await self._runs.live():
            for turn in await self._runs.waiting(shadow):
                agent = self._agent_led_by(turn.place, shadow.prompt, shadow.at)
                picked = shadowed({"shadow": shadow.at}, turn.session_id) is not None
                if picked and agent is not None and await self._take_turn(shadow, turn, agent):
                    return

    async def _take_turn(self, shadow: Shadow, turn: WaitingTurn, agent: Agent) -> bool:
        """Run a turn. False: it is not over yet, the day's ceiling has no room for it, or another process makes a run."""
        pinned = agent.pinned.model_copy(update=(await self._pins.pinned(turn.pin_id)).model_dump(include={*PINNED}))
        log, empty = await self._runs.log(turn.session_id), Session(turn.session_id, turn.place, epoch=0)
        why, real = "", None
        try:
            real = await asyncio.to_thread(real_turn, log, empty, turn.number)
            if real is None or first_tokens(real, pinned) > await self._runs.left(self._ceiling):
                return False
        except GivenUpError as error:
            why = str(error)
        if (run := await self._runs.claim(shadow, turn)) is None:
            return False
        if real is None:
            await self._runs.give_up(run, why)
        else:
            await self._run(run, real, pinned, agent)
        return True

    async def _run(self, run: Claimed, real: RealTurn, pinned: Pinned, agent: Agent) -> None:
        calls = self._effects.calls
        slot = partial(_slot, calls.admission.slots, f"shadow:{run.id}")
        outside = Outside(calls.model, self._effects.attached.shown, slot, DaysPurse(self._runs, run, self._ceiling))
        try:
            async with asyncio.timeout(RUN_SECONDS):
                hidden = await run_hidden(real, pinned, agent.rules, outside)
        except GivenUpError as error:
            await self._runs.give_up(run, str(error))
        except TimeoutError:
            await self._runs.give_up(run, "it took too long")
        else:
            await self._runs.end(run, beside_real(real, hidden, agent))


@asynccontextmanager
async def _slot(slots: Slots, who: str) -> AsyncGenerator[None]:
    """Hold one of the slots for model calls of this process, in its turn."""
    if not slots.take(who):
        await slots.wait(who, who)
    try:
        yield
    finally:
        slots.leave(who)


def beside_real(real: RealTurn, hidden: HiddenRun, agent: Agent) -> ShadowFigures:
    """Return what a hidden run came to, beside the turn that people saw."""
    found = [judged(agent.rules, real.session, call) for call in real.calls]
    writes = writes_compared(hidden.writes, [each for each in found if each and each.writes], agreed=real.agreed)
    return ShadowFigures(
        went=went(hidden.outcome, hidden.unrecorded, writes, real.outcome),
        outcome=hidden.outcome,
        writes=writes,
        unrecorded=hidden.unrecorded,
        iterations=hidden.iterations,
        tokens=hidden.tokens,
        nano_usd=hidden.nano_usd,
        tools=hidden.tools,
        proposed=tuple(each.tool for each in hidden.writes),
        real_outcome=real.outcome,
        real_iterations=real.iterations,
        real_tokens=real.tokens,
        real_nano_usd=real.nano_usd,
    )
