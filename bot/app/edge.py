"""The Slack edge: persist, then ack. Everything that counts is in Postgres before Slack hears "received".

Bolt acks events before a listener runs, and when its own auth.test fails it acks what nobody stored; so what counts is written
in `before_authorize`, which runs after the signature check and before all that (reference: Slack, Delivery).
"""

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from psycopg import DataError
from psycopg import Error as DatabaseError
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from agent import fence, metrics
from agent.errors import DelayedError, RefusedError, UnclearError, place_of
from agent.memory.items import message_key
from agent.session.inbox import Click, Edit, Inquiry, Message, Nudge, OutcomeClick, Withdraw, told_in
from agent.store.action_seen import ActionSeen, settled_sentence
from agent.store.memory_items import Items
from agent.store.receiving import NO_ROOM, FreeSlots
from agent.store.sessions import Store, session_id
from agent.text import whole
from agent.types import Place
from bot.app.arriving import Arriving
from bot.app.bolt import Bolt, ack_left_out, of_bolt
from bot.dialogs.dialogs import Dialogs
from bot.dialogs.ratings import Ratings
from bot.home.home_tab import HomeTab
from bot.slack import inbound, metadata
from bot.slack.as_made import OddDeliveryError
from bot.slack.inbound import Inbound, Unheard, from_elsewhere
from bot.slack.metadata import held_above
from bot.slack.surface import SlackSurface
from bot.slack.taken_back import taken_back
from bot.slack.whom import SLACKBOT, Installation

log = logging.getLogger(__name__)

SLACK_WAITS_SECONDS = 3.0  # for the ack of a click (docs: Handling user interaction)


