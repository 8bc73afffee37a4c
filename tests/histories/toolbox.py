"""Tools whose effect is an entry in the ledger, which no database of ours knows of; what is said of them changes at any time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from agent.tool import bound
from agent.tool.definition import Effect, Result, Tool, ToolContext, ToolError
from agent.types import Change, Preview
from tests.histories.outside import Outside, Run, now

TIME_LIMIT_SECONDS = 0.5
REPEATABLE = frozenset({"look", "fetch", "send"})  # whose handlers a second run does no harm to
PRICED = frozenset({"send", "wipe"})
EFFECTS = {"look": Effect.READ, "fetch": Effect.EGRESS, "wipe": Effect.IRREVERSIBLE}  # the others write


class Amount(BaseModel):
    """What most tools take."""

    n: int = 0
    note: str | None = None


class Address(BaseModel):
    """What is fetched."""

    url: str


def price_of(outside: Outside) -> str:
    """What is paid for a thing now."""
    return f"{outside.price} EUR"


def page_of(arguments: Address) -> str:
    """Where a text comes from."""
    return f"the page {arguments.url}"


def words_of(tool: str, version: int) -> str:
    """What a tool's author says of it."""
    return f"Does what {tool} does in its version {version}."


def effect_of(tool: str, version: int) -> Effect:
    """What its author says of its effect: paying cannot be undone in every other version."""
    return Effect.IRREVERSIBLE if tool == "pay" and version % 2 else EFFECTS.get(tool, Effect.WRITE)


async def nowhere() -> None:
    """Where nothing is on the way."""


class Toolbox(Mapping[str, Tool]):
    """The tools of one process, as their authors have them at the moment it is looked at: reads, writes of three kinds, and one
    that cannot be undone."""

    def __init__(self, outside: Outside, goes_on: Callable[[], Awaitable[None]] = nowhere) -> None:
        self._outside, self._goes_on = outside, goes_on
        self._made: dict[tuple[str, int], Tool] = {}

    def __getitem__(self, name: str) -> Tool:
        if name not in NAMES:
            raise KeyError(name)
        version = self._outside.versions[name]
        if (name, version) not in self._made:
            self._made[name, version] = self._tool(name, version)
        return self._made[name, version]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def _tool(self, name: str, version: int) -> Tool:
        more: dict[str, Any] = {
            "send": {"idempotent": True, "preview": self._preview},
            "book": {"reconcile": self._reconcile},
            "wipe": {"preview": self._preview},
            "fetch": {"untrusted": page_of},
        }.get(name, {})
        words, effect = words_of(name, version), effect_of(name, version)

        async def handler(arguments: BaseModel, context: ToolContext) -> dict[str, Any]:
            return await self._handle(name, words, effect, arguments, context)

        return Tool(
            name=name,
            description=name,
            arguments=Address if name == "fetch" else Amount,
            handler=handler,
            effect=effect,
            consequence=words,
            time_limit_seconds=TIME_LIMIT_SECONDS,
            **more,
        )

    async def _handle(self, name: str, words: str, effect: str, arguments: BaseModel, context: ToolContext) -> dict[str, Any]:
        outside = self._outside
        run = Run(context.session_id, name, arguments.model_dump(), context.idempotency_key, words, effect, began=now())
        outside.ledger.append(run)
        try:
            await self._stumble(before=True)
            if name in PRICED:
                self._pay(run, context)
            run.happened = now()
            await self._stumble(before=False)
            return {"done": context.idempotency_key}
        finally:
            run.ended = now()

    def _pay(self, run: Run, context: ToolContext) -> None:
        """At the price that was shown, or not at all; once for each key. Raises ChangedError."""
        before = [other for other in self._outside.ledger if other.key == run.key and other.happened and other.price]
        if not before and context.bound:
            run.turned_back = context.bound != self._bound()
            bound.check_bound(context.bound, self._bound())
        run.price = before[0].price if before else price_of(self._outside)

    def _bound(self) -> dict[str, Any]:
        return {"n": {"price": price_of(self._outside)}}

    async def _preview(self, arguments: Amount, context: ToolContext) -> Preview:
        outside = self._outside
        await self._stumble(before=False)
        outside.looks += 1
        if outside.happens(0.1):
            outside.would_fail.append(f"Nobody takes it, as look {outside.looks} found.")
            raise ToolError("not_found", outside.would_fail[-1])
        changes = (Change(what="n", before="0", after=str(arguments.n)), Change(what="price", after=price_of(outside)))
        return Preview(changes=changes, bound=self._bound())

    async def _reconcile(self, arguments: Amount, context: ToolContext) -> Result | None:
        await self._stumble(before=True)
        there = any(run.key == context.idempotency_key and run.happened for run in self._outside.ledger)
        return Result(ok=True, result={"done": arguments.n}) if there else None

    async def _stumble(self, *, before: bool) -> None:
        """On the way to the effect, and on the way back."""
        outside = self._outside
        await self._goes_on()
        await outside.dawdle()
        if before and outside.happens(0.05):
            raise ToolError("not_found", "There is no such thing.")
        if not before and outside.happens(0.05):
            await asyncio.sleep(10)  # the time limit ends it
        if not before and outside.happens(0.1):
            raise RuntimeError("the answer was lost")
        await self._goes_on()


NAMES = ("book", "fetch", "look", "pay", "send", "wipe")
