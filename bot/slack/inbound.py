"""What Slack delivers, read into the core's values. Pure: a body gives an `Inbound`, or None when it is not for us."""

import re
from dataclasses import dataclass
from typing import Any

from agent.session.inbox import Click, ContinueClick, Message, Nudge, OutcomeClick, Received, StopPressed, Where, Withdraw
from agent.types import Attachment, Place, Said
from bot.cards.harmless_text import cut, visible
from bot.cards.messages import LONGEST_MESSAGE_CHARACTERS
from bot.slack.as_made import as_made, user_in
from bot.slack.block_text import member
from bot.slack.seen_text import Seen, seen
from bot.slack.whom import Installation, author_of, for_whom
from tools.slack.text import MARKED

Body = Any  # JSON as Slack sends it; a delivery without what belongs to it is an OddDeliveryError

# Somebody's own words; deletions, joins and the like are not.
SPOKEN_SUBTYPES = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
NAME_CHARACTERS = 200  # of a file's name
OUTCOMES = frozenset({"happened", "run_again", "leave"})
BARE_IN_THREAD = (
    "[A mention without words. What is meant stands in this thread: "
    + "read it with slack_read_thread, and answer what is open there.]"
)


@dataclass(frozen=True, slots=True)
class Inbound:
    """One thing to be written into the inbox. `key` is the same for every delivery of it."""

    key: str
    received: Received
    place: Place | None = None  # None: where the action lives
    opens: bool = False  # it may start a session
    below_ours: bool = False  # it may hang below a message of ours: then it belongs to the session that posted that
    aside: bool = False  # it begins with a mention of others, so it counts only as an answer to a question of ours
    clicked_ts: str = ""  # when the button was pressed, by Slack's clock


@dataclass(frozen=True, slots=True)
class Unheard:
    """A message that would count if it were not of an app that the configuration does not name."""

    app: str  # its id, "USLACKBOT" for Slackbot; empty where Slack does not say it
    place: Place
    opens: bool


def at(body: Body, *path: str) -> Any:
    """Return the value at this path of a body, None where something on the way is missing."""
    for name in path:
        body = member(body, name)
    return body


@as_made()
def read_event(body: Body, us: Installation) -> Inbound | Unheard | None:
    """Read an Events API body. It belongs to the workspace of the installation, no matter which one it names. Raises
    OddDeliveryError."""
    event = at(body, "event")
    match at(event, "type"):
        case "message" if at(event, "subtype") == "message_changed":
            return _read_edit(event, us)
        case "app_mention" | "message":
            return _read_message(event, us)
        case "agent_session_stopped":
            return _stopped(body, event, us.team)
        case _:
            return None


def _read_edit(event: Body, us: Installation) -> Inbound | Unheard | None:
    """Read a message as it is now, if it was changed so that it mentions us. Its key is the one that it had."""
    now, before = event["message"], at(event, "previous_message", "text")
    if us.mentioned(str(before or "")) or not us.mentioned(str(at(now, "text") or "")):
        return None
    place = {"type": "message", "channel": event["channel"], "channel_type": at(event, "channel_type")}
    return _read_message({**{name: value for name, value in now.items() if name != "edited"}, **place}, us)


def _read_message(event: Body, us: Installation) -> Inbound | Unheard | None:
    if str(at(event, "subtype") or "") not in SPOKEN_SUBTYPES or (author := author_of(event, us)) is None:
        return None
    if "edited" in event:  # a mention that was edited comes again; what it was before, only `message_changed` says
        return None
    channel, ts, bot_user_id = str(event["channel"]), str(event["ts"]), us.bot_user_id
    thread_ts = str(at(event, "thread_ts") or ts)
    place = Place(team=us.team, channel=channel, thread_ts=thread_ts)
    raw = str(at(event, "text") or "")
    mentioned = us.mentioned(raw) or at(event, "type") == "app_mention"
    direct = at(event, "channel_type") == "im" or channel.startswith("D")
    whom = "us" if mentioned else for_whom(raw, us, direct=direct)
    if whom != "us" and thread_ts == ts:
        return None  # said in a channel, to nobody in particular
    if not author.heard:  # of the two events of a mention one is enough to say so
        return Unheard(author.app, place, opens=whom == "us") if at(event, "type") == "message" else None
    shown = seen(event)
    opener = str(at(event, "parent_user_id") or "")
    said = Said(
        user=author.id,
        text=text_as_written(shown.own, bot_user_id),
        ts=ts,
        files=tuple(_attached(file) for file in shown.files),
        opener=opener if opener not in (author.id, bot_user_id) else "",
    )
    if mentioned and thread_ts != ts and not (said.text or said.files or shown.below):
        said = said.model_copy(update={"text": BARE_IN_THREAD})
    key = f"message:{us.team}:{channel}:{ts}"  # one mention arrives as two events with two ids, and again when it is edited
    below_ours = thread_ts != ts and (opener == bot_user_id or (mentioned and not opener))  # a mention may not say below what
    message = _formed(said, shown, raw, us).model_copy(update={"app": author.app})
    return Inbound(key, message, place, opens=whom == "us", below_ours=below_ours, aside=whom == "others")


