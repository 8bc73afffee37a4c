"""The key in a message's metadata, by which it is found again after a crash or a lost answer."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from agent.foreign_json import members
from agent.types import Place
from bot.slack.web_api import called

POSTED = "signoff_post"  # of cards, answers and notices
POSTED_BY_TOOL = "signoff_message"


def metadata(event_type: str, key: str, session: Place | None = None) -> dict[str, Any]:
    """Return what goes into a message's `metadata`. `session`: whose message it is, where that does not follow from the key."""
    belongs = session.model_dump(include={"channel", "thread_ts"}) if session is not None else {}
    return {"event_type": event_type, "event_payload": {"key": key, **belongs}}


async def find_ts(pages: AsyncIterator[Any], event_type: str, key: str) -> str | None:
    """Return the ts of the message with this key, in pages that were asked for with `include_all_metadata`. Raises as they do."""
    async for page in pages:
        for message in page["messages"]:
            held = members(message.get("metadata"))
            if held.get("event_type") == event_type and members(held.get("event_payload")).get("key") == key:
                return str(message["ts"])
    return None


async def held_above(client: AsyncWebClient, place: Place, bot_user_id: str) -> tuple[str, Mapping[str, Any]]:
    """Return type and payload of the metadata of our message that this thread hangs below; empty: it hangs below something else.

    Raises as every call does.
    """
    where = {"channel": place.channel, "ts": place.thread_ts, "include_all_metadata": True, "limit": 1}
    messages: Any = (await called(client, "conversations.replies", **where))["messages"]
    first: Any = messages[0] if messages else None
    held = members(members(first).get("metadata"))
    ours = bool(held) and members(first).get("user") == bot_user_id
    return (str(held.get("event_type")), members(held.get("event_payload"))) if ours else ("", {})
