"""How events and interactions reach the bot: filtered by the manifest, retried as Slack does, every try written down."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.team_naming import Naming, alone
from bot.sandbox.slack.types import Delivery, Unacked
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

# What a bot token must be allowed for Slack to send it an event at all: https://docs.slack.dev/reference/events
_EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
}


class NotAcked(Exception):
    """A try that counts as failed. Slack's words: timeout, http_error, connection_failed."""

    def __init__(self, reason: str, *, retry: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry


@dataclass(frozen=True)
class Outgoing:
    """One thing on its way to the bot, for one try."""

    kind: str
    """Socket Mode's word: events_api or interactive."""
    payload: Json
    retry_number: int = 0
    retry_reason: str = ""
    envelope_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Route(Protocol):
    """The way to the bot: Socket Mode or signed HTTP."""

    async def send(self, outgoing: Outgoing, ack_seconds: float) -> Json | None:
        """Return the ack's payload, None when it had none. Raises NotAcked."""
        ...


class Deliveries:
    """Everything that was ever sent to the bot, and the tasks that still send.

    Wide because an event's whole way is here: its first try, its retries, and those that an earlier process left.
    """

    def __init__(
        self,
        workspace: Workspace,
        faults: Faults,
        route: Route,
        scopes: frozenset[str],
        *,
        ack_seconds: float,
        retry_delays_seconds: Sequence[float],
    ) -> None:
        self.workspace = workspace
        self.faults = faults
        self.route = route
        self.scopes = scopes
        self.ack_seconds = ack_seconds
        self.retry_delays_seconds = tuple(retry_delays_seconds)
        self.naming: Naming = alone
        """How bodies name workspaces from now on."""
        self.log: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._crashed: list[BaseException] = []

    def event(self, name: str, payload: Json) -> None:
        """Start to deliver an event_callback; nothing where the manifest does not subscribe `name` or lacks its scope."""
        subscribed: list[str] = self.workspace.setting("settings.event_subscriptions.bot_events") or []
        if name not in subscribed or _EVENT_SCOPES.get(name, "") not in {*self.scopes, ""}:
            return
        payload = self.naming(payload)
        self._await_ack(Unacked(payload))
        self.background(self._deliver_event(payload))
        for copy in range(1, self.faults.copies):
            self.background(self._deliver_copy(payload, copy))

    def resume(self, bot_is_there: Callable[[], bool], base_url_before: str) -> None:
        """Go on with the events that an earlier process of this workspace has not seen acked, as soon as the bot is there."""
        for one in tuple(self.workspace.unacked.values()):
            moved = json.dumps(one.payload)
            if base_url_before:
                moved = moved.replace(base_url_before, self.workspace.base_url)  # addresses of files
            self.background(self._resume(replace(one, payload=json.loads(moved)), bot_is_there))

    async def interaction(self, payload: Json) -> Json | None:
        """Deliver once and return the ack's payload. Raises NotAcked; Slack does not try an interaction again."""
        return await self._try(Outgoing("interactive", self.naming(payload)))

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    @property
    def under_way(self) -> int:
        """Return how much is on its way, or will be tried again."""
        return len(self._tasks)

    async def close(self) -> None:
        """Stop what still runs. Raises what a delivery of the sandbox's own stumbled over, so that no test hides it."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._crashed:
            raise self._crashed[0]

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crashed.append(error)

    async def _resume(self, event: Unacked, bot_is_there: Callable[[], bool]) -> None:
        while not bot_is_there():
            await self.workspace.next_change()
        await self._deliver_event(event.payload, event.tries, event.reason)

    async def _deliver_event(self, payload: Json, made: int = 0, reason: str = "") -> None:
        """Deliver an event, of which so many tries were made before. Only one that comes to its end is not kept any longer."""
        await self._try_event(payload, made, reason)
        del self.workspace.unacked[payload["event_id"]]
        self.workspace.changed()

    def _await_ack(self, event: Unacked) -> None:
        self.workspace.unacked[event.payload["event_id"]] = event
        self.workspace.changed()

    async def _try_event(self, payload: Json, made: int, reason: str) -> None:
        delays_seconds = (0.0, *self.retry_delays_seconds)
        for number in range(made, len(delays_seconds)):
            if number > made:
                await asyncio.sleep(delays_seconds[number])
            self._await_ack(Unacked(payload, number + 1))
            late_seconds = self.faults.take_late_ack()
            try:
                await self._try(Outgoing("events_api", payload, number, reason), ignore_ack=late_seconds is not None)
            except NotAcked as failed:
                if not failed.retry:
                    return
                reason = failed.reason
                self._await_ack(Unacked(payload, number + 1, reason))
            else:
                return
            if late_seconds is not None:
                await asyncio.sleep(late_seconds)
                await self._try_last(Outgoing("events_api", payload, number + 1, "timeout"))
                return

    async def _deliver_copy(self, payload: Json, copy: int) -> None:
        await self._try_last(Outgoing("events_api", payload, copy, "timeout"))

    async def _try_last(self, outgoing: Outgoing) -> None:
        try:
            await self._try(outgoing)
        except NotAcked:
            return  # written down in the log; no further try follows

    async def _try(self, outgoing: Outgoing, *, ignore_ack: bool = False) -> Json | None:
        started = time.monotonic()
        event: Json = outgoing.payload.get("event") or outgoing.payload
        index = len(self.log)
        self.log.append(
            Delivery(
                kind=event["type"],
                event_id=outgoing.payload.get("event_id"),
                envelope_id=outgoing.envelope_id,
                try_number=outgoing.retry_number + 1,
                at=started,
                payload=outgoing.payload,
            )
        )
        try:
            answer = await self.route.send(outgoing, self.ack_seconds)
            if ignore_ack:
                raise NotAcked("timeout")
        except NotAcked as failed:
            self.log[index] = replace(self.log[index], failure=failed.reason)
            self.workspace.changed()
            raise
        self.log[index] = replace(self.log[index], acked_after_seconds=time.monotonic() - started)
        self.workspace.changed()
        return answer
