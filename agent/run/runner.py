"""A claimed session is driven with what this process has: the agent of its channel, and what the session is pinned to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from agent import metrics
from agent.errors import FencedError, UnreadableError
from agent.run.claim import Held, Pins
from agent.run.effects import Effects
from agent.run.loop import Drive
from agent.run.retries import TROUBLE_SECONDS
from agent.session.rules import Rules
from agent.store.instructions import Instruction
from agent.store.pins import pin_id_of
from agent.store.queue import Queue
from agent.store.sessions import Lease, Store
from agent.tool.once import validating_once
from agent.trace_ids import led_by, working_on
from agent.types import Pinned, Place

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agent:
    """What a session is run with: `pinned` is fixed when it starts, `rules` are this process's own."""

    pinned: Pinned
    rules: Rules


async def nothing_to_look_up(place: Place) -> None:
    """Do nothing: agents are what this process knows."""


async def no_instructions(place: Place) -> Instruction | None:
    """Return None: nobody has set any."""
    return None


@dataclass(slots=True)
class Runner:
    """Drives claimed sessions with what this process has."""

    store: Store
    queue: Queue
    effects: Effects
    agent_for: Callable[[Place], Agent]
    instructions: Callable[[Place], Awaitable[Instruction | None]] = no_instructions
    look_up_agent: Callable[[Place], Awaitable[None]] = nothing_to_look_up
    """Before a new session gets its agent: which version of its prompt is live may have changed."""
    pins: dict[str, Pinned] = field(default_factory=dict[str, Pinned])

    async def run(self, lease: Lease, woken: asyncio.Event, stopping: asyncio.Event) -> bool:
        """Drive a session to its next rest. True: it is due again at once. Raises FencedError when another process has it."""
        held: Held | None = None
        failed = False
        working_on.set((lease.session_id, 0))  # these two for the rest of this task, which is of one lease
        led_by.set(None)
        try:
            if lease.pin_id is None:
                await self.look_up_agent(lease.place)
            agent = self.agent_for(lease.place)
            pin_id = await self._pin_id(lease, agent)
            pinned = await self._pinned(pin_id)
            led_by.set((pinned.prompt, pinned.prompt_digest))
            pins = Pins(pinned, agent.pinned.model_copy(update=pinned.model_dump(include={"instructions", "instructions_from"})))
            held = Held(lease, pins, self.store, self.queue.lease_seconds, self.effects.calls.settlements.make)
            held.unwritten.pin_id = pin_id if lease.pin_id is None else None
            measured = metrics.invocation(pins.pinned.agent, pins.pinned.model)
            with measured, validating_once():
                return await Drive(held, self.store, self.queue, self.effects, agent.rules, woken, stopping).run()
        except FencedError:
            raise
        except UnreadableError as error:
            log.warning("session %s is left to newer code, for %g s: %s", lease.session_id, TROUBLE_SECONDS, error)
        except Exception:
            failed = True
            log.exception("session %s failed; it is tried again in %g s", lease.session_id, TROUBLE_SECONDS)
        wakes = held.wakes if held is not None else lease.wakes
        due_at = lease.now() + timedelta(seconds=TROUBLE_SECONDS)
        return await self.queue.release(lease, wakes, due_at, failed=failed)

    async def _pin_id(self, lease: Lease, agent: Agent) -> str:
        """Return the id of what the session is run with; a new one is fixed to what this process has, with its first commit."""
        if lease.pin_id is not None:
            return lease.pin_id
        pinned = await self._new_pin(lease.place, agent)
        if (pin_id := pin_id_of(pinned)) not in self.pins:
            await self.store.pins.keep(pin_id, pinned)
        return pin_id

    async def _pinned(self, pin_id: str) -> Pinned:
        if pin_id not in self.pins:
            self.pins[pin_id] = await self.store.pins.pinned(pin_id)
        return self.pins[pin_id]

    async def _new_pin(self, place: Place, agent: Agent) -> Pinned:
        """Return what a new session is run with: the agent, and what people of the channel want of it now."""
        told = await self.instructions(place)
        if told is None or not told.text:
            return agent.pinned
        named = f"{place.channel}@{told.version}:{told.digest}"
        return agent.pinned.model_copy(update={"instructions": told.text, "instructions_from": named})
