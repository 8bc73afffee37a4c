"""The routes of the page: what it reads, what it does, and the WebSocket that says when to read again."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from aiohttp import web

from bot.sandbox.slack.backstage import Backstage
from bot.sandbox.slack.entering import Value
from bot.sandbox.slack.payloads import view_json
from bot.sandbox.slack.people import People, Upload
from bot.sandbox.slack.types import Channel, Message, View
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

FILES = Path(__file__).resolve().parent.parent / "page"
_BETWEEN_SECONDS = 0.05
"""At most one "changed" in this time."""
_LOCAL = ("127.0.0.1", "localhost")


@web.middleware
async def only_local(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Take only requests to this machine, and from no other page: a site open in the browser must not act here."""
    if urlsplit(f"//{request.host}").hostname not in _LOCAL:
        raise web.HTTPForbidden(text="The sandbox answers only on 127.0.0.1 and localhost.")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="The sandbox takes no requests from other pages.")
    return await handler(request)


@web.middleware
async def never_kept(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Have no browser show an older version's page or state."""
    answer = await handler(request)
    if not answer.prepared:  # a WebSocket has been answered already
        answer.headers["Cache-Control"] = "no-store"
    return answer


class Page:
    """Shows the workspace to one person at a time; the `as` in each request says to whom.

    Wide because each method answers one address of the page.
    """

    def __init__(
        self,
        workspace: Workspace,
        people: People,
        notes: Mapping[str, str],
        connected: Callable[[], bool],
        backstage: Backstage | None,
    ) -> None:
        self.workspace = workspace
        self.people = people
        self.notes = notes
        self.connected = connected
        self.backstage = backstage
        self._live: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/", self.index),
            web.get("/sandbox/state", self.state),
            web.get("/sandbox/live", self.live),
            web.post("/sandbox/{act:say|click|submit|close|home|stop}", self.act),
            web.static("/page", FILES),
            *([] if self.backstage is None else backstage_routes(self.backstage)),
        ]

    async def index(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(FILES / "index.html")

    async def live(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=30, timeout=1)
        await socket.prepare(request)
        self._live.add(socket)
        telling = asyncio.create_task(self._announce_changes(socket))
        try:
            async for _ in socket:
                pass
        finally:
            telling.cancel()
            self._live.discard(socket)
        return socket

    async def close(self) -> None:
        """End what browsers still listen to."""
        await asyncio.gather(*(socket.close() for socket in self._live))

    async def _announce_changes(self, socket: web.WebSocketResponse) -> None:
        seen = self.workspace.version
        while not socket.closed:
            if self.workspace.version == seen:
                await self.workspace.next_change()
            seen = self.workspace.version
            await socket.send_json({"type": "changed"})
            await asyncio.sleep(_BETWEEN_SECONDS)

    async def state(self, request: web.Request) -> web.Response:
        """Return everything this person sees. `channel`, when given, is the one they look at: it counts as read."""
        someone = next(iter(self.workspace.people))
        me = self._person(request.query.get("as") or someone)
        looked_at = request.query.get("channel")
        if looked_at in self.workspace.channels and (there := self.workspace.messages[looked_at]):
            self.workspace.read_up_to[me, looked_at] = next(reversed(there))
        return web.json_response(self._seen_by(me))

    async def act(self, request: web.Request) -> web.Response:
        """Do what was asked and answer {ok: true}, or {ok: false, error} with a sentence for the person."""
        body = cast(Json, await request.json())
        try:
            return web.json_response({"ok": True, **await self._done(request.match_info["act"], body)})
        except (LookupError, PermissionError) as error:
            return web.json_response({"ok": False, "error": str(error.args[0]) if error.args else "not there"})

    async def _done(self, act: str, body: Json) -> Json:
        me = self._person(str(body.get("as", "")))
        match act:
            case "say":
                files = [_upload(file) for file in cast(list[str | Json], body.get("files") or [])]
                text = self._typed(str(body.get("text") or ""))
                ts = await self.people.say(me, body["channel"], text, thread_ts=body.get("thread_ts"), files=files)
                return {"ts": ts}
            case "click":
                await self._click(me, body)
            case "submit":
                return await self._submit(me, body)
            case "close":
                await self.people.close_view(me, body["view_id"])
            case "home":
                await self.people.open_home(me)
            case _:
                await self.people.stop_session(me, body["channel"], body["thread_ts"])
        return {}

    async def _click(self, me: str, body: Json) -> None:
        """Click, and wait until the app has acked: so long a button turns. When it does not, the state's failures say so."""
        action_id, value, block_id = body["action_id"], cast(Value, body.get("value")), body.get("block_id")
        if body.get("view_id"):
            acked = await self.people.click_in_view(me, body["view_id"], action_id, value=value, block_id=block_id)
        else:
            place = body["channel"], body["ts"]
            acked = await self.people.click(me, *place, action_id, value=value, block_id=block_id, stale=True)
        await asyncio.wait([acked])  # and not `await acked`: a browser that hangs up takes no click back

    async def _submit(self, me: str, body: Json) -> Json:
        view = next((one for one in self.workspace.modals[me] if one.id == body["view_id"]), None)
        if view is None:
            raise LookupError("This dialog is no longer open.")
        values: dict[str, dict[str, Value]] = body.get("values") or {}
        by_pair = {(block, action): value for block, actions in values.items() for action, value in actions.items()}
        answer = await self.people.interactions.submit(view, by_pair)
        if answer.failure:
            return {"ok": False, "error": answer.failure}
        return {"ok": not answer.errors, "errors": dict(answer.errors)}

    def _person(self, user: str) -> str:
        if user not in self.workspace.people or self.workspace.people[user].is_bot:
            raise web.HTTPBadRequest(text="Say who you are: ?as=USER_ID, one of the people of the workspace.")
        return user

    def _typed(self, text: str) -> str:
        """Return what a person typed, in the form in which Slack keeps it: entities escaped, @names as mentions."""
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        called = {name.lower(): one.id for one in self.workspace.people.values() for name in (one.name, one.real_name)}
        longest_first = sorted(called, key=len, reverse=True)
        pattern = re.compile(r"(?<!\w)@(" + "|".join(map(re.escape, longest_first)) + r")\b", re.IGNORECASE)
        return pattern.sub(lambda found: f"<@{called[found[1].lower()]}>", escaped)

    # what a person sees

    def _seen_by(self, me: str) -> Json:
        workspace = self.workspace
        workspace.dm_channel(me)  # the DM with the bot is always in the list
        visible = [one for one in workspace.channels.values() if me in one.members or one.kind == "channel"]
        people = [one for one in workspace.people.values() if not one.is_bot]
        stack, home = workspace.modals[me], workspace.homes.get(me)
        statuses = {**workspace.loading, **workspace.statuses}
        ids = {one.id for one in visible}
        return {
            "team": {"id": workspace.team_id, "name": "Sandbox"},
            "me": me,
            "people": [self._person_json(one.id) for one in people],
            "notes": dict(self.notes),
            "backstage": self.backstage and {"tour": self.backstage.tour(), "process": self.backstage.process()},
            "prompts": workspace.setting("features.agent_view.suggested_prompts") or [],
            "bot": {"id": workspace.bot_user_id, "name": workspace.bot_name, "connected": self.connected()},
            "channels": [self._sidebar_channel(one, me) for one in visible],
            "messages": {one: [self._message_json(m) for m in workspace.messages[one].values()] for one in ids},
            "ephemerals": [self._message_json(one) for one in workspace.ephemerals[me].values()],
            "view": self._view_json(stack[-1]) if stack else None,
            "home": self._view_json(home) if home else None,
            "pressed": {f"{channel}:{ts}": who for (channel, ts), who in workspace.pressed.items() if channel in ids},
            "statuses": {f"{channel}:{ts}": status for (channel, ts), status in statuses.items() if channel in ids},
            "failures": [{"text": text} for text in workspace.failures[me]],
        }

    def _person_json(self, user: str) -> Json:
        person = self.workspace.people[user]
        return {
            "id": person.id,
            "name": person.name,
            "real_name": person.real_name,
            "initials": person.initials,
            "color": person.color,
            "is_admin": person.is_admin,
        }

    def _sidebar_channel(self, channel: Channel, me: str) -> Json:
        name = channel.name
        if channel.kind == "im":
            name = self.workspace.names[min(channel.members - {me})]
        if channel.kind == "mpim":
            name = ", ".join(sorted(self.workspace.names[one] for one in channel.members - {me}))
        unread = 0
        read_up_to = self.workspace.read_up_to.get((me, channel.id), "")
        for message in reversed(self.workspace.messages[channel.id].values()):
            if message.user == me or message.ts <= read_up_to:
                break
            unread += 1
        shown: Json = {"id": channel.id, "name": name, "kind": channel.kind, "unread": unread}
        if channel.kind == "im":
            shown["user"] = min(channel.members - {me})
        return {**shown, "is_member": me in channel.members}

    def _message_json(self, message: Message) -> Json:
        return {
            "channel": message.channel,
            "ts": message.ts,
            "user": message.user,
            "bot": message.bot_id is not None,
            "text": message.text,
            "blocks": list(message.blocks),
            "thread_ts": message.thread_ts,
            "reply_count": len(self.workspace.replies.get((message.channel, message.ts), ())),
            "edited": message.edited,
            "files": [{"name": file.name} for file in message.files],
            "at": message.posted_at.isoformat(),
            "streaming": message.streaming,
            "reactions": list(message.reactions),
        }

    def _view_json(self, view: View) -> Json:
        return view_json(self.workspace, view)


def backstage_routes(backstage: Backstage) -> list[web.AbstractRouteDef]:
    """Return the routes to what is behind the scene."""

    async def kill(request: web.Request) -> web.Response:
        if backstage.kill():
            return web.json_response({"ok": True})
        return web.json_response({"ok": False, "error": "The bot is not running just now: it starts again by itself."})

    async def log(request: web.Request) -> web.Response:
        return web.json_response(backstage.log())

    async def audit(request: web.Request) -> web.Response:
        return web.json_response(await backstage.audit())

    return [web.post("/sandbox/kill", kill), web.get("/sandbox/log", log), web.get("/sandbox/audit", audit)]


def _upload(file: str | Json) -> Upload:
    """Return a file as the page sends it: its name, with its content in base64 where it was read."""
    return file if isinstance(file, str) else (str(file["name"]), base64.b64decode(file["content"]))
