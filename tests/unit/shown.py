"""Cards for the tests of how they look, and what a reader of their blocks finds in them."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from agent.decide.moves import Card
from agent.tool.definition import Effect, Tool, ToolContext, registry
from agent.types import Verdict
from bot.cards.harmless_text import hidden, unisolated

NOW = datetime(2026, 11, 22, tzinfo=UTC)
VERDICT = Verdict(answer="ask", rule="default")


class Anything(BaseModel):
    """Arguments of any name."""

    model_config = ConfigDict(extra="allow")


class Payment(BaseModel):
    """Arguments of which some are nothing by default."""

    model_config = ConfigDict(extra="allow")

    to: Any = ""
    amount: Any = None


async def _handler(arguments: Any, context: ToolContext) -> dict[str, Any]:
    raise AssertionError("nothing is run here")


def _to_whom(arguments: Anything) -> str:
    return f"Send to {(arguments.model_extra or {}).get('to')}"


def always(tool: Tool, verdict: Verdict) -> bool:
    """Every call may be allowed from now on."""
    return True


def tool(name: str, effect: Effect = Effect.WRITE, **fields: Any) -> Tool:
    return Tool(name=name, description=name, arguments=Anything, handler=_handler, effect=effect, **fields)


TOOLS = registry(
    [
        tool("order", verb="Place order", consequence="Takes it out of stock.", undo="Can be cancelled."),
        tool("delete", Effect.IRREVERSIBLE, verb="Delete", consequence="It is gone."),
        tool("mail", verb="Send", headline=_to_whom),
        replace(tool("move", verb="Move", named=("to", "amount"), receipt="id", several="payments"), arguments=Payment),
    ]
)


def card(arguments: dict[str, Any], tool: str = "pay", action_id: str = "A1", **fields: Any) -> Card:
    """A card; by default of a tool that is not there any more: the plainest one."""
    given: dict[str, Any] = {"requesters": ("U1",), "verdict": VERDICT, **fields}
    return Card(action_id, tool, arguments, "d" * 64, expires_at=NOW, **given)


def texts_of(blocks: Any) -> list[str]:
    """Every text in the blocks, as a reader of the JSON sees it."""
    match blocks:
        case list():
            return [text for block in cast(list[Any], blocks) for text in texts_of(block)]
        case dict():
            return [text for value in cast(dict[str, Any], blocks).values() for text in texts_of(value)]
        case str():
            return [blocks]
        case _:
            return []


def shown(blocks: Any) -> str:
    return "\n".join(texts_of(blocks))


def every(blocks: Any, kind: str) -> list[dict[str, Any]]:
    """The objects of a type, wherever they stand in the blocks."""
    match blocks:
        case list():
            return [found for block in cast(list[Any], blocks) for found in every(block, kind)]
        case dict():
            fields = cast(dict[str, Any], blocks)
            inside = [found for value in fields.values() for found in every(value, kind)]
            return [fields, *inside] if fields.get("type") == kind else inside
        case _:
            return []


def buttons(blocks: Any) -> dict[str, dict[str, Any]]:
    """The buttons by action id, of one row."""
    return {one["action_id"]: one for one in every(blocks, "button")}


def menu(blocks: Any) -> list[str]:
    """The values of what the menus of the blocks offer."""
    return [option["value"] for one in every(blocks, "overflow") for option in one["options"]]


# What our own sentences make live: people, the group and the channel of a rule, a time. The ids are those of the tests.
OURS = re.compile(r"<@U\d>|<!subteam\^S\d>|<#C\d>|<!date\^\d+\^[^<>|]+\|[^<>|]+>")
RICH = {"rich_text_section", "rich_text_preformatted", "text"}


def live(blocks: Any) -> list[str]:
    """What Slack would make live that no sentence of ours spelled out, and characters that reorder or hide others."""
    found = [one["text"] for one in every(blocks, "mrkdwn") if re.search("[<>]", OURS.sub("", one["text"]))]
    found += [one["text"] for one in every(blocks, "plain_text") if one.get("emoji", True) and ":" in one["text"]]
    found += [str(one) for rich in every(blocks, "rich_text") for one in rich["elements"] if set(_types(one)) - RICH]
    return found + [text for text in texts_of(blocks) if any(map(hidden, unisolated(text)))]


def _types(blocks: Any) -> list[str]:
    if isinstance(blocks, list):
        return [kind for block in cast(list[Any], blocks) for kind in _types(block)]
    fields = cast(dict[str, Any], blocks)
    return [fields["type"], *_types(fields.get("elements", []))]
