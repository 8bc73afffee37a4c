"""The Web API: one route for every method; token, scopes and faults are looked at here, once for all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from bot.sandbox.slack.arguments import Arguments, read_arguments
from bot.sandbox.slack.channel_events import ChannelEvents
from bot.sandbox.slack.faults import Faults, MethodFault
from bot.sandbox.slack.types import ApiCall, Channel
from bot.sandbox.slack.wire import Json, Refused
from bot.sandbox.slack.workspace import Workspace


@dataclass(frozen=True)
class Desk:
    """What a method works with."""

    workspace: Workspace
    events: ChannelEvents
    scopes: frozenset[str]
    socket_url: Callable[[str], str]
    base_url: Callable[[], str]

    def needs(self, *any_of: str) -> None:
        """Refuse with missing_scope unless one of the scopes was granted."""
        if not self.scopes.intersection(any_of):
            raise Refused("missing_scope", needed=any_of[0], provided=",".join(sorted(self.scopes)))

    def channel(self, channel_id: str | None) -> Channel:
        """Return a channel that the bot may know of: a private one only as its member."""
        found = self.workspace.channels.get(channel_id or "")
        if found is None or (found.kind != "channel" and self.workspace.bot_user_id not in found.members):
            raise Refused("channel_not_found")
        return found


Method = Callable[[Desk, Arguments], Json]


@dataclass(frozen=True)
class Rule:
    """How a method may be called."""

    run: Method
    scopes: tuple[str, ...] = ()
    """One of them is enough; none means that the method looks itself or needs none."""
    takes_json: bool = True
    app_token: bool = False


class WebApi:
    """Answers /api/METHOD and writes every call down."""

    def __init__(self, desk: Desk, rules: dict[str, Rule], faults: Faults, *, bot_token: str, app_token: str) -> None:
        self.desk = desk
        self.rules = rules
        self.faults = faults
        self.bot_token = bot_token
        self.app_token = app_token
        self.calls: list[ApiCall] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        rule = self.rules.get(method)
        try:
            sent, token = await read_arguments(request, takes_json=rule is None or rule.takes_json)
        except Refused as refused:
            return self._respond(method, {}, _refusal(refused))
        await self.faults.passed(method)
        if fault := self.faults.before(method):
            return self._faulty(method, sent, fault)
        try:
            answer = self._dispatch(method, rule, sent, token, request.host)
        except Refused as refused:
            return self._respond(method, sent, _refusal(refused))
        if fault := self.faults.after(method):
            if fault.kind == "drop_after" and request.transport is not None:
                request.transport.abort()
            return self._faulty(method, sent, fault)
        return self._respond(method, sent, answer)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Serve a file's private address, written down as `url_private_download`. A person who may not have it is sent to
        sign in."""
        method, workspace = "url_private_download", self.desk.workspace
        file = workspace.files.get(request.match_info["id"].rpartition("-")[2])
        sent: Json = {"file": file.id if file else None}
        await self.faults.passed(method)
        if fault := self.faults.before(method):
            if fault.kind == "redirect":
                self._write_down(method, sent, None, fault.status)
                return web.Response(status=fault.status, headers={"Location": fault.location})
            return self._faulty(method, sent, fault)
        allowed = request.headers.get("Authorization") == f"Bearer {self.bot_token}" and "files:read" in self.desk.scopes
        if file is None or not allowed or not workspace.sees_file(workspace.bot_user_id, file.id):
            self._write_down(method, sent, None, 302)
            raise web.HTTPFound(f"{workspace.base_url}?redir={request.path}")
        self._write_down(method, sent, None, 200)
        return web.Response(body=file.content, content_type=file.mimetype)

    def _dispatch(self, method: str, rule: Rule | None, sent: Json, token: str | None, host: str) -> Json:
        if rule is None:
            raise Refused("unknown_method", req_method=method)
        if not token:
            raise Refused("not_authed")
        if token not in (self.bot_token, self.app_token):
            raise Refused("invalid_auth")
        if (token == self.app_token) != rule.app_token:
            raise Refused("not_allowed_token_type")
        if rule.scopes:
            self.desk.needs(*rule.scopes)
        if method == "apps.connections.open":
            return {"url": self.desk.socket_url(host)}
        return rule.run(self.desk, Arguments(sent))

    def _respond(self, method: str, sent: Json, answer: Json) -> web.Response:
        whole = {"ok": True, **answer}
        headers = {"X-OAuth-Scopes": ",".join(sorted(self.desk.scopes))}
        rule = self.rules.get(method)
        if rule is not None and rule.scopes:
            headers["X-Accepted-OAuth-Scopes"] = ",".join(rule.scopes)
        self._write_down(method, sent, whole, 200)
        return web.json_response(whole, headers=headers)

    def _faulty(self, method: str, sent: Json, fault: MethodFault) -> web.Response:
        if fault.kind == "error":
            return self._respond(method, sent, {"ok": False, "error": fault.code})
        if fault.kind == "rate_limit":
            limited = {"ok": False, "error": "ratelimited"}
            self._write_down(method, sent, limited, 429)
            return web.json_response(limited, status=429, headers={"Retry-After": str(fault.retry_after_seconds)})
        self._write_down(method, sent, None, 0 if fault.kind == "drop_after" else fault.status)
        return web.Response(status=fault.status, text="<html>Something went wrong.</html>", content_type="text/html")

    def _write_down(self, method: str, sent: Json, answer: Json | None, status: int) -> None:
        self.calls.append(ApiCall(method, sent, answer, status, time.monotonic()))
        self.desk.workspace.changed()


def _refusal(refused: Refused) -> Json:
    return cast(Json, {"ok": False, "error": refused.code, **refused.more})
