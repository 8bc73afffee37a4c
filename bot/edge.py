"""The Slack edge: persist, then ack. Everything that counts is in Postgres before Slack hears "received".

Bolt acks events before a listener runs, and when its own auth.test fails it acks what nobody stored; so what counts is written
in `before_authorize`, which runs after the signature check and before all that (reference: Slack, Delivery).
"""

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from psycopg import Error as DatabaseError
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from agent import fence
from agent.received import Click, Edit, OutcomeClick, Withdraw
from agent.store import ActionSeen, Store, settled_sentence
from bot import inbound
from bot.dialogs import Dialogs
from bot.home_tab import HomeTab
from bot.inbound import Inbound
from bot.ratings import Ratings
from bot.surface import SlackSurface

log = logging.getLogger(__name__)

SLACK_WAITS_SECONDS = 3.0  # for the ack of a click (docs: Handling user interaction)


class Edge:
    """Takes in what Slack delivers."""

    def __init__(
        self,
        client: AsyncWebClient,
        signing_secret: str,
        store: Store,
        surface: SlackSurface,
        dialogs: Dialogs,
        home: HomeTab,
        ratings: Ratings,
        bot_user_id: str,
    ) -> None:
        self._store = store
        self._surface = surface
        self._dialogs = dialogs
        self._ratings = ratings
        self._bot_user_id = bot_user_id
        # An action listener waits in steps of 10 ms for its ack unless it is processed before the response.
        self.app = AsyncApp(
            client=client, signing_secret=signing_secret, before_authorize=self._take_in, process_before_response=True
        )
        listeners = cast(Any, self.app)  # its decorators are untyped
        listeners.action("reject")(dialogs.reject)
        listeners.action("edit")(dialogs.edit)
        listeners.action("grant")(dialogs.allow)
        listeners.action("feedback")(ratings.ask_why)
        listeners.action("show_all")(dialogs.show_all)
        listeners.event("app_home_opened")(home.opened)
        listeners.action(re.compile("home_page_(previous|next)"))(home.turned)
        listeners.action("revoke")(home.revoked)
        listeners.action("raise_budget")(home.raise_asked)
        listeners.view("raise_budget")(home.raised)
        listeners.action(re.compile(".*"))(_acknowledge)  # buttons of older versions: acked, and nothing happens

    async def _take_in(self, req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> BoltResponse | None:
        """Bolt's `before_authorize`: write what counts and answer; let through what only shows something."""
        body: dict[str, Any] = req.body
        try:
            answer = await self._answer(body)
        except DatabaseError as error:  # not acked: Slack delivers an event again, and a person clicks again
            log.warning("not taken in, the database does not answer: %s", error)
            return BoltResponse(status=503)
        if answer is not None:
            return answer
        await next()
        return None

    async def _answer(self, body: dict[str, Any]) -> BoltResponse | None:
        """Slack's answer, once everything that counts is written. None: it only shows something."""
        arrived: Sequence[Inbound] = ()
        match body.get("type"):
            case "event_callback":
                read = inbound.read_event(body, self._bot_user_id)
                arrived = (read,) if read else ()
                if not arrived and body["event"].get("type") != "app_home_opened":
                    return BoltResponse(status=200)  # not for us
            case "block_actions":
                await self._ratings.clicked(body)
                arrived = inbound.read_clicks(body)
            case "view_submission":
                if await self._ratings.submitted(body):
                    return BoltResponse(status=200)
                submitted = await self._dialogs.submitted(body)
                if submitted is not None and not isinstance(submitted, Inbound):
                    return _errors(submitted)
                arrived = (submitted,) if submitted else ()
            case _:
                pass
        for each in arrived:
            await self._receive(each)
        return BoltResponse(status=200) if arrived else None

    async def _receive(self, arrived: Inbound) -> None:
        received, place = arrived.received, arrived.place
        if isinstance(received, Withdraw) and not await self._any_waits(received):
            self._tell(arrived, place, received.user, "Nothing of this is waiting any more.")
            return
        if isinstance(received, Click | Edit | OutcomeClick):
            seen = await self._store.action(received.action_id)
            if seen is None:
                log.warning("a click on an action that does not exist: %s", received.action_id)
                return
            place = seen.place
            if not _open_to(seen, received):
                self._tell(arrived, place, received.user, settled_sentence(seen))
                return
        assert place is not None
        await self._store.receive(place, arrived.key, received, opens=arrived.opens)

    async def _any_waits(self, withdraw: Withdraw) -> bool:
        found = [await self._store.action(action_id) for action_id in withdraw.action_ids]
        return any(seen is not None and seen.status == "pending" for seen in found)

    def _tell(self, arrived: Inbound, place: Any, user: str, text: str) -> None:
        """Later than Slack waits it has told the person that the click failed; a word of ours would come out of nowhere."""
        with fence.started(_monotonic_seconds(arrived.clicked_ts), SLACK_WAITS_SECONDS):
            self._surface.soon(self._surface.whisper(place, user, text))


async def _acknowledge(ack: Any) -> None:
    await ack()


def _errors(errors: Any) -> BoltResponse:
    """Beside the fields of the modal that was submitted."""
    body = json.dumps({"response_action": "errors", "errors": dict(errors)})
    return BoltResponse(status=200, body=body, headers={"content-type": ["application/json"]})


def _open_to(seen: ActionSeen, received: Click | Edit | OutcomeClick) -> bool:
    """Whether such a click can still change something. The settling statement has the last word."""
    return seen.status == ("unknown" if isinstance(received, OutcomeClick) else "pending")


def _monotonic_seconds(slack_ts: str) -> float:
    """A moment by Slack's clock on this process' own one; now where there is none."""
    return time.monotonic() - (time.time() - float(slack_ts) if slack_ts else 0.0)
