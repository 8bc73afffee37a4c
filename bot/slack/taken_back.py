"""Messages that were deleted, or say something else by now: what was learnt from them is to be forgotten."""

from dataclasses import dataclass
from typing import Any

from agent.types import Place
from bot.slack.inbound import at
from bot.slack.whom import Installation


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A message whose words do not stand any more, and the thread that it was said in."""

    ts: str
    place: Place


def taken_back(body: Any, us: Installation) -> TakenBack | None:
    """Return the message that an event takes back; None for any other event, and where only a preview of a link was added."""
    event = at(body, "event")
    if at(body, "type") != "event_callback" or at(event, "type") != "message":
        return None
    before, channel = at(event, "previous_message"), at(event, "channel")
    match at(event, "subtype"):
        case "message_deleted":
            ts = at(event, "deleted_ts") or at(before, "ts")
        case "message_changed" if at(event, "message", "text") != at(before, "text"):
            ts = at(event, "message", "ts")
        case _:
            return None
    if not isinstance(ts, str) or not isinstance(channel, str):
        return None
    thread_ts = at(before, "thread_ts") or at(event, "message", "thread_ts") or ts
    return TakenBack(ts, Place(team=us.team, channel=channel, thread_ts=str(thread_ts)))
