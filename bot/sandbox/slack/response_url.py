"""response_url: five answers to a click within half an hour, without a token."""

from __future__ import annotations

import time
from typing import cast

from aiohttp import web

from bot.sandbox.slack.channel_events import ChannelEvents
from bot.sandbox.slack.interactions import Interactions, ResponseUrl
from bot.sandbox.slack.methods.chat import checked_blocks
from bot.sandbox.slack.types import Message
from bot.sandbox.slack.wire import Json, Refused
from bot.sandbox.slack.workspace import Workspace


class ResponseUrls:
    """Answers POST /response/TOKEN."""

    def __init__(self, workspace: Workspace, events: ChannelEvents, interactions: Interactions) -> None:
        self.workspace = workspace
        self.events = events
        self.interactions = interactions

    async def handle(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        known = self.interactions.response_urls.get(token)
        if known is None:
            return web.json_response({"ok": False, "error": "no_such_url"}, status=404)
        if time.monotonic() > known.until or self.interactions.response_url_uses[token] == 0:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        try:
            self._respond(known, cast(Json, await request.json()))
        except Refused as refused:
            return web.json_response({"ok": False, "error": refused.code, **refused.more}, status=400)
        self.interactions.response_url_uses[token] -= 1
        return web.Response(text="ok")

    def _respond(self, known: ResponseUrl, body: Json) -> None:
        """Replace or take away the message that was clicked, or say something new, to the clicker alone by default."""
        only_theirs = self.workspace.ephemerals[known.user]
        if body.get("delete_original"):
            if only_theirs.pop(known.ts, None) is None and (there := self._original(known)):
                self.workspace.delete_message(there)
            self.workspace.changed()
            return
        blocks, text = checked_blocks(body.get("blocks")), str(body.get("text") or "")
        if not blocks and not text:
            raise Refused("no_text")
        if body.get("replace_original") and known.ts not in only_theirs and (before := self._original(known)):
            self.events.changed(before, self.workspace.change_message(before, text=text, blocks=blocks))
        elif body.get("response_type") == "in_channel":
            self.events.posted(
                self.workspace.add_message(
                    known.channel,
                    self.workspace.bot_user_id,
                    text,
                    blocks=blocks,
                    bot_id=self.workspace.bot_id,
                    thread_ts=body.get("thread_ts"),
                )
            )
        else:
            again = known.ts if body.get("replace_original") else None
            self.workspace.add_ephemeral(known.user, known.channel, text, ts=again, blocks=blocks, thread_ts=known.thread_ts)

    def _original(self, known: ResponseUrl) -> Message | None:
        return self.workspace.message(known.channel, known.ts)
