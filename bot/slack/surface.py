"""Slack as the core sees it: post, find, show, whisper. Every send asks the fence first, once a connection is at hand.

Long because it implements one port, whose methods share what they know of Slack.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from agent.approvals.deciders import Membership, deciders_of
from agent.approvals.grants import grantable
from agent.decide.moves import AnswerPart, Card, CardNotice, Cards, Content, DirectMessage, Notice, Question, Work
from agent.errors import CredentialsError, DelayedError, FencedError, RefusedError, UnclearError
from agent.run.background import Background
from agent.run.ports import SurfaceStatus
from agent.tool.definition import Tools
from agent.types import Approvers, Place, Verdict
from bot.cards.cards import card_blocks, card_text, question_blocks, question_text, who_may_decide
from bot.cards.direct import direct_blocks, direct_text
from bot.cards.harmless_text import cut, visible
from bot.cards.messages import answer_blocks, answer_text, notice_blocks, notice_text, plain_answer
from bot.cards.notices import card_notice_blocks, card_notice_text
from bot.cards.people import called_upon
from bot.cards.plan import plan_blocks, plan_text
from bot.cards.unmentioned import mentioned_in, unmentioned
from bot.cards.values import Mask, unmasked
from bot.slack import enough
from bot.slack.metadata import POSTED, find_ts, metadata
from bot.slack.one_person import NO_PREVIEWS, OnePerson
from bot.slack.people import decides, home_team, membership_of, people_on, user_of
from bot.slack.profiles import Profiles
from bot.slack.streams import Streams
from bot.slack.tool_port import channel_from
from bot.slack.web_api import called, meaning, pages_of

log = logging.getLogger(__name__)

LOOK_BACK_SECONDS = 24 * 3600  # for a copy of a card in a channel: it was to be posted right before the crash
PROGRESS_CHARACTERS = 120
BEST_EFFORT_SECONDS = 3.0  # that Slack may ask for before a status is shown: its fence does not last longer than 5
UPDATE_CHARACTERS = 4_000  # of a text that takes the place of another (reference: Slack, Limits)
OPEN_LOOKS = frozenset({"pending", "unknown"})  # of a card on which people can still decide something


class SlackSurface:
    """The surface port on Slack's Web API.

    Wide because it implements one port of 16 methods, and asks Slack who somebody is.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        tools: Tools,
        mask: Mask = unmasked,
        *,
        team: str,
        url: str,
        bot_user_id: str = "",
        tools_in: Callable[[Place], Tools] | None = None,
    ) -> None:
        """Keep the clients. `team` and `url`: the workspace of the installation and its address, as auth.test names them.
        `tools_in`: those of the agent of a place; all of them if it is not given."""
        self._client = client
        self._team, self._bot_user_id = team, bot_user_id
        self._teams: dict[str, str] = {}  # of those who ask, as Slack said when they did
        self._mask = mask
        self._tools = tools
        self._tools_in = tools_in
        self._status_methods = [self._session_status, self._thread_status]
        self._no_status_in: set[tuple[str, str]] = set()  # methods and channels where Slack does not take it
        self._progress_is_shown = True
        self.not_accepted = ""  # why Slack does not accept our credentials, as its last answer says
        self.background = Background()  # what nobody waits for
        self._streams = Streams(self._call, tools, self.mask_in)
        self._one_person = OnePerson(self._call, url)
        self._url = url
        self._profiles = Profiles(client)

    # ------------------------------------------------------------------------------------------ messages

    async def post(self, place: Place, content: Content, key: str) -> str:
        """See `Surface.post`."""
        where = {
            "channel": place.channel,
            **({"thread_ts": place.thread_ts} if place.thread_ts else {}),
            "metadata": metadata(POSTED, key),
            **NO_PREVIEWS,
        }
        try:
            answer = await self._call("chat.postMessage", **where, **await self._ready_to_send(content, place))
        except RefusedError as error:
            if meaning(str(error)) != "form" or isinstance(content, Cards):
                raise
            log.warning("a message is posted as plain text, since Slack does not take its form: %s", error)
            answer = await self._call("chat.postMessage", **where, text=self._without_form(content, place))
        return str(answer["ts"])

    async def post_elsewhere(self, place: Place, user: str, content: Content, why: str) -> None:
        """See `Surface.post_elsewhere`."""
        await self._one_person.say_elsewhere(place, user, self._without_form(content, place), why)

    def _without_form(self, content: Content, place: Place) -> str:
        """Return a message as one text that Slack takes in any form."""
        if isinstance(content, AnswerPart):
            return plain_answer(content, self._tools, self.mask_in(place))
        return str(self._rendered(content, place)["text"])

    async def find(self, place: Place, key: str) -> str | None:
        """See `Surface.find`. Only asked after a crash or a lost answer: some apps may ask this once a minute."""
        where = {"channel": place.channel, "include_all_metadata": True, "limit": 200}
        if place.thread_ts:
            found = self._pages("conversations.replies", {**where, "ts": place.thread_ts})
        else:
            found = self._pages("conversations.history", {**where, "oldest": f"{time.time() - LOOK_BACK_SECONDS:.6f}"})
        return await find_ts(found, POSTED, key)

    async def show(self, place: Place, content: Content, ts: str) -> None:
        """See `Surface.show`. What is not a card that is open is shown as plain text where its form is refused."""
        where, shown = {"channel": place.channel, "ts": ts}, await self._ready_to_send(content, place)
        try:
            await self._call("chat.update", **where, **shown)
        except RefusedError as error:
            is_open = isinstance(content, Cards) and any(row.look in OPEN_LOOKS for row in content.rows)
            if meaning(str(error)) != "form" or is_open:
                raise
            log.warning("a message is shown as plain text, since Slack does not take its form: %s", error)
            await self._call("chat.update", **where, text=cut(str(shown["text"]), UPDATE_CHARACTERS), blocks=[])

    # ------------------------------------------------------------------------------------------ messages that grow

    def streams_in(self, place: Place) -> bool:
        """See `Surface.streams_in`."""
        return self._streams.offered_in(place)

    async def open_stream(self, place: Place, reader: str, work: Work) -> str:
        """See `Surface.open_stream`."""
        return await self._streams.open(place, reader, await self._team_of(reader), work)

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """See `Surface.extend`."""
        await self._streams.extend(place, ts, shown, work)

    async def find_stream(self, place: Place) -> str | None:
        """See `Surface.find_stream`. All that we post in a thread has a key, but for a stream that is not ended: the newest."""
        found: str | None = None
        where = {"channel": place.channel, "ts": place.thread_ts, "include_all_metadata": True, "limit": 200}
        async for page in self._pages("conversations.replies", where):
            for message in page["messages"]:
                if message.get("user") == self._bot_user_id and not message.get("metadata"):
                    found = str(message["ts"])
        return found

    async def finish(self, place: Place, ts: str, content: AnswerPart | Work, key: str, shown: Work | None) -> str:
        """See `Surface.finish`."""
        ended = await self._streams.finish(place, ts, content, key, shown)
        if ended is not None:
            return ended
        if isinstance(content, AnswerPart):
            return await self.post(place, content, key)
        await self.take_away(place, ts)
        return ts

    async def take_away(self, place: Place, ts: str) -> None:
        """See `Surface.take_away`."""
        await self._streams.take_away(place, ts)

    async def _ready_to_send(self, content: Content, place: Place) -> dict[str, Any]:
        """Return blocks, and the same as text; where a rule wants nobody notified, without mentions but of those whom another
        rule calls upon."""
        if isinstance(content, DirectMessage) and content.card_at[0] and not await self._may_open(content):
            content = replace(content, card_at=("", ""))  # they decide in a dialog
        rendered = self._rendered(content, place)
        if any(card.verdict.notify == "none" for card in cards_of(content)):
            names = {user: (await self._profiles.of(user)).name for user in mentioned_in(rendered)}
            rendered = unmentioned(rendered, names)
        called = called_upon(content.rows, place) if isinstance(content, Cards) else ""
        return {**rendered, "text": f"{rendered['text']}{called}"}

    def _rendered(self, content: Content, place: Place) -> dict[str, Any]:
        """Return blocks, and the same as text."""
        mask = self.mask_in(place)
        match content:
            case Cards():
                blocks = card_blocks(content, self._tools, mask=mask, may_grant=grantable)
                return {"text": card_text(content, self._tools, mask), "blocks": blocks}
            case Question(card=card, said=said):
                tool = self._tools.get(card.tool)
                return {"text": question_text(card, tool, mask), "blocks": question_blocks(card, tool, mask, said)}
            case AnswerPart():
                return {"text": answer_text(content), "blocks": answer_blocks(content, self._tools, mask)}
            case Work(tasks=tasks):
                return {"text": plan_text(tasks, self._tools, mask), "blocks": plan_blocks(tasks, self._tools, mask)}
            case CardNotice():
                text = card_notice_text(content, self._tools, mask)
                return {"text": text, "blocks": card_notice_blocks(content, self._tools, mask)}
            case DirectMessage():  # masked as where it waits: only the dialogs of those who may decide have it whole
                mask = self.mask_in(content.session)
                blocks = direct_blocks(content, self._tools, mask, self._url)
                return {"text": direct_text(content, self._tools, mask), "blocks": blocks}
            case Notice():
                here = self._tools_in if content.subject == "capabilities" else None
                tools = here(place) if here is not None else self._tools
                notice = notice_blocks(content, tools, mask)
                return {"text": notice_text(content, tools, mask), **({"blocks": notice} if notice else {})}

    def mask_in(self, place: Place) -> Mask:
        """Return the mask of a place: personal data is masked wherever others read along beside the person who talks to the
        bot."""
        return unmasked if place.direct else self._mask

    # ------------------------------------------------------------------------------------------ people

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """See `Surface.may_decide`. Slack is asked at each click."""
        return bool(await decides(self, user, deciders_of(approvers, requesters), place.channel))

    async def _may_open(self, message: DirectMessage) -> bool:
        """Return whether its reader, a full member, can follow the link to the card; not where Slack does not say."""
        channel = message.card_at[0]
        try:
            here = (await self._call("conversations.info", channel=channel))["channel"]
            return channel_from(here, self._team).public or await self.holds(channel, message.user)
        except (RefusedError, DelayedError, UnclearError) as error:
            log.info("whether %s can open %s was not said: %s", message.user, channel, error)
            return False

    async def membership(self, user: str) -> Membership:
        """See `Surface.membership`. An app without a user goes by the id of its bot."""
        if user.startswith("B"):
            return "bot"
        found = await user_of(self._client, user)
        if found is None:
            return "inactive"
        self._teams[user] = home_team(found, self._team)
        return membership_of(found, self._team)

    async def _team_of(self, user: str) -> str:
        """Return the workspace that somebody belongs to. Where Slack does not say, it is taken to be the installation's."""
        if user not in self._teams:
            try:
                await self.membership(user)
            except (DelayedError, UnclearError) as error:
                log.info("the workspace of %s was not said: %s", user, error)
        return self._teams.get(user, self._team)

    async def holds(self, list_id: str, user: str) -> bool:
        """Return whether a conversation or user group holds this person. Raises UnclearError or DelayedError."""
        async for people in people_on(self._client, list_id):
            if user in people:
                return True
        return False

    async def listed(self, list_id: str) -> frozenset[str]:
        """Return everybody in a conversation or user group. Raises UnclearError or DelayedError when Slack does not say."""
        return frozenset([user async for people in people_on(self._client, list_id) for user in people])

    async def is_admin(self, user: str) -> bool:
        """See `Surface.is_admin`. An admin of another organisation is none here."""
        found = await user_of(self._client, user)
        if found is None or membership_of(found, self._team) != "member":
            return False
        return bool(found.get("is_admin") or found.get("is_owner"))

    async def direct(self, user: str) -> str:
        """See `Surface.direct`."""
        return await self._one_person.channel_with(user)

    async def time_zone(self, user: str) -> str:
        """See `Surface.time_zone`."""
        return (await self._profiles.of(user)).zone

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """See `Surface.whisper`."""
        await self._one_person.whisper(place, user, text)

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """See `Surface.tell_who_may_decide`."""
        who = who_may_decide(verdict, requesters)
        await self.whisper(place, user, f"Your click did not count: this is to be decided by {who}. Nothing was changed.")

    async def too_few(self, place: Place, verdict: Verdict, requesters: Sequence[str]) -> str:
        """See `Surface.too_few`."""
        try:
            few = await enough.too_few(verdict, requesters, place.channel, self)
        except enough.NOT_SAID as error:
            log.info("who could approve was not counted: %s", error)
            return ""
        return enough.too_few_sentence(*few, verdict.quorum) if few is not None else ""

    # ------------------------------------------------------------------------------------------ status

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """See `Surface.status`. Where there are no agent sessions the older thread status is tried, then none."""
        for method in tuple(self._status_methods):
            if (method.__name__, place.channel) in self._no_status_in:
                continue
            error = await method(place, status)
            if error is None or not meaning(error).startswith("not_offered"):
                return
            log.info("a session's status is not shown by %s (%s)", method.__name__, error)
            if meaning(error) == "not_offered_here":
                self._no_status_in.add((method.__name__, place.channel))
            elif method in self._status_methods:
                self._status_methods.remove(method)

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
            self._progress_is_shown = error is None or meaning(error) != "not_offered"

    # ------------------------------------------------------------------------------------------ calls

    async def _best_effort(self, method: str, **arguments: Any) -> str | None:
        """Return Slack's error when it refused. After trouble on the way it is done once more, since doing it twice is doing it
        once; then it is only logged, since nothing depends on it."""
        try:
            try:
                await self._call(method, **arguments)
            except (DelayedError, UnclearError) as error:
                wait_seconds = error.seconds if isinstance(error, DelayedError) else 0.0
                if wait_seconds > BEST_EFFORT_SECONDS:
                    raise
                log.info("%s is done once more: %s", method, error)
                await asyncio.sleep(wait_seconds)
                await self._call(method, **arguments)
        except RefusedError as error:
            return str(error)
        except (DelayedError, UnclearError, FencedError) as error:
            log.info("%s in %s %s was not done: %s", method, arguments["channel_id"], arguments["thread_ts"], error)
        return None

    def _pages(self, method: str, arguments: dict[str, Any]) -> AsyncIterator[Any]:
        return pages_of(self._client, method, arguments)

    async def _call(self, method: str, **arguments: Any) -> Any:
        """Make one Web API call, tried once. Raises RefusedError, DelayedError, UnclearError, FencedError."""
        try:
            answer = await called(self._client, method, **arguments)
        except CredentialsError as error:
            self.not_accepted = error.code
            raise
        self.not_accepted = ""
        return answer


def cards_of(content: Content) -> Sequence[Card]:
    """Return the actions whose rules say whether a message notifies people. A question to those who asked, and what is said to
    one person, always does."""
    match content:
        case Notice(subject="inquiry") | DirectMessage() | AnswerPart() | Work():
            return ()
        case Cards(rows=rows) | Notice(cards=rows) | CardNotice(cards=rows):
            return rows
        case Question(card=card):
            return (card,)
