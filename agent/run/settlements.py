"""What model calls were charged, on its way to the budgets: in order for each session, while it goes on."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.errors import UnreachableError
from agent.model.spending import Charge
from agent.run.ports import Budget

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settlements:
    """Charges that are committed, and not settled yet."""

    budget: Budget
    _under_way: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])  # by session

    def make(self, session_id: str, charges: Sequence[Charge]) -> None:
        """Settle what is committed by now, while the session goes on."""
        if charges:
            before = self._under_way.get(session_id)
            self._under_way[session_id] = asyncio.create_task(self._make_after(before, session_id, charges))

    async def _make_after(self, before: asyncio.Task[None] | None, session_id: str, charges: Sequence[Charge]) -> None:
        try:
            if before is not None:
                await before
            for charge in charges:
                await self.budget.settle(charge)
        except UnreachableError as error:  # it is in Postgres, and the chore of the budgets will do it again
            log.warning("session %s: %s", session_id, error)
        finally:
            if self._under_way.get(session_id) is asyncio.current_task():
                del self._under_way[session_id]

    async def made(self, session_id: str) -> None:
        """Wait until the session's last model call is settled: before its next reservation, and before another process has it."""
        if (settling := self._under_way.get(session_id)) is not None:
            await asyncio.shield(settling)
