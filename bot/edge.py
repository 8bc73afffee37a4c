"""The Slack edge: persist, then ack. Everything that counts is in Postgres before Slack hears "received".

Bolt acks events before a listener runs, and when its own auth.test fails it acks what nobody stored; so what counts is written
in `before_authorize`, which runs after the signature check and before all that (reference: Slack, Delivery).
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from psycopg import Error as DatabaseError
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agent import fence
from agent.card_moves import card
from agent.received import Click, OutcomeClick
from agent.session import ActionState
from agent.store import ActionSeen, Store, settled_sentence
from agent.tool import Tools
from bot import inbound
from bot.cards import arguments_view, headline, reject_view
from bot.inbound import Inbound
from bot.messages import home_view
from bot.surface import SlackSurface

log = logging.getLogger(__name__)

SLACK_WAITS_SECONDS = 3.0  # for the ack of a click (docs: Handling user interaction)
HOME_READS = 500  # open actions looked through for one Home tab


class Edge:
    """Takes in what Slack delivers."""

    def __init__(
        self, client: AsyncWebClient, signing_secret: str, store: Store, surface: SlackSurface, tools: Tools, bot_user_id: str
    ) -> None:
        self._store = store
        self._surface = surface
        self._tools = tools
        self._bot_user_id = bot_user_id
        # An action listener waits in steps of 10 ms for its ack unless it is processed before the response.
        self.app = AsyncApp(
            client=client, signing_secret=signing_secret, before_authorize=self._take_in, process_before_response=True
        )
        listeners = cast(Any, self.app)  # its decorators are untyped
        listeners.action("reject")(self._open_rejection)
        listeners.action("show_all")(self._open_arguments)
        listeners.event("app_home_opened")(self._open_home)
        listeners.action(re.compile(".*"))(_acknowledge)  # buttons of older versions: acked, and nothing happens

    async def _take_in(self, req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> BoltResponse | None:
        """Bolt's `before_authorize`: write what counts and answer; let through what only shows something."""
        body: dict[str, Any] = req.body
        try:
            arrived = self._read(body)
            if arrived is not None:
                await self._receive(arrived)
                return BoltResponse(status=200)
        except DatabaseError as error:  # not acked: Slack delivers an event again, and a person clicks again
            log.warning("not taken in, the database does not answer: %s", error)
            return BoltResponse(status=503)
        if body.get("type") == "event_callback" and body["event"].get("type") != "app_home_opened":
            return BoltResponse(status=200)  # not for us
        await next()
        return None

    def _read(self, body: dict[str, Any]) -> Inbound | None:
        match body.get("type"):
            case "event_callback":
                return inbound.read_event(body, self._bot_user_id)
            case "block_actions":
                return inbound.read_click(body)
            case "view_submission":
                return inbound.read_rejection(body)
            case _:
                return None

    async def _receive(self, arrived: Inbound) -> None:
        received, place = arrived.received, arrived.place
        if isinstance(received, Click | OutcomeClick):
            seen = await self._store.action(received.action_id)
            if seen is None:
                log.warning("a click on an action that does not exist: %s", received.action_id)
                return
            place = seen.place
            if not _open_to(seen, received):
                # Later than that Slack has told the person that the click failed; a word of ours would come out of nowhere.
                with fence.started(_monotonic_seconds(arrived.clicked_ts), SLACK_WAITS_SECONDS):
                    self._surface.soon(self._surface.whisper(place, received.user, settled_sentence(seen)))
                return
        assert place is not None
        await self._store.receive(place, arrived.key, received, opens=arrived.opens)

    # ------------------------------------------------------------------------------------------ what only shows something

    async def _open_rejection(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        await self._open(body, client, lambda seen: reject_view(self._headline(seen), seen.proposed.action_id))
        await ack()

    async def _open_arguments(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        await self._open(body, client, lambda seen: arguments_view(seen.proposed.arguments), whole=True)
        await ack()

    async def _open(self, body: dict[str, Any], client: Any, view: Callable[[ActionSeen], Any], *, whole: bool = False) -> None:
        """`whole`: it shows all arguments, also of a settled action, and who saw them is put on record first."""
        seen = await self._store.action(str(body["actions"][0]["value"]))
        user = str(body["user"]["id"])
        if seen is None:
            return
        if seen.status != "pending" and not whole:
            await self._surface.whisper(seen.place, user, settled_sentence(seen))
            return
        if whole:
            await self._store.viewed(seen.proposed.action_id, user)
        try:
            await client.views_open(trigger_id=body["trigger_id"], view=view(seen))
        except SlackApiError as error:
            log.warning("a modal could not be opened: %s", error)
            await self._surface.whisper(seen.place, user, "The dialog could not be opened in time; please click once more.")

    def _headline(self, seen: ActionSeen) -> str:
        return headline(card(ActionState(seen.proposed)), self._tools.get(seen.proposed.tool))

    async def _open_home(self, event: dict[str, Any], body: dict[str, Any], client: Any) -> None:
        if event.get("tab") != "home":
            return
        actions = await self._store.open_actions(str(body["team_id"]), HOME_READS)
        await client.views_publish(user_id=event["user"], view=home_view(str(event["user"]), actions, self._tools))


async def _acknowledge(ack: Any) -> None:
    await ack()


def _open_to(seen: ActionSeen, received: Click | OutcomeClick) -> bool:
    """Whether such a click can still change something. The settling statement has the last word."""
    return seen.status == ("pending" if isinstance(received, Click) else "unknown")


def _monotonic_seconds(slack_ts: str) -> float:
    """A moment by Slack's clock on this process' own one; now where there is none."""
    return time.monotonic() - (time.time() - float(slack_ts) if slack_ts else 0.0)