class Edge:
    """Takes in what Slack delivers.

    Wide because every kind of delivery comes in through this one gate.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        signing_secret: str,
        store: Store,
        surface: SlackSurface,
        dialogs: Dialogs,
        home: HomeTab,
        ratings: Ratings,
        us: Installation,
        slots: FreeSlots = NO_ROOM,
        remembered: Items | None = None,
    ) -> None:
        """Keep what deliveries are written with. `slots`: room to drive sessions in this process."""
        self._client = client
        self._store = store
        self._surface = surface
        self._dialogs, self._home = dialogs, home
        self._ratings = ratings
        self._us = us
        self._remembered = remembered
        self._slots, self._arriving = slots, Arriving()
        # An action listener waits in steps of 10 ms for its ack unless it is processed before the response. Without a name Bolt
        # looks through the whole stack for one, which takes 0.2 s.
        self.app = Bolt(
            name="signoff",
            client=client,
            signing_secret=signing_secret,
            before_authorize=self._take_in,
            process_before_response=True,
        )
        listeners = cast(Any, self.app)  # its decorators are untyped
        listeners.action("reject")(dialogs.reject)
        listeners.action("came_back")(dialogs.came_back)
        listeners.action("review")(_reviewing(dialogs, home))
        listeners.action("edit")(dialogs.edit)
        listeners.action("grant")(dialogs.allow)
        listeners.action("ask")(dialogs.ask)
        listeners.action("details")(dialogs.details)
        listeners.action("more")(dialogs.more)
        listeners.action("one_by_one")(dialogs.one_by_one)
        listeners.action("feedback")(ratings.ask_why)
        listeners.action("wrong_answer")(ratings.ask_what_is_wrong)
        listeners.action("show_all")(dialogs.show_all)
        listeners.event("app_home_opened")(home.opened)
        listeners.action(re.compile("home_page_(previous|next)"))(home.turned)
        listeners.action("revoke")(home.revoked)
        listeners.action("memory")(home.memory_chosen)
        listeners.action("delete_value")(home.value_deleted)
        listeners.view("correct_memory")(home.corrected)
        listeners.action("raise_budget")(home.raise_asked)
        listeners.view("raise_budget")(home.raised)
        listeners.error(self._failed)
        listeners.action(re.compile(".*"))(_acknowledge)  # buttons of older versions: acked, and nothing happens

    async def _take_in(self, req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> BoltResponse | None:
        """Write what counts and answer Slack; let through what only shows something. Bolt calls it as `before_authorize`."""
        body: dict[str, Any] = whole(req.body)
        with metrics.delivery(body.get("type")) as measured:
            try:
                answer = await self._answer_delivery(body)
            except (OddDeliveryError, DataError) as error:
                measured.outcome = "left_out"
                return ack_left_out(error)
            except DatabaseError as error:  # not acked: Slack delivers an event again, and a person clicks again
                log.warning("not taken in, the database does not answer: %s", error)
                measured.outcome = "refused"
                return BoltResponse(status=503)
            except (DelayedError, UnclearError) as error:  # likewise
                log.warning("not taken in, Slack does not say below what it stands: %s", error)
                measured.outcome = "refused"
                return BoltResponse(status=503)
        if answer is not None:
            return answer
        await next()
        return None

    async def _failed(self, error: Exception) -> BoltResponse | None:
        """Answer Slack when a listener, which only shows something, has failed, or Bolt itself. Bolt calls it."""
        if isinstance(error, OddDeliveryError | DataError):
            return ack_left_out(error)
        if of_bolt(error):
            return ack_left_out(OddDeliveryError(place_of(error)))
        log.error("what Slack delivered could not be dealt with: %s", place_of(error), exc_info=error)
        return None

    async def _answer_delivery(self, body: dict[str, Any]) -> BoltResponse | None:
        """Return Slack's answer, once everything that counts is written. None: it only shows something."""
        arrived: Sequence[Inbound] = ()
        match body.get("type"):
            case "event_callback":
                await self._forget(body)
                read = inbound.read_event(body, self._us)
                arrived = (read,) if isinstance(read, Inbound) else ()
                if isinstance(read, Unheard):
                    await self._tell_log(read)
                if not arrived and inbound.at(body, "event", "type") != "app_home_opened":
                    return BoltResponse(status=200)  # not for us
            case "block_actions":
                await self._ratings.clicked(body)
                arrived = inbound.read_clicks(body, self._us.team)
            case "view_submission":
                if (told := await self._ratings.submitted(body)) is not None:
                    return _answer_to_form(told)
                submitted = await self._dialogs.submitted(body)
                if submitted is not None and not isinstance(submitted, Inbound):
                    return _answer_to_form({"response_action": "errors", "errors": dict(submitted)})
                arrived = (submitted,) if submitted else ()
                if isinstance(submitted, Inbound) and isinstance(submitted.received, Click) and submitted.received.where is None:
                    self._home.decided(submitted.received.action_id, submitted.received.user)
            case _:
                pass
        for each in arrived:
            await self._receive(each)
        if arrived and inbound.at(body, "view"):
            self._surface.background.begin(self._dialogs.redraw(body, self._client))
        return BoltResponse(status=200) if arrived else None

    async def _receive(self, arrived: Inbound) -> None:
        received, place = arrived.received, arrived.place
        if isinstance(received, Withdraw | Nudge):  # its notice may stand below a copy, in another channel
            first = await self._store.action(received.action_ids[0])
            place = first.place if first is not None else place
            if place is None:
                return
            if not await self._any_waits(received):
                told = told_in(received, place) if isinstance(received, Nudge) else arrived.place
                self._whisper_in_time(arrived, told, received.user, "Nothing of this is waiting any more.")
                return
        if isinstance(received, Click | Edit | OutcomeClick | Inquiry):
            await self._receive_click(arrived, received)
            return
        assert place is not None
        if (
            isinstance(received, Message)
            and arrived.below_ours
            and (session := await self._session_above(arrived, place)) is not None
        ):
            await self._receive_elsewhere(arrived, received, place, session)
        elif not arrived.aside or await self._store.asks(place):
            await self._write_once(place, arrived)

    async def _receive_click(self, arrived: Inbound, click: Click | Edit | OutcomeClick | Inquiry) -> None:
        """Take in what a person did to an action, or tell them why that changes nothing."""
        if await self._write_once(None, arrived):
            return
        seen = await self._store.action(click.action_id)
        if seen is None:
            log.warning("a click on an action that does not exist: %s", click.action_id)
        elif not _open_to(seen, click):
            told = seen.place if isinstance(click, Inquiry) else told_in(click, seen.place)
            self._whisper_in_time(arrived, told, click.user, settled_sentence(seen))

    async def _write_once(self, place: Place | None, arrived: Inbound) -> bool:
        """Write what arrived, and drive its session where there is room. False: it is not for us, or another process has it."""
        received, opens, slots = arrived.received, arrived.opens, self._slots
        return await self._arriving.once(
            arrived.key, lambda: self._store.receive(place, arrived.key, received, opens=opens, slots=slots)
        )

    async def _session_above(self, arrived: Inbound, place: Place) -> Place | None:
        """Return the session that posted what this thread hangs below: a card's copy, or what a tool posted. Raises what the call
        of Slack does."""
        if await self._store.exists(place):
            return None
        try:
            held = await held_above(self._client, place, self._us.bot_user_id)
        except (DelayedError, UnclearError) as error:
            if not arrived.opens:
                raise
            log.info("a mention is answered where it stands, since Slack does not say below what that is: %s", error)
            return None
        except RefusedError as error:  # such as a lack of rights: then it is a thread like any other
            log.info("below what a reply stands cannot be read: %s", error)
            return None
        match held:
            case (metadata.POSTED, {"key": str(key)}) if key.startswith(("copy:", "dm:")):
                seen = await self._store.action(key.split(":")[1])
                return seen.place if seen is not None else None
            case (metadata.POSTED_BY_TOOL, {"channel": str(channel), "thread_ts": str(thread_ts)}):
                return Place(team=place.team, channel=channel, thread_ts=thread_ts)
            case _:
                return None

    async def _receive_elsewhere(self, arrived: Inbound, message: Message, place: Place, session: Place) -> None:
        """Take in what was written below a copy, and say there where it is answered."""
        if arrived.aside and not await self._store.asks(session):
            return
        if await self._store.receive(session, arrived.key, from_elsewhere(message, place), opens=False):
            where = "" if session.direct else f", in <#{session.channel}>"
            text = f"I answer in the conversation that this belongs to{where}."
            self._surface.background.begin(self._surface.whisper(place, message.said.user, text))

    async def _forget(self, body: dict[str, Any]) -> None:
        """Forget what was learnt from a message that was deleted, or changed, and learn nothing from it any more."""
        gone = taken_back(body, self._us) if self._remembered is not None else None
        if self._remembered is not None and gone is not None and await self._store.exists(gone.place):
            key = message_key(gone.place.channel, gone.ts)
            await self._remembered.message_gone(gone.place.team, key, session_id(gone.place))

    async def _tell_log(self, unheard: Unheard) -> None:
        """Say in the log that an app's message does not count, if it would have been for us."""
        if unheard.app == SLACKBOT:
            log.info("a message of Slackbot was ignored")
        elif unheard.opens or await self._store.exists(unheard.place):
            log.info("a message of the app %s was ignored: `apps` in signoff.yaml does not name it", unheard.app or "(no id)")

    async def _any_waits(self, clicked: Withdraw | Nudge) -> bool:
        found = [await self._store.action(action_id) for action_id in clicked.action_ids]
        return any(seen is not None and seen.status == "pending" for seen in found)

    def _whisper_in_time(self, arrived: Inbound, place: Any, user: str, text: str) -> None:
        """Tell the person in time. After Slack has told them that the click failed, a word of ours would come out of nowhere."""
        with fence.effects_of_start(_monotonic_seconds(arrived.clicked_ts), SLACK_WAITS_SECONDS):
            self._surface.background.begin(self._surface.whisper(place, user, text))


