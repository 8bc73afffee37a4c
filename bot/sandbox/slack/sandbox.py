"""The sandbox workspace itself: one aiohttp application on one port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar, cast

from aiohttp import web

from bot.sandbox.slack.backstage import Backstage
from bot.sandbox.slack.channel_events import ChannelEvents
from bot.sandbox.slack.delivery import Deliveries
from bot.sandbox.slack.dump import dump
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.interactions import Interactions
from bot.sandbox.slack.keeping import Keeper, restore
from bot.sandbox.slack.methods import RULES
from bot.sandbox.slack.page import Page, never_kept, only_local
from bot.sandbox.slack.people import People
from bot.sandbox.slack.response_url import ResponseUrls
from bot.sandbox.slack.signed_http import SignedHttp
from bot.sandbox.slack.socket_mode import SocketMode
from bot.sandbox.slack.team_naming import Naming
from bot.sandbox.slack.types import ApiCall, Delivery, Message, NeverHappened, View
from bot.sandbox.slack.web_api import Desk, WebApi
from bot.sandbox.slack.workspace import Workspace

T = TypeVar("T")


class SlackSandbox(People):
    """A Slack workspace that an unmodified bot connects to. `async with` starts and ends it.

    manifest: the parsed manifest.yml. Events it does not subscribe are not delivered, methods whose scope it does not
        ask for answer missing_scope.
    port: 0 takes a free one.
    notes: texts for the page, e.g. {"model": "The scripted shop assistant is answering"}.
    scopes: what was granted at installation, when that differs from what the manifest asks for.
    ack_seconds: how long Slack waits for an ack of an event or an interaction.
    retry_delays_seconds: the pauses before an un-acked event is delivered again; Slack's are about 1 s, 1 min, 5 min.
    trigger_seconds: how long a trigger id opens a modal.
    stream_seconds: how long a stream lives without being stopped; about 5 minutes in Slack.
    numbered: ids are numbers, the same in each workspace to which the same happens, instead of random.
    kept_in: a folder in which the workspace is kept: what it holds from an earlier time is there again, and an answer is given
        once what it says is there, too. Raises UnreadableError for what is no workspace.
    backstage: what the page shows of the bot behind the workspace.

    Wide because it stands in for a whole workspace: its ids and tokens, its servers, and the hands of its people.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        *,
        port: int = 0,
        notes: Mapping[str, str] | None = None,
        scopes: Sequence[str] | None = None,
        ack_seconds: float = 3.0,
        retry_delays_seconds: Sequence[float] = (1.0, 60.0, 300.0),
        trigger_seconds: float = 3.0,
        stream_seconds: float = 300.0,
        numbered: bool = False,
        kept_in: Path | None = None,
        backstage: Backstage | None = None,
    ) -> None:
        self.workspace = Workspace(manifest, trigger_seconds=trigger_seconds, stream_seconds=stream_seconds, numbered=numbered)
        self.restored = kept_in is not None and restore(self.workspace, kept_in)
        self._keeper = Keeper(self.workspace, kept_in) if kept_in is not None else None
        self._keeping: asyncio.Task[None] | None = None
        self.bot_token = f"xoxb-sandbox-{secrets.token_hex(12)}"
        self.app_token = f"xapp-sandbox-{secrets.token_hex(12)}"
        self.signing_secret = secrets.token_hex(16)
        self.team_id, self.app_id = self.workspace.team_id, self.workspace.app_id
        self.bot_user_id, self.bot_id = self.workspace.bot_user_id, self.workspace.bot_id
        asked: list[str] = self.workspace.setting("oauth_config.scopes.bot") or []
        granted = frozenset(asked if scopes is None else scopes)
        self._socket_mode = SocketMode(self.workspace)
        self._http: list[SignedHttp] = []
        self.faults = Faults(self._socket_mode.disconnect, self.workspace.changed)
        self._deliveries = Deliveries(
            self.workspace,
            self.faults,
            self._socket_mode,
            granted,
            ack_seconds=ack_seconds,
            retry_delays_seconds=retry_delays_seconds,
        )
        self.events = ChannelEvents(self.workspace, self._deliveries)
        self.interactions = Interactions(self.workspace, self._deliveries, self._base_url)
        desk = Desk(self.workspace, self.events, granted, self._socket_mode.new_url, self._base_url)
        self._api = WebApi(desk, RULES, self.faults, bot_token=self.bot_token, app_token=self.app_token)
        self._page = Page(self.workspace, self, notes or {}, self._bot_is_there, backstage)
        self._runner = web.AppRunner(self._application(), shutdown_timeout=1.0, access_log=None)
        self._port = port
        self.page_url = self.api_url = ""

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[only_local, never_kept, self._when_kept], client_max_size=64 * 2**20)
        app.add_routes(
            [
                web.route("*", "/api/{method}", self._api.handle),
                web.get("/files-pri/{id}/{path:.*}", self._api.download),
                web.get("/link/", self._socket_mode.handle),
                web.post("/response/{token}", ResponseUrls(self.workspace, self.events, self.interactions).handle),
                *self._page.routes(),
            ]
        )
        return app

    @web.middleware
    async def _when_kept(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer once what the answer says is kept: a card that the bot was told is posted must not be gone tomorrow."""
        answer = await handler(request)
        if self._keeper is not None and request.method == "POST":
            await self._keeper.kept()
        return answer

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        if self._keeper is not None:
            self._keeping = asyncio.create_task(self._keeper.keep())
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except OSError:
            await self._runner.cleanup()
            await self._stop_keeping()
            raise
        host, port = cast(tuple[str, int], self._runner.addresses[0])
        before, self.page_url = self.workspace.base_url, f"http://{host}:{port}/"
        self.workspace.base_url = self.page_url
        self.api_url = f"{self.page_url}api/"
        self._deliveries.resume(self._bot_is_there, before)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.gather(self._socket_mode.close(), self._page.close())
        try:
            await self._deliveries.close()
        finally:
            for route in self._http:
                await route.close()
            await self._runner.cleanup()
            await self._stop_keeping()

    async def _stop_keeping(self) -> None:
        """Write down what is left. Raises OSError."""
        if self._keeper is None or self._keeping is None:
            return
        try:
            await self._keeper.kept()
        finally:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})

    def wait_for_acks(self, seconds: float) -> None:
        """Have Slack wait so long for an ack from now on: where hundreds act at once, a busy machine is not what is tested."""
        self._deliveries.ack_seconds = seconds

    def deliver_over_http(self, url: str) -> None:
        """Post events and interactions to `url` from now on, signed, instead of sending them through Socket Mode."""
        route = SignedHttp(url, self.signing_secret)
        self._http.append(route)
        self._deliveries.route = route
        self.workspace.changed()

    def name_teams(self, naming: Naming) -> None:
        """Let deliveries name workspaces in this way from now on (`bot.sandbox.slack.team_naming`)."""
        self._deliveries.naming = naming

    def _base_url(self) -> str:
        return self.page_url

    def _bot_is_there(self) -> bool:
        return bool(self._http) or bool(self._socket_mode.connections)

    # what is seen

    @property
    def people(self) -> Mapping[str, str]:
        """Name -> user id."""
        return MappingProxyType({one.name: one.id for one in self.workspace.people.values() if not one.is_bot})

    @property
    def channels(self) -> Mapping[str, str]:
        """Name -> channel id: general, orders, support, finance, mpim, and "@ann" for each DM with the bot so far."""
        return MappingProxyType({one.name: one.id for one in self.workspace.channels.values()})

    @property
    def calls(self) -> list[ApiCall]:
        return self._api.calls

    def grant(self, scope: str) -> None:
        """Install the app again, with a further scope."""
        self._api.desk = replace(self._api.desk, scopes=self._api.desk.scopes | {scope})

    @property
    def deliveries(self) -> list[Delivery]:
        return self._deliveries.log

    @property
    def delivering(self) -> int:
        """Return how many deliveries are on their way, or will be tried again."""
        return self._deliveries.under_way

    @property
    def connections(self) -> int:
        """Open Socket Mode connections."""
        return len(self._socket_mode.connections)

    def thread(self, channel: str, thread_ts: str) -> list[Message]:
        """Return the first message and its replies, oldest first; empty when there is no such message."""
        return self.workspace.thread(self.workspace.channel_id(channel), thread_ts)

    def ephemerals(self, user: str) -> list[Message]:
        return list(self.workspace.ephemerals[self.workspace.user_id(user)].values())

    def view(self, user: str) -> View | None:
        """Return the modal on top, if the person has one open."""
        stack = self.workspace.modals[self.workspace.user_id(user)]
        return stack[-1] if stack else None

    def home(self, user: str) -> View | None:
        return self.workspace.homes.get(self.workspace.user_id(user))

    def status(self, channel: str, thread_ts: str) -> str | None:
        """Return the agent session's status: active, processing, suspended, closed; None without a session."""
        return self.workspace.statuses.get((self.workspace.channel_id(channel), thread_ts))

    def failures(self, user: str) -> list[str]:
        """Return the sentences in which Slack told the person that something did not work."""
        return list(self.workspace.failures[self.workspace.user_id(user)])

    async def until(self, condition: Callable[[], T | None], *, seconds: float = 150) -> T:
        """Return the first truthy value of `condition`, which is asked again after each change in the workspace.

        Raises NeverHappened after `seconds`, with the workspace's content in its text.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if found := condition():
                        return found
                    await self.workspace.next_change()
        except TimeoutError:
            content = dump(self.workspace, self.calls, self.deliveries)
            raise NeverHappened(f"It did not happen within {seconds} s. The workspace:\n{content}") from None
