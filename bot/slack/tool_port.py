"""Slack as its own tools see it (`tools.slack.Slack`), on the Web API. What Slack refuses becomes a sentence for the model."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import CredentialsError, DelayedError, FencedError, NotBegunError, RefusedError, UnclearError
from agent.run.ports import Readers
from agent.tool.definition import ErrorKind, ToolError
from agent.types import Place
from bot.cards.block_kit import SECTION_CHARACTERS, SlackBlock, context, literal_text, mrkdwn
from bot.cards.harmless_text import cut, escaped, readable, visible
from bot.slack.metadata import POSTED_BY_TOOL, find_ts, metadata
from bot.slack.seen_text import seen
from bot.slack.web_api import Meaning, called, meaning, pages_of
from tools.slack import Channel, MessagePage, Person, SlackMessage

PAGE_MESSAGES = 200
MOST_PEOPLE_PAGES = 5
PAGE_PEOPLE = 1_000
KEPT_SECONDS = 300.0  # that names and profiles may be old
MOST_NAMES = 40  # that are looked up for one call
LOOK_BACK_SECONDS = 7 * 24 * 3600  # for what was posted right before a crash, however long nobody noticed that
PATIENCE_SECONDS = 3.0  # to wait for Slack's rate limit in the middle of a call


class SlackPort:
    """`reader` reads; `poster` asks the fence before each request, as the surface's client does; `team` is the
    installation's workspace; `readers` know who reads along in it."""

    def __init__(self, reader: AsyncWebClient, poster: AsyncWebClient, team: str, readers: Readers) -> None:
        self._reader = reader
        self._readers = readers
        self._poster = poster
        self._team = team
        self._known: dict[str, tuple[float, Person]] = {}
        self._people: tuple[float, Sequence[Person], bool] = (0.0, (), True)

    # ------------------------------------------------------------------------------------------ messages

    async def thread(self, place: Place, most: int) -> MessagePage:
        """See `Slack.thread`."""
        where = {"channel": place.channel, "ts": place.thread_ts, "limit": PAGE_MESSAGES}
        found: dict[str, SlackMessage] = {}  # the first message stands at the head of every page
        async for page in _pages_or_error(pages_of(self._reader, "conversations.replies", where)):
            found |= {str(message["ts"]): _message_read(message) for message in page["messages"]}
            if len(found) >= most:
                more = len(found) > most or bool(page.get("has_more"))
                return MessagePage(list(found.values())[:most], more)
        return MessagePage(list(found.values()), more=False)

    async def history(self, channel: str, oldest: float, most: int) -> MessagePage:
        """See `Slack.history`."""
        where = {"channel": channel, "oldest": f"{oldest:.6f}", "limit": most}
        page = await _answer_or_error(called(self._reader, "conversations.history", **where))
        return MessagePage([_message_read(message) for message in page["messages"]], more=bool(page.get("has_more")))

    # ------------------------------------------------------------------------------------------ who is where

    async def channel(self, id: str) -> Channel:
        """See `Slack.channel`."""
        return channel_from(
            (await _answer_or_error(called(self._reader, "conversations.info", channel=id)))["channel"], self._team
        )

    async def channels(self, user: str = "") -> Sequence[Channel]:
        """See `Slack.channels`."""
        of = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": PAGE_MESSAGES}
        listed = _pages_or_error(pages_of(self._reader, "users.conversations", {**of, **({"user": user} if user else {})}))
        return [channel_from(one, self._team) async for page in listed for one in page["channels"]]

    async def members(self, channel: str) -> frozenset[str]:
        """See `Slack.members`."""
        listed = _pages_or_error(pages_of(self._reader, "conversations.members", {"channel": channel, "limit": PAGE_PEOPLE}))
        return frozenset([str(user) async for page in listed for user in page["members"]])

    async def only_full_members(self, place: Place) -> bool:
        """See `Slack.only_full_members`."""
        return (await self._readers.audience(place)).everybody

    # ------------------------------------------------------------------------------------------ people

    async def names(self, users: Iterable[str]) -> Mapping[str, str]:
        """See `Slack.names`. A person who cannot be looked up goes by their id: a name is not worth a failed call."""
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
                if meaning(str(error)) == "gone":
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
        async for page in _pages_or_error(pages_of(self._reader, "users.list", {"limit": PAGE_PEOPLE})):
            found += [_person(one) for one in page["members"] if not one.get("deleted")]
            number += 1
            if number == MOST_PEOPLE_PAGES:
                following: Any = page.get("response_metadata") or {}
                whole = not following.get("next_cursor")
                break
        self._people = time.monotonic(), found, whole
        return found, whole

    # ------------------------------------------------------------------------------------------ posting

    async def post(self, channel: str, text: str, on_behalf_of: str, key: str, session: Place | None) -> str:
        """See `Slack.post`."""
        names = await self.names([on_behalf_of])
        message = {
            "channel": channel,
            "text": escaped(readable(text)),
            "blocks": _inert_blocks(text, names.get(on_behalf_of, on_behalf_of)),
            "metadata": metadata(POSTED_BY_TOOL, key, session),
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
        return await find_ts(_pages_or_error(pages_of(self._reader, "conversations.history", where)), POSTED_BY_TOOL, key)


# ---------------------------------------------------------------------------------------------- what Slack says


def _message_read(message: Any) -> SlackMessage:
    app: Any = message.get("bot_profile") or {}
    sender = message.get("user") or app.get("name") or message.get("username") or "an app"
    shown = seen(message)
    return SlackMessage(str(sender), shown.text, str(message["ts"]), shown.file_names, int(message.get("reply_count") or 0))


def channel_from(channel: Any, team: str) -> Channel:
    """Return a conversation from Slack's object, seen from the workspace `team`."""
    closed = any(channel.get(mark) for mark in ("is_private", "is_im", "is_mpim", "is_group"))
    shared = _is_shared(channel, team)
    return Channel(
        str(channel["id"]), str(channel.get("name") or ""), public=not (closed or shared), shared=shared, closed=closed
    )


def _is_shared(channel: Any, team: str) -> bool:
    """Return whether people of other workspaces read along, or are invited to. One that is shared within an organisation and
    does not say with which workspaces counts as shared (docs: Conversation object)."""
    if channel.get("is_ext_shared") or channel.get("is_pending_ext_shared"):
        return True
    named = [channel.get(field) or () for field in ("shared_team_ids", "connected_team_ids", "pending_connected_team_ids")]
    teams = {str(each) for field in (*named, channel.get("pending_shared") or ()) for each in field}
    return bool(teams - {team}) or (bool(channel.get("is_org_shared") or channel.get("is_shared")) and not teams)


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


def _inert_blocks(text: str, name: str) -> list[SlackBlock]:
    """Return the text, in which nothing is live, and for whom it is posted."""
    sections: list[SlackBlock] = [{"type": "section", "text": mrkdwn(part)} for part in _escaped_sections(readable(text))]
    return [*sections, context(literal_text(cut(f"Posted for {readable(name)}", 200)))]


def _escaped_sections(text: str) -> list[str]:
    """Return the text escaped, in as many parts as sections take: none of it is cut away."""
    whole = escaped(text)
    if len(whole) <= SECTION_CHARACTERS:
        return [whole]
    half = len(text) // 2
    return [*_escaped_sections(text[:half]), *_escaped_sections(text[half:])]


# ---------------------------------------------------------------------------------------------- trouble


async def _answer_or_error(call: Awaitable[Any]) -> Any:
    """Return what Slack answers. Raises ToolError."""
    try:
        return await call
    except (RefusedError, DelayedError, UnclearError) as error:
        _refuse(error)


async def _pages_or_error(listed: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield pages of what Slack answers. Raises ToolError."""
    try:
        async for page in listed:
            yield page
    except (RefusedError, DelayedError, UnclearError) as error:
        _refuse(error)


KINDS: Mapping[Meaning, ErrorKind] = {
    "gone": "not_found",
    "not_here": "permission_denied",
    "not_offered": "permission_denied",
    "not_offered_here": "permission_denied",
    "form": "invalid_input",
}


def _refuse(error: RefusedError | DelayedError | UnclearError) -> NoReturn:
    """Raise the ToolError that says the same in a sentence for the model."""
    match error:
        case CredentialsError():
            raise ToolError("permission_denied", f"Slack does not accept the bot's credentials ({error.code}).") from None
        case DelayedError():
            raise ToolError("unexpected", f"Slack's rate limit is reached: call it again in {error.seconds:g} seconds.") from None
        case UnclearError():
            raise ToolError("timeout", "Slack did not answer; try once more.") from None
        case RefusedError():
            raise ToolError(KINDS[meaning(str(error))], f"Slack refused it ({error}).") from None
