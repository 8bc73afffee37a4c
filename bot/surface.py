"""Slack as the heart sees it: post, find, show, whisper. Every send asks the fence first, once a connection is at hand."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from agent import fence
from agent.errors import DelayedError, FencedError, RefusedError, UnclearError
from agent.grants import grantable
from agent.moves import Answer, Cards, Content, Notice, Question
from agent.ports import SurfaceStatus
from agent.tool import Tools
from agent.types import Approvers, Place, Verdict
from bot.arguments import Mask, unmasked
from bot.cards import card_blocks, card_text, question_blocks, question_text, who_may_decide
from bot.messages import answer_blocks, answer_text, notice_blocks, notice_text
from bot.plain import cut, visible
from bot.web_api import called, pages

log = logging.getLogger(__name__)

METADATA_TYPE = "signoff_post"
LOOK_BACK_SECONDS = 24 * 3600  # for a copy of a card in a channel: it was to be posted right before the crash
ANSWER_SECONDS = 10.0  # for one Web API call
PROGRESS_CHARACTERS = 120
# The workspace or the app has no agent sessions: then the older thread status is tried, then none.
NO_SESSIONS = frozenset(
    {"not_authorized", "not_allowed", "unknown_method", "missing_scope", "method_not_supported_for_channel_type"}
)


def open_client(token: str, api_url: str) -> AsyncWebClient:
    """A Web API client that never repeats a call by itself: whoever calls knows whether that is safe.

    Must be called inside a running loop. Its session belongs to the caller: `await client.session.close()`.
    """
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_begin)
    trace.on_connection_reuseconn.append(_begin)
    trace.on_request_chunk_sent.append(_begin)  # called before the chunk is written, headers and body in one
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    session = aiohttp.ClientSession(timeout=timeout, trace_configs=[trace])
    return AsyncWebClient(token, base_url=api_url, session=session, retry_handlers=[])


async def _begin(*_: Any) -> None:
    """The last moment before the request's bytes leave: the connection is there."""
    fence.begin()


