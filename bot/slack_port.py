"""Slack as its own tools see it (`tools.slack.Slack`), on the Web API. What Slack refuses becomes a sentence for the model."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import DelayedError, FencedError, NotBegunError, RefusedError, UnclearError
from agent.tool import ErrorKind, ToolError
from agent.types import Place
from bot.block_kit import Block
from bot.plain import cut, escaped, visible
from bot.web_api import called, pages
from tools.slack import Channel, Message, Page, Person

METADATA_TYPE = "signoff_message"  # of what a tool posts; cards and answers have another one
PAGE_MESSAGES = 200
MOST_PEOPLE_PAGES = 5
PAGE_PEOPLE = 1_000
KEPT_SECONDS = 300.0  # that names and profiles may be old
MOST_NAMES = 40  # that are looked up for one call
LOOK_BACK_SECONDS = 7 * 24 * 3600  # for what was posted right before a crash, however long nobody noticed that
SECTION_CHARACTERS = 3_000
PATIENCE_SECONDS = 3.0  # to wait for Slack's rate limit in the middle of a call


class SlackPort:
    """`reader` reads; `poster` asks the fence before each request, as the surface's client does."""

    def __init__(self, reader: AsyncWebClient, poster: AsyncWebClient) -> None:
        self._reader = reader
        self._poster = poster
        self._known: dict[str, tuple[float, Person]] = {}
        self._people: tuple[float, Sequence[Person], bool] = (0.0, (), True)

    # ------------------------------------------------------------------------------------------ messages

    async def thread(self, place: Place, most: int) -> Page:
        """See `Slack.thread`."""
        where = {"channel": place.channel, "ts": place.thread_ts, "limit": PAGE_MESSAGES}
        found: dict[str, Message] = {}  # the first message stands at the head of every page
        async for page in _said(pages(self._reader, "conversations.replies", where)):
            found |= {str(message["ts"]): _message(message) for message in page["messages"]}
            if len(found) >= most:
                more = len(found) > most or bool(page.get("has_more"))
                return Page(list(found.values())[:most], more)
        return Page(list(found.values()), more=False)

    async def history(self, channel: str, oldest: float, most: int) -> Page:
        """See `Slack.history`."""
        where = {"channel": channel, "oldest": f"{oldest:.6f}", "limit": most}
        page = await _told(called(self._reader, "conversations.history", **where))
        return Page([_message(message) for message in page["messages"]], more=bool(page.get("has_more")))

    # ------------------------------------------------------------------------------------------ who is where

    async def channel(self, id: str) -> Channel:
        """See `Slack.channel`."""
        return _channel((await _told(called(self._reader, "conversations.info", channel=id)))["channel"])

    async def channels(self, user: str = "") -> Sequence[Channel]:
        """See `Slack.channels`."""
        of = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": PAGE_MESSAGES}
        listed = _said(pages(self._reader, "users.conversations", {**of, **({"user": user} if user else {})}))
        return [_channel(one) async for page in listed for one in page["channels"]]

    async def members(self, channel: str) -> frozenset[str]:
        """See `Slack.members`."""
        listed = _said(pages(self._reader, "conversations.members", {"channel": channel, "limit": PAGE_PEOPLE}))
        return frozenset([str(user) async for page in listed for user in page["members"]])

    # ------------------------------------------------------------------------------------------ people

    async def names(self, users: Iterable[str]) -> Mapping[str, str]:
        """See `Slack.names`. Whoever cannot be looked up goes by their id: a name is not worth a failed call."""
        wanted = [user for user in users if user[:1] in "UW"][:MOST_NAMES]
        found = await asyncio.gather(*(self.person(user) for user in wanted), return_exceptions=True)
        return {person.id: person.name for person in found if isinstance(person, Person)}

    async def person(self, id: str) -> Person | None:
        """See `Slack.person`."""
        if not id.isalnum() or id[:1] not in "UW":
            return None
        at, known = self._known.get(id, (0.0, None))
        if known is None or time.monotonic() - at > KEPT_SECONDS:
            try:
                known = _person((await called(self._reader, "users.info", user=id))["user"])
            except RefusedError as error:
                if str(error) in ("user_not_found", "user_not_visible"):
                    return None
                _refuse(error)
            except (DelayedError, UnclearError) as error:
                _refuse(error)
            self._known[id] = time.monotonic(), known
        return known

    async def people(self) -> tuple[Sequence[Person], bool]:
        """See `Slack.people`."""
        at, people, whole = self._people
        if people and time.monotonic() - at < KEPT_SECONDS:
            return people, whole
        found: list[Person] = []
        number, whole = 0, True
        async for page in _said(pages(self._reader, "users.list", {"limit": PAGE_PEOPLE})):
            found += [_person(one) for one in page["members"] if not one.get("deleted")]
            number += 1
            if number == MOST_PEOPLE_PAGES:
                following: Any = page.get("response_metadata") or {}
                whole = not following.get("next_cursor")
                break
        self._people = time.monotonic(), found, whole
        return found, whole

    # ------------------------------------------------------------------------------------------ posting

    async def post(self, channel: str, text: str, on_behalf_of: str, key: str) -> str:
        """See `Slack.post`."""
        names = await self.names([on_behalf_of])
        message = {
            "channel": channel,
            "text": escaped(text),
            "blocks": _blocks(text, names.get(on_behalf_of, on_behalf_of)),
            "metadata": {"event_type": METADATA_TYPE, "event_payload": {"key": key}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        try:
            try:
                answer = await called(self._poster, "chat.postMessage", **message)
            except DelayedError as error:
                if error.seconds > PATIENCE_SECONDS:
                    raise
                await asyncio.sleep(error.seconds)
                answer = await called(self._poster, "chat.postMessage", **message)
        except FencedError as error:
            raise NotBegunError(str(error)) from None
        except UnclearError as error:
            raise ToolError("timeout", f"Slack's answer was lost ({error}).", unclear=True) from None
        except (RefusedError, DelayedError) as error:
            _refuse(error)
        return str(answer["ts"])

    async def find_post(self, channel: str, key: str) -> str | None:
        """See `Slack.find_post`."""
        since = f"{time.time() - LOOK_BACK_SECONDS:.6f}"
        where = {"channel": channel, "include_all_metadata": "true", "oldest": since, "limit": PAGE_MESSAGES}
        async for page in _said(pages(self._reader, "conversations.history", where)):
            for message in page["messages"]:
                metadata: Any = message.get("metadata") or {}
                if metadata.get("event_type") == METADATA_TYPE and metadata["event_payload"].get("key") == key:
                    return str(message["ts"])
        return None


# ---------------------------------------------------------------------------------------------- what Slack says


def _message(message: Any) -> Message:
    app: Any = message.get("bot_profile") or {}
    sender = message.get("user") or app.get("name") or message.get("username") or "an app"
    files = tuple(visible(str(file.get("name") or "a file")) for file in message.get("files") or ())
    return Message(str(sender), str(message.get("text") or ""), str(message["ts"]), files, int(message.get("reply_count") or 0))


def _channel(channel: Any) -> Channel:
    closed = any(channel.get(mark) for mark in ("is_private", "is_im", "is_mpim", "is_group"))
    return Channel(str(channel["id"]), str(channel.get("name") or ""), public=not closed)


def _person(user: Any) -> Person:
    profile: Any = user.get("profile") or {}
    return Person(
        id=str(user["id"]),
        name=visible(str(profile.get("real_name") or user.get("real_name") or user.get("name") or user["id"])),
        handle=str(user.get("name") or ""),
        display_name=visible(str(profile.get("display_name") or "")),
        title=visible(str(profile.get("title") or "")),
        time_zone=str(user.get("tz") or ""),
        utc_offset_seconds=int(user.get("tz_offset") or 0),
        bot=bool(user.get("is_bot")),
        guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
    )


def _blocks(text: str, name: str) -> list[Block]:
    """The text, in which nothing is live, and for whom it stands there."""
    sections: list[Block] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": part, "verbatim": True}} for part in _parts(text)
    ]
    posted_for = {"type": "plain_text", "text": cut(f"Posted for {visible(name)}", 200), "emoji": False}
    return [*sections, {"type": "context", "elements": [posted_for]}]


def _parts(text: str) -> list[str]:
    """The text escaped, in as many parts as sections take: none of it is cut away."""
    whole = escaped(text)
    if len(whole) <= SECTION_CHARACTERS:
        return [whole]
    half = len(text) // 2
    return [*_parts(text[:half]), *_parts(text[half:])]


# ---------------------------------------------------------------------------------------------- trouble


async def _told(call: Awaitable[Any]) -> Any:
    """What Slack answers. Raises ToolError."""
    try:
        return await call
    except (RefusedError, DelayedError, UnclearError) as error:
        _refuse(error)


async def _said(listed: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Pages of what Slack answers. Raises ToolError."""
    try:
        async for page in listed:
            yield page
    except (RefusedError, DelayedError, UnclearError) as error:
        _refuse(error)


KINDS: Mapping[str, ErrorKind] = {
    "channel_not_found": "not_found",
    "is_archived": "permission_denied",
    "missing_scope": "permission_denied",
    "msg_too_long": "invalid_input",
    "not_in_channel": "permission_denied",
    "restricted_action": "permission_denied",
    "thread_not_found": "not_found",
    "user_not_found": "not_found",
}


def _refuse(error: RefusedError | DelayedError | UnclearError) -> NoReturn:
    """The same in a sentence for the model."""
    match error:
        case DelayedError():
            raise ToolError("unexpected", f"Slack's rate limit is reached: call it again in {error.seconds:g} seconds.") from None
        case UnclearError():
            raise ToolError("timeout", "Slack did not answer; try once more.") from None
        case RefusedError():
            raise ToolError(KINDS.get(str(error), "unexpected"), f"Slack refused it ({error}).") from None
