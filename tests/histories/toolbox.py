"""Tools whose effect is an entry in the ledger, which no database of ours knows of."""

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from agent.tool import Effect, Result, Tool, ToolContext, ToolError, Tools, registry
from agent.types import Change, Preview
from tests.histories.outside import Run, now

if TYPE_CHECKING:
    from tests.histories.process import Process

TIME_LIMIT_SECONDS = 0.5
REPEATABLE = frozenset({"look", "send"})  # whose handlers a second run does no harm to


class Amount(BaseModel):
    """What every tool takes."""

    n: int = 0


def toolbox(process: "Process") -> Tools:
    """The tools of one process: a read, writes of three kinds, and one that cannot be undone."""
    outside = process.outside

    async def stumble(before: bool) -> None:
        """On the way to the effect, and on the way back."""
        await process.goes_on()
        await outside.dawdle()
        if before and outside.happens(0.05):
            raise ToolError("not_found", "There is no such thing.")
        if not before and outside.happens(0.04):
            await asyncio.sleep(10)  # the time limit ends it
        if not before and outside.happens(0.06):
            raise RuntimeError("the answer was lost")
        await process.goes_on()

    def tool(name: str, effect: Effect, **more: Any) -> Tool:
        async def handler(arguments: Amount, context: ToolContext) -> dict[str, Any]:
            run = Run(context.session_id, name, arguments.model_dump(), context.idempotency_key, began=now())
            outside.ledger.append(run)
            try:
                await stumble(before=True)
                run.happened = now()
                await stumble(before=False)
                return {"done": arguments.n}
            finally:
                run.ended = now()

        return Tool(
            name=name,
            description=name,
            arguments=Amount,
            handler=handler,
            effect=effect,
            time_limit_seconds=TIME_LIMIT_SECONDS,
            **more,
        )

    async def preview(arguments: Amount, context: ToolContext) -> Preview:
        await stumble(before=True)
        return Preview(changes=(Change(what="n", before="0", after=str(arguments.n)),))

    async def reconcile(arguments: Amount, context: ToolContext) -> Result | None:
        await stumble(before=True)
        there = any(run.key == context.idempotency_key and run.happened for run in outside.ledger)
        return Result(ok=True, result={"done": arguments.n}) if there else None

    return registry(
        [
            tool("look", Effect.READ),
            tool("pay", Effect.WRITE),
            tool("send", Effect.WRITE, idempotent=True, preview=preview),
            tool("book", Effect.WRITE, reconcile=reconcile),
            tool("wipe", Effect.IRREVERSIBLE, preview=preview),
        ]
    )
