"""agents.sessions.* and the older assistant.threads.*: what is shown beside a thread while the bot works."""

from __future__ import annotations

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.types import Channel
from bot.sandbox.slack.web_api import Desk
from bot.sandbox.slack.wire import Json, Refused

STATUSES = ("active", "processing", "suspended", "closed")
TITLE_CHARACTERS = 200
LOADING_MESSAGES = 10
PROMPTS = 4


def set_status(desk: Desk, given: Arguments) -> Json:
    _only_agents(desk)
    channel, thread_ts = _thread(desk, given)
    status = put_status(desk, channel.id, thread_ts, given.needed("status"))
    key = (channel.id, thread_ts)
    if title := given.text("title"):
        desk.workspace.titles.setdefault(key, _title(title))
    answer: Json = {"status": status, "agent_status": status, "title": desk.workspace.titles.get(key, "")}
    subscribed: list[str] = desk.workspace.setting("settings.event_subscriptions.bot_events") or []
    if "agent_session_stopped" not in subscribed:
        answer["warning"] = "missing_agent_session_stopped_event_subscription"
    return answer


def put_status(desk: Desk, channel: str, thread_ts: str, status: str) -> str:
    if status not in STATUSES:
        raise Refused.with_messages("invalid_arguments", [f"must be one of: {', '.join(STATUSES)}"])
    desk.workspace.statuses[channel, thread_ts] = status
    desk.workspace.changed()
    return status


def rename(desk: Desk, given: Arguments) -> Json:
    _only_agents(desk)
    channel, thread_ts = _thread(desk, given)
    if (channel.id, thread_ts) not in desk.workspace.statuses:
        raise Refused("session_not_found")
    return _put_title(desk, channel, thread_ts, given)


def set_title(desk: Desk, given: Arguments) -> Json:
    channel, thread_ts = _thread(desk, given)
    return _put_title(desk, channel, thread_ts, given)


def set_thread_status(desk: Desk, given: Arguments) -> Json:
    """Show a sentence such as "is thinking..."; an empty one takes it away, and so does the bot's next post in the thread."""
    channel, thread_ts = _thread(desk, given)
    if "status" not in given:
        raise Refused.with_messages("invalid_arguments", ["missing required field: status"])
    loading = given.json_list("loading_messages") or []
    if len(loading) > LOADING_MESSAGES:
        raise Refused.with_messages("invalid_arguments", [f"no more than {LOADING_MESSAGES} items allowed"])
    status = given.text("status") or ""
    if status:
        desk.workspace.loading[channel.id, thread_ts] = status
    else:
        desk.workspace.loading.pop((channel.id, thread_ts), None)
    desk.workspace.changed()
    return {}


def set_suggested_prompts(desk: Desk, given: Arguments) -> Json:
    channel = desk.channel(given.needed("channel_id", "channel_not_found"))
    prompts = given.json_list("prompts") or []
    if not 1 <= len(prompts) <= PROMPTS or any(not one.get("title") or not one.get("message") for one in prompts):
        raise Refused.with_messages("invalid_arguments", [f"must be 1 to {PROMPTS} prompts of title and message"])
    desk.workspace.prompts[channel.id, given.text("thread_ts") or ""] = prompts
    desk.workspace.changed()
    return {}


def _only_agents(desk: Desk) -> None:
    """Refuse unless the app's manifest declares the agent view: only then has it sessions."""
    if desk.workspace.setting("features.agent_view") is None:
        raise Refused("not_authorized")


def _thread(desk: Desk, given: Arguments) -> tuple[Channel, str]:
    channel = desk.channel(given.needed("channel_id", "channel_not_found"))
    thread_ts = given.needed("thread_ts", "invalid_thread_ts")
    root = desk.workspace.message(channel.id, thread_ts)
    if root is None or root.thread_ts is not None:
        raise Refused("invalid_thread_ts")
    return channel, thread_ts


def _put_title(desk: Desk, channel: Channel, thread_ts: str, given: Arguments) -> Json:
    title = _title(given.needed("title"))
    desk.workspace.titles[channel.id, thread_ts] = title
    desk.workspace.changed()
    return {"title": title}


def _title(title: str) -> str:
    if len(title) > TITLE_CHARACTERS:
        raise Refused.with_messages("invalid_arguments", [f"must be less than {TITLE_CHARACTERS + 1} characters"])
    return title