def _reviewing(dialogs: Dialogs, home: HomeTab) -> Callable[..., Awaitable[None]]:
    """Return the listener that opens what is to be decided whole. On the Home tab, what is decided by now goes away."""

    async def review(ack: Any, body: dict[str, Any], client: Any) -> None:
        await dialogs.review(ack, body, client)
        if inbound.where_clicked(body) is None:
            home.reviewed(body)

    return review


async def _acknowledge(ack: Any) -> None:
    await ack()


def _answer_to_form(told: Mapping[str, Any]) -> BoltResponse:
    """Return the answer to a dialog that was submitted: nothing closes it, else as Slack's `response_action` says."""
    if not told:
        return BoltResponse(status=200)
    return BoltResponse(status=200, body=json.dumps(told), headers={"content-type": ["application/json"]})


def _open_to(seen: ActionSeen, received: Click | Edit | OutcomeClick | Inquiry) -> bool:
    """Return whether such a click can still change something. The settling statement has the last word."""
    return seen.status == ("unknown" if isinstance(received, OutcomeClick) else "pending")


def _monotonic_seconds(slack_ts: str) -> float:
    """Return a moment of Slack's clock on the clock of this process; now where there is none."""
    return time.monotonic() - (time.time() - float(slack_ts) if slack_ts else 0.0)
