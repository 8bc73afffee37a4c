"""`signoff log`: what was said and done, a line a message, with personal data masked."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC
from typing import Any

from agent.conversation_log.reading import Logged, Wanted, logged
from agent.reports.runs import session_named
from bot.cards.harmless_text import cut, visible
from bot.commands.trace import UNKNOWN
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.stores.database import connected

LINE_CHARACTERS = 240  # of a message's words


def print_log(settings: Settings, wanted: Wanted, conversation: str | None, *, as_json: bool) -> None:
    """Print the messages that are asked for; of one conversation where it is named. Raises Refusal."""
    asyncio.run(_print_log(settings, wanted, conversation, as_json=as_json))


async def _print_log(settings: Settings, wanted: Wanted, conversation: str | None, *, as_json: bool) -> None:
    found = False
    async with connected(settings) as connection:
        if conversation is not None:
            named = await session_named(connection, conversation.strip())
            if named is None:
                raise Refusal(UNKNOWN.format(visible(conversation)), status=ExitStatus.FOUND)
            wanted = replace(wanted, session_id=named.session_id, trace_id=named.trace_id)
        async for message in logged(connection, wanted):
            found = True
            print(json.dumps(as_value(message), ensure_ascii=False) if as_json else line(message))
    if not found:
        raise Refusal(
            "No message of the log is like that; what was said in the last seconds is not in it yet.", status=ExitStatus.FOUND
        )


def as_value(message: Logged) -> Mapping[str, Any]:
    """Return a message as JSON holds it: one object."""
    return {**asdict(message), "at": message.at.astimezone(UTC).isoformat()}


def line(message: Logged) -> str:
    """Return a message in one line: when, where, who, what, and its words."""
    who = message.ids.get("user") or message.ids.get("by") or ""
    what = " ".join(each for each in (message.role, str(who), message.tool, message.outcome) if each)
    words = cut(" ".join(_named_words(name, value) for name, value in message.words.items()), LINE_CHARACTERS)
    moment = f"{message.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return "  ".join(visible(" ".join(each.split())) for each in (moment, message.session_id, what, words) if each)


def _named_words(name: str, value: Any) -> str:
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return told if name == "text" else f"{name}: {told}"
