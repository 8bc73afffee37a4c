"""What Slack delivers, read into the heart's nouns. Pure: a body gives an `Inbound`, or None when it is not for us."""

import re
from dataclasses import dataclass
from typing import Any

from agent.received import Click, ContinueClick, Message, OutcomeClick, Received, StopPressed, Withdraw
from agent.types import Attachment, Place, Said
from bot.messages import LONGEST_MESSAGE_CHARACTERS
from bot.plain import cut, visible

Body = Any  # JSON as Slack sends it; what is missing raises KeyError, and the delivery is not acked

# A person's own words; edits, deletions, joins and the like are not.
SPOKEN_SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
NAME_CHARACTERS = 200  # of a file's name
OUTCOMES = frozenset({"happened", "run_again", "leave"})


@dataclass(frozen=True, slots=True)
class Inbound:
    """One thing to be written into the inbox. `key` is the same for every delivery of it."""

    key: str
    received: Received
    place: Place | None = None  # None: where the action lives
    opens: bool = False  # it may start a session
    clicked_ts: str = ""  # when the button was pressed, by Slack's clock


def at(body: Body, *path: str) -> Any:
    """What stands at this path of a body, None where something on the way is missing."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return body  # pyright: ignore[reportUnknownVariableType]


def read_event(body: Body, bot_user_id: str) -> Inbound | None:
    """An Events API body."""
    event = at(body, "event")
    team = str(at(body, "team_id") or at(event, "team") or "")
    match at(event, "type"):
        case "app_mention" | "message":
            return _message(event, team, bot_user_id)
        case "agent_session_stopped":
            return _stopped(body, event, team)
        case _:
            return None


def _message(event: Body, team: str, bot_user_id: str) -> Inbound | None:
    user = at(event, "user")
    if at(event, "subtype") not in SPOKEN_SUBTYPES or at(event, "bot_id") or not user or user == bot_user_id:
        return None
    if "edited" in event:  # an edit that names the bot is delivered as a mention again
        return None
    channel, ts = str(event["channel"]), str(event["ts"])
    thread_ts = str(at(event, "thread_ts") or ts)
    raw = str(at(event, "text") or "")
    mentioned = f"<@{bot_user_id}" in raw or at(event, "type") == "app_mention"
    direct = at(event, "channel_type") == "im" or channel.startswith("D")
    if not mentioned and re.search(r"<@[UW][A-Z0-9]+", raw) and not direct:
        return None  # it is for somebody else
    if not mentioned and not direct and thread_ts == ts:
        return None  # said in a channel, to nobody in particular
    files = tuple(_attached(file) for file in at(event, "files") or () if at(file, "id"))
    said = Said(user=str(user), text=spoken(raw, bot_user_id), ts=ts, files=files)
    place = Place(team=team, channel=channel, thread_ts=thread_ts)
    key = f"message:{team}:{channel}:{ts}"  # one mention arrives as two events with two ids
    return Inbound(key, _formed(said, len(raw)), place, opens=mentioned or direct)


def _formed(said: Said, length: int) -> Message:
    """A message that the model reads, or one that is answered without it."""
    if len(said.text) > LONGEST_MESSAGE_CHARACTERS:
        return Message(said=said.model_copy(update={"text": ""}), form="too_long", length=length)
    return Message(said=said, form="text" if said.text or said.files else "bare", length=length)


def _attached(file: Body) -> Attachment:
    """A file by its id: what else is said of it here is only for people and the model to read, on one line."""
    name = cut(visible(" ".join(str(at(file, "name") or at(file, "title") or "without a name").split())), NAME_CHARACTERS)
    kind = cut(str(at(file, "mimetype") or at(file, "filetype") or ""), NAME_CHARACTERS)
    size = at(file, "size")
    return Attachment(id=str(at(file, "id")), name=name, mimetype=kind, size=size if isinstance(size, int) else 0)


_TOKEN = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")


def spoken(raw: str, bot_user_id: str) -> str:
    """Slack's text as the person wrote it: links and addresses in plain words, escapes undone, our own mention taken out."""

    def plain(match: re.Match[str]) -> str:
        target, label = match.group(1), match.group(2)
        if target.startswith("@"):
            return "" if target[1:] == bot_user_id else f"<{target}>"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        address = re.sub(r"^(mailto|tel):", "", target)
        return address if label in (None, "", address, target) else f"{label} ({address})"

    text = _TOKEN.sub(plain, raw)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _stopped(body: Body, event: Body, team: str) -> Inbound | None:
    channel, thread_ts = at(event, "channel") or at(event, "channel_id"), at(event, "thread_ts")
    if not channel or not thread_ts:
        return None
    place = Place(team=team, channel=str(channel), thread_ts=str(thread_ts))
    stop = StopPressed(user=str(at(event, "user") or at(event, "user_id")))
    return Inbound(f"event:{team}:{body['event_id']}", stop, place)


def read_clicks(body: Body) -> tuple[Inbound, ...]:
    """A `block_actions` body whose button decides something. Buttons that only show something are not for the inbox.

    One button may decide several actions: each is a click of its own, on the actions that the message showed with it.
    """
    action = body["actions"][0]
    user = str(body["user"]["id"])
    name, value, ts = str(at(action, "action_id")), str(at(action, "value")), str(at(action, "action_ts") or "")
    key = f"click:{user}:{name}:{value}:{ts}"
    match name:
        case "approve" | "approve_all":
            clicks = [Click(action_id=id, user=user, decision="approved") for id in value.split(",")]
            return tuple(Inbound(f"click:{user}:{name}:{click.action_id}:{ts}", click, clicked_ts=ts) for click in clicks)
        case "withdraw":
            withdraw = Withdraw(user=user, action_ids=tuple(value.split(",")))
            return (Inbound(key, withdraw, _thread_of(body), clicked_ts=ts),)
        case "continue" if value.isdigit():
            return (Inbound(key, ContinueClick(turn=int(value), user=user), _thread_of(body)),)
        case _ if name in OUTCOMES:
            click = OutcomeClick.model_validate({"action_id": value, "user": user, "answer": name})
            return (Inbound(key, click, clicked_ts=ts),)
        case _:
            return ()


def _thread_of(body: Body) -> Place:
    """The thread that a message with a button stands in."""
    thread_ts = str(at(body, "message", "thread_ts") or at(body, "message", "ts"))
    return Place(team=str(body["team"]["id"]), channel=str(body["channel"]["id"]), thread_ts=thread_ts)