class SlackSurface:
    """The surface port on Slack's Web API."""

    def __init__(self, client: AsyncWebClient, tools: Tools, mask: Mask = unmasked) -> None:
        self._client = client
        self._mask = mask
        self._tools = tools
        self._status_methods = [self._session_status, self._thread_status]
        self._progress_is_shown = True
        self._behind: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------------------------------ messages

    async def post(self, place: Place, content: Content, key: str) -> str:
        """See `Surface.post`."""
        metadata = {"event_type": METADATA_TYPE, "event_payload": {"key": key}}
        answer = await self._call(
            "chat.postMessage",
            channel=place.channel,
            **({"thread_ts": place.thread_ts} if place.thread_ts else {}),
            metadata=metadata,
            unfurl_links=False,
            unfurl_media=False,
            **self._rendered(content, place),
        )
        return str(answer["ts"])

    async def find(self, place: Place, key: str) -> str | None:
        """See `Surface.find`. Only asked after a crash or a lost answer: some apps may ask this once a minute."""
        where = {"channel": place.channel, "include_all_metadata": True, "limit": 200}
        if place.thread_ts:
            found = self._pages("conversations.replies", {**where, "ts": place.thread_ts})
        else:
            found = self._pages("conversations.history", {**where, "oldest": f"{time.time() - LOOK_BACK_SECONDS:.6f}"})
        async for page in found:
            for message in page["messages"]:
                metadata: Any = message.get("metadata") or {}
                if metadata.get("event_type") == METADATA_TYPE and metadata["event_payload"].get("key") == key:
                    return str(message["ts"])
        return None

    async def show(self, place: Place, cards: Cards, ts: str) -> None:
        """See `Surface.show`."""
        await self._call("chat.update", channel=place.channel, ts=ts, **self._rendered(cards, place))

    def _rendered(self, content: Content, place: Place) -> dict[str, Any]:
        """Blocks, and the same as text."""
        mask = self.mask_in(place)
        match content:
            case Cards():
                blocks = card_blocks(content, self._tools, mask=mask, may_grant=grantable)
                return {"text": card_text(content, self._tools, mask), "blocks": blocks}
            case Question(card=card):
                tool = self._tools.get(card.tool)
                return {"text": question_text(card, tool, mask), "blocks": question_blocks(card, tool, mask)}
            case Answer():
                return {"text": answer_text(content), "blocks": answer_blocks(content)}
            case Notice():
                notice = notice_blocks(content, self._tools, mask)
                return {"text": notice_text(content, self._tools, mask), **({"blocks": notice} if notice else {})}

    def mask_in(self, place: Place) -> Mask:
        """Personal data is masked wherever more people read than the one who talks to the bot."""
        return unmasked if place.channel.startswith("D") else self._mask

    # ------------------------------------------------------------------------------------------ people

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """See `Surface.may_decide`. Slack is asked at each click, and only where the answer depends on it."""
        if user in requesters and approvers.requester is not None:
            return approvers.requester
        if user in approvers.users:
            return True
        if approvers.channel_members and await self._listed("conversations.members", {"channel": place.channel}, user):
            return True
        for group in approvers.groups:
            if await self._listed("usergroups.users.list", {"usergroup": group}, user):
                return True
        return False

    async def _listed(self, method: str, of: dict[str, str], user: str) -> bool:
        """Whether a list of people holds this one. Fails closed: a list that Slack does not give is unclear, never a yes."""
        try:
            async for page in self._pages(method, {**of, "limit": 1000}):
                if user in (page.get("members") or page.get("users") or ()):
                    return True
        except RefusedError as error:
            raise UnclearError(f"{method} cannot be asked: {error}") from error
        return False

    async def listed(self, method: str, of: dict[str, str]) -> frozenset[str]:
        """Everybody on a list of people. Raises UnclearError or DelayedError when Slack does not give it."""
        try:
            listed = self._pages(method, {**of, "limit": 1000})
            return frozenset([str(user) async for page in listed for user in page.get("members") or page.get("users") or ()])
        except RefusedError as error:
            raise UnclearError(f"{method} cannot be asked: {error}") from error

    async def is_admin(self, user: str) -> bool:
        """See `Surface.is_admin`. Where the app may not ask, nobody counts as one."""
        try:
            found = (await self._call("users.info", user=user))["user"]
        except RefusedError as error:
            log.warning("users.info cannot be asked: %s", error)
            return False
        return bool(found.get("is_admin") or found.get("is_owner"))

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """See `Surface.whisper`. Somebody outside the channel cannot be told inside it: they get a direct message."""
        where = {"channel": place.channel, "thread_ts": place.thread_ts, "user": user}
        if await self._best_effort("chat.postEphemeral", **where, text=text) != "user_not_in_channel":
            return
        try:
            opened = await self._call("conversations.open", users=user)
            await self._call("chat.postMessage", channel=opened["channel"]["id"], text=text)
        except (RefusedError, DelayedError, UnclearError, FencedError) as error:
            log.info("%s could not be told: %s", user, error)

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """See `Surface.tell_who_may_decide`."""
        who = who_may_decide(verdict, requesters)
        await self.whisper(place, user, f"Your click did not count: this is to be decided by {who}. Nothing was changed.")

    # ------------------------------------------------------------------------------------------ status

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """See `Surface.status`. A method that this workspace does not have is not tried again."""
        while self._status_methods:
            method = self._status_methods[0]
            error = await method(place, status)
            if error not in NO_SESSIONS:
                return
            log.info("session status is not available here (%s)", error)
            if self._status_methods and self._status_methods[0] == method:
                del self._status_methods[0]

    async def _session_status(self, place: Place, status: SurfaceStatus) -> str | None:
        return await self._best_effort(
            "agents.sessions.setStatus", channel_id=place.channel, thread_ts=place.thread_ts, status=status
        )

    async def _thread_status(self, place: Place, status: SurfaceStatus) -> str | None:
        words = "is working on it…" if status == "processing" else ""
        return await self._best_effort(
            "assistant.threads.setStatus", channel_id=place.channel, thread_ts=place.thread_ts, status=words
        )

    async def progress(self, place: Place, call_id: str, text: str) -> None:
        """See `Surface.progress`. In the thread's status, which Slack takes away with the bot's next message."""
        if self._progress_is_shown:
            words = f"is working on it: {cut(visible(self.mask_in(place)(text)), PROGRESS_CHARACTERS)}" if text else ""
            where = {"channel_id": place.channel, "thread_ts": place.thread_ts}
            error = await self._best_effort("assistant.threads.setStatus", **where, status=words)
            self._progress_is_shown = error not in NO_SESSIONS

    # ------------------------------------------------------------------------------------------ calls

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def drain(self) -> None:
        """Until nothing is left behind."""
        if self._behind:
            await asyncio.wait(set(self._behind), timeout=2)

    async def _best_effort(self, method: str, **arguments: Any) -> str | None:
        """Slack's error when it refused; trouble on the way is only logged, since nothing depends on it."""
        try:
            await self._call(method, **arguments)
        except RefusedError as error:
            return str(error)
        except (DelayedError, UnclearError, FencedError) as error:
            log.info("%s was not done: %s", method, error)
        return None

    def _pages(self, method: str, arguments: dict[str, Any]) -> AsyncIterator[Any]:
        return pages(self._client, method, arguments)

    async def _call(self, method: str, **arguments: Any) -> Any:
        """One Web API call, tried once. Raises RefusedError, DelayedError, UnclearError, FencedError."""
        return await called(self._client, method, **arguments)
