"""Socket Mode, the server's side: hello, envelopes to one connection each, acks, refreshes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
from typing import cast

from aiohttp import WSMsgType, web

from bot.sandbox.slack.delivery import NotAcked, Outgoing
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

MOST_CONNECTIONS = 10
_CLOSE_SECONDS = 2.0
"""How long a client may take to answer that the connection ends."""
_HEARTBEAT_SECONDS = 10.0
"""A frozen process is noticed when it leaves a ping unanswered for half of this."""


class Connection:
    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        self.transport = transport
        self.unacked: dict[str, asyncio.Future[Json | None]] = {}
        self.leaving = False
        """Slack has asked it to go: it gets nothing new, its acks still count."""

    def lost(self) -> None:
        for waiting in self.unacked.values():
            if not waiting.done():
                waiting.set_exception(NotAcked("connection_failed"))


class SocketMode:
    """The open connections of the bot's processes. A Route."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.connections: list[Connection] = []
        self._turn = itertools.count()
        self._tickets: set[str] = set()

    def new_url(self, host: str) -> str:
        """Return a WebSocket URL for one connection. `host` is the caller's Host header, so that it leads through a proxy too."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return f"ws://{host}/link/?ticket={ticket}&app_id={self.workspace.app_id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("ticket") not in self._tickets:
            raise web.HTTPForbidden(text="This ticket is unknown or used: ask apps.connections.open for a new one.")
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_SECONDS, timeout=_CLOSE_SECONDS)
        await socket.prepare(request)
        self._tickets.discard(request.query["ticket"])
        if len(self.connections) >= MOST_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        connection = Connection(socket, request.transport)
        await socket.send_json(self._hello())
        self.connections.append(connection)
        self.workspace.changed()
        try:
            async for received in socket:
                if received.type is WSMsgType.TEXT:
                    self._acked(connection, received.data)
        finally:
            if connection in self.connections:
                self.connections.remove(connection)
            connection.lost()
            self.workspace.changed()
        return socket

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections) + 1,
            "connection_info": {"app_id": self.workspace.app_id},
            "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
        }

    def _acked(self, connection: Connection, text: str) -> None:
        ack = cast(Json, json.loads(text))
        waiting = connection.unacked.get(ack.get("envelope_id", ""))
        if waiting is not None and not waiting.done():
            waiting.set_result(ack.get("payload"))

    async def send(self, outgoing: Outgoing, ack_seconds: float) -> Json | None:
        open_now = [one for one in self.connections if not one.leaving and not one.socket.closed]
        if not open_now:
            raise NotAcked("connection_failed")
        connection = open_now[next(self._turn) % len(open_now)]
        waiting: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        connection.unacked[outgoing.envelope_id] = waiting
        try:
            await connection.socket.send_json(_envelope(outgoing))
            async with asyncio.timeout(ack_seconds):
                return await waiting
        except TimeoutError:
            raise NotAcked("timeout") from None
        except ConnectionError:
            raise NotAcked("connection_failed") from None
        finally:
            del connection.unacked[outgoing.envelope_id]

    async def disconnect(self, abrupt: bool) -> None:
        """Ask every connection to go and close it, or cut it in the middle."""
        leaving = list(self.connections)
        for connection in leaving:
            connection.leaving = True
            if abrupt:
                if connection.transport is not None:
                    connection.transport.abort()
                continue
            with contextlib.suppress(ConnectionError):
                await connection.socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
        if not abrupt:
            await asyncio.gather(*(connection.socket.close() for connection in leaving))
        self.workspace.changed()

    async def close(self) -> None:
        await asyncio.gather(*(connection.socket.close() for connection in self.connections))


def _envelope(outgoing: Outgoing) -> Json:
    envelope: Json = {
        "envelope_id": outgoing.envelope_id,
        "type": outgoing.kind,
        "payload": outgoing.payload,
        "accepts_response_payload": outgoing.payload.get("type") in ("view_submission", "block_suggestion"),
    }
    if outgoing.kind == "events_api":
        envelope |= {"retry_attempt": outgoing.retry_number, "retry_reason": outgoing.retry_reason}
    return envelope