def from_elsewhere(message: Message, place: Place) -> Message:
    """Return a message for a session that it was not written in, saying where it stands."""
    said = message.said
    text = f"[written in <#{place.channel}>, below what you posted there] {said.text}" if said.text else ""
    return message.model_copy(update={"said": said.model_copy(update={"text": text})})


def _formed(said: Said, shown: Seen, raw: str, us: Installation) -> Message:
    """Return a message that the model reads, with what is shown below its own words, or one that is answered without it."""
    length = max(len(raw), len(shown.own))
    if len(said.text) > LONGEST_MESSAGE_CHARACTERS:
        return Message(said=said.model_copy(update={"text": ""}), form="too_long", length=length)
    text = "\n".join(filter(None, (said.text, text_as_written(shown.below, us.bot_user_id))))
    whole = said.model_copy(update={"text": text, "sources": shown.sources})
    return Message(said=whole, form="text" if text or said.files else "bare", length=length)


def _attached(file: Body) -> Attachment:
    """Return a file by its id: what else is said of it here is only for people and the model to read, on one line."""
    name = cut(visible(" ".join(str(at(file, "name") or at(file, "title") or "without a name").split())), NAME_CHARACTERS)
    kind = cut(str(at(file, "mimetype") or at(file, "filetype") or ""), NAME_CHARACTERS)
    size = at(file, "size")
    return Attachment(id=str(at(file, "id")), name=name, mimetype=kind, size=size if isinstance(size, int) else 0)


_TIMESTAMP = re.compile(r"\d{1,12}(\.\d{1,9})?")


def text_as_written(raw: str, bot_user_id: str) -> str:
    """Return Slack's text as the person wrote it: links and addresses in plain words, escapes undone, our own mention taken
    out."""

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

    text = MARKED.sub(plain, raw)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _stopped(body: Body, event: Body, team: str) -> Inbound | None:
    channel, thread_ts = at(event, "channel") or at(event, "channel_id"), at(event, "thread_ts")
    if not channel or not thread_ts:
        return None
    place = Place(team=team, channel=str(channel), thread_ts=str(thread_ts))
    stop = StopPressed(user=str(at(event, "user") or at(event, "user_id")))
    return Inbound(f"event:{team}:{body['event_id']}", stop, place)


@as_made()
def read_clicks(body: Body, team: str) -> tuple[Inbound, ...]:
    """Read a `block_actions` body whose button decides something. Buttons that only show something are not for the inbox.

    One button may decide several actions: each is a separate click, on the actions that the message showed with it. Raises
    OddDeliveryError.
    """
    action = body["actions"][0]
    user = user_in(body)
    name, value, ts = str(at(action, "action_id")), str(at(action, "value")), str(at(action, "action_ts") or "")
    clicked_ts = ts if _TIMESTAMP.fullmatch(ts) else ""
    key, where = f"click:{user}:{name}:{value}:{ts}", where_clicked(body)
    match name:
        case "approve" | "approve_all":
            clicks = [Click(action_id=id, user=user, decision="approved", where=where) for id in value.split(",")]
            return tuple(Inbound(f"click:{user}:{name}:{click.action_id}:{ts}", click, clicked_ts=clicked_ts) for click in clicks)
        case "withdraw":
            withdraw = Withdraw(user=user, action_ids=tuple(value.split(",")))
            return (Inbound(key, withdraw, thread_of(body, team), clicked_ts=clicked_ts),)
        case "nudge":
            nudge = Nudge(user=user, action_ids=tuple(value.split(",")), where=where or Where(channel=""))
            return (Inbound(key, nudge, clicked_ts=clicked_ts),)
        case "continue" if value.isdigit():
            return (Inbound(key, ContinueClick(turn=int(value), user=user), thread_of(body, team)),)
        case _ if name in OUTCOMES:
            click = OutcomeClick.model_validate({"action_id": value, "user": user, "answer": name, "where": where})
            return (Inbound(key, click, clicked_ts=clicked_ts),)
        case _:
            return ()


def thread_of(body: Body, team: str) -> Place:
    """Return the thread of a message with a button. `team` is the installation's."""
    thread_ts = str(at(body, "message", "thread_ts") or at(body, "message", "ts"))
    return Place(team=team, channel=str(body["channel"]["id"]), thread_ts=thread_ts)


def where_clicked(body: Body) -> Where | None:
    """Return where a message with a button stands, or the one that a dialog was opened from. None: it is on the Home tab."""
    channel, message = at(body, "channel", "id"), at(body, "message")
    if not channel:
        return where_told(body)
    thread_ts = str(at(message, "thread_ts") or "")
    return Where(channel=str(channel), thread_ts="" if thread_ts == str(at(message, "ts")) else thread_ts)


def where_told(body: Body) -> Where | None:
    """Return where the message stands that a dialog was opened from, as its second word says; None where it says nothing."""
    second = str(at(body, "view", "private_metadata") or "").split(" ")[1:2]
    return Where.model_validate_json(second[0]) if second and second[0].startswith("{") else None


def chosen(action: Body) -> str:
    """Return the value of a button, or of what was chosen in a menu."""
    return str(at(action, "selected_option", "value") or at(action, "value"))
