"""What one tool call costs beside the tool's own work, and how 50 reads run side by side."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from agent.session.inbox import Message
from agent.session.steps import ToolReturned, ToolStarted
from agent.store.queue import Queue
from agent.store.sessions import Lease, Store
from agent.tool.declare import tool
from agent.tool.definition import Result, Tool, ToolContext, registry, run
from agent.tool.validation import validate
from agent.types import Place, Said
from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import subject

CALLS, ROUNDS = 200, 5
READS, READ_SECONDS = 50, 0.1
CONTEXT = ToolContext("T1:C1:1.0", "U1", "key")
ARGUMENTS = {"service": "web", "lines": 20}

EXPLAINED = f"""\
Medians over {ROUNDS} rounds of {CALLS} calls, one after the other. The tool does nothing; in a thread, it is a plain `def`.
Ledger: the commits of its start and of its result, on the same machine's Postgres. There are no spans yet.
{READS} reads begin together, as those of one reply do."""


@tool(effect="read")
async def nothing(service: Annotated[str, Field(max_length=40)], lines: Annotated[int, Field(ge=1)] = 10) -> dict[str, Any]:
    """Do nothing."""
    return {"service": service}


@tool(effect="read")
def nothing_blocking(service: str, lines: int = 10) -> dict[str, Any]:
    """Do nothing, in a thread."""
    return {"service": service}


@tool(effect="read")
async def wait(service: str, lines: int = 10) -> dict[str, Any]:
    """Wait as a network does."""
    await asyncio.sleep(READ_SECONDS)
    return {}


@tool(effect="read")
def wait_blocking(service: str, lines: int = 10) -> dict[str, Any]:
    """Wait in a thread."""
    time.sleep(READ_SECONDS)
    return {}


async def calls(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Both tables' figures, in one."""
    with subject.database(servers, "calls") as database_url:
        async with AsyncConnectionPool(database_url, min_size=1, open=False, kwargs={"autocommit": True}) as pool:
            ledger = await _Ledger.hold(pool)
            table = Table(title="\nWhat a tool call costs beside its own work", title_justify="left")
            table.add_column("")
            table.add_column("median", justify="right")
            for what, once in (
                ("validation, µs", _validated),
                ("run: time limit, result, µs", lambda: _ran(nothing)),
                ("run in a thread, µs", lambda: _ran(nothing_blocking)),
                ("ledger: start and result, µs", ledger.write),
            ):
                table.add_row(what, f"{await _microseconds(once):,.0f}")
            for what, read in (("async", wait), ("blocking", wait_blocking)):
                table.add_row(
                    f"{READS} reads of {READ_SECONDS * 1000:g} ms side by side, {what}, ms", f"{await _together_ms(read):,.1f}"
                )
            console.print(table)
            console.print(EXPLAINED, style="dim")


async def _microseconds(once: Callable[[], Awaitable[None]]) -> float:
    """Of one call."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            await once()
        rounds.append((time.perf_counter() - began) / CALLS * 1e6)
    return median(rounds)


async def _together_ms(read: Tool) -> float:
    rounds: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await asyncio.gather(*(_ran(read) for _ in range(READS)))
        rounds.append((time.perf_counter() - began) * 1000)
    return median(rounds)


TOOLS = registry([nothing, nothing_blocking, wait, wait_blocking])


def _valid(name: str) -> BaseModel:
    arguments = validate(TOOLS, name, ARGUMENTS)
    assert not isinstance(arguments, Result)
    return arguments


VALID = {name: _valid(name) for name in TOOLS}


async def _validated() -> None:
    _valid("nothing")


async def _ran(one: Tool) -> None:
    assert (await run(one, VALID[one.name], CONTEXT)).ok


class _Ledger:
    """A held session's log."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store, self._lease, self._seq = store, lease, 0

    @classmethod
    async def hold(cls, pool: AsyncConnectionPool[Any]) -> "_Ledger":
        store, place = Store(pool), Place(team="T1", channel="C1", thread_ts="1.0")
        await store.receive(place, "bench", Message(said=Said(user="U1", text="Hello", ts="1.0")), opens=True)
        [lease] = await Queue(pool).claim(1)
        return cls(store, lease)

    async def write(self) -> None:
        """A start and its result, committed one after the other as they happen."""
        call_id = f"call-{self._seq}"
        result = Result(ok=True, result={"service": "web"}).text()
        await self._append([ToolStarted(call_id=call_id, idempotency_key="key")])
        await self._append([ToolReturned(call_id=call_id, outcome="succeeded", text=result)])

    async def _append(self, steps: Sequence[ToolStarted | ToolReturned]) -> None:
        await self._store.append(self._lease, self._seq, steps)
        self._seq += len(steps)
