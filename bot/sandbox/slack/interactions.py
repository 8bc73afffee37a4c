"""What people do with buttons and modals, and what the app's answers to it do to what they see."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from bot.sandbox.slack import payloads
from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.delivery import Deliveries, NotAcked
from bot.sandbox.slack.entering import Value, client_errors, entered
from bot.sandbox.slack.methods.views import checked_view, push_modal, state_of, update_modal
from bot.sandbox.slack.reading import initial_value
from bot.sandbox.slack.types import Channel, Message, SubmitAnswer, View
from bot.sandbox.slack.wire import Json, Refused
from bot.sandbox.slack.workspace import Workspace

RESPONSE_URL_SECONDS = 30 * 60
RESPONSE_URL_USES = 5
NO_ANSWER = "This didn't work: the app did not answer in time. Please try again."
NOT_INTERACTIVE = "This app is not set up to respond to interactions."
_STATELESS = ("button", "icon_button")


@dataclass(frozen=True)
class ResponseUrl:
    """What a response_url stands for."""

    user: str
    channel: str
    ts: str
    thread_ts: str | None
    until: float
    """On the monotonic clock."""


class Interactions:
    """Clicks, submissions and closed modals on their way to the bot.

    Wide because each method is one thing that people do with their hands in Slack.
    """

    def __init__(self, workspace: Workspace, deliveries: Deliveries, base_url: Callable[[], str]) -> None:
        self.workspace = workspace
        self.deliveries = deliveries
        self.base_url = base_url
        self.response_urls: dict[str, ResponseUrl] = {}
        self.response_url_uses: dict[str, int] = {}

    def click(
        self, user: str, message: Message, action_id: str, value: Value, block_id: str | None, *, stale: bool
    ) -> asyncio.Future[None]:
        """Act as `user` on an element of a message. `stale`: as a client that still shows an earlier version of it.

        What comes back is done when the app has acked, or failed to.
        """
        ephemeral = message.ts in self.workspace.ephemerals[user]
        versions = [message]
        if stale:
            versions += reversed(self.workspace.earlier[message.channel, message.ts])
        block, element = _find((version.blocks for version in versions), action_id, value, block_id)
        place = (user, message.channel, message.ts)
        chosen = self._choose(element, value)
        self.workspace.pressed.setdefault((message.channel, message.ts), []).append(user)
        if initial_value(element) is not None:
            self.workspace.selections.setdefault(place, {}).setdefault(block["block_id"], {})[action_id] = chosen
            self.workspace.changed()
        container: Json = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
        container["is_ephemeral"] = ephemeral
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        state = state_of(list(message.blocks), self.workspace.selections.get(place, {}))
        more: Json = {
            "container": container,
            "channel": self._channel_of_click(self.workspace.channels[message.channel]),
            "state": {"values": state},
            "response_url": self._response_url(user, message),
            "actions": [self._action(element, block["block_id"], chosen)],
        }
        if not ephemeral:
            more["message"] = payloads.message_json(self.workspace, message)
        return self._send(user, payloads.interaction(self.workspace, "block_actions", user, **more))

    def click_in_view(self, view: View, action_id: str, value: Value, block_id: str | None) -> asyncio.Future[None]:
        block, element = _find([view.blocks], action_id, value, block_id)
        chosen = self._choose(element, value)
        if initial_value(element) is not None:
            view = self._with_state(view, {block["block_id"]: {action_id: chosen}})
        more: Json = {
            "container": {"type": "view", "view_id": view.id},
            "view": payloads.view_json(self.workspace, view),
            "actions": [self._action(element, block["block_id"], chosen)],
        }
        return self._send(view.user, payloads.interaction(self.workspace, "block_actions", view.user, **more))

    async def submit(self, view: View, values: Mapping[tuple[str, str], Value]) -> SubmitAnswer:
        """Press submit with these values in the inputs, by (block_id, action_id); the others stay as they are."""
        given: dict[str, dict[str, Json]] = {}
        for block in view.blocks:
            for element in elements_of(block):
                key = (block["block_id"], element["action_id"])
                if key in values:
                    given.setdefault(key[0], {})[key[1]] = entered(element, values[key])
        view = self._with_state(view, given)
        if errors := client_errors(view.blocks, view.state):
            return SubmitAnswer(errors, closed=False)
        shown = payloads.view_json(self.workspace, view)
        payload = payloads.interaction(self.workspace, "view_submission", view.user, view=shown, response_urls=[])
        try:
            ack = await self.deliveries.interaction(payload)
            errors = self._apply_ack(view, ack or {})
        except (NotAcked, Refused) as failed:
            reason = f"{failed.code}: {failed.more}" if isinstance(failed, Refused) else failed.reason
            return SubmitAnswer({}, closed=False, failure=f"{NO_ANSWER} ({reason})")
        return SubmitAnswer(errors, closed=self.workspace.find_modal(view.id) is None)

    def close_view(self, view: View) -> None:
        self._take_off(view)
        if view.body.get("notify_on_close"):
            shown = payloads.view_json(self.workspace, view)
            payload = payloads.interaction(self.workspace, "view_closed", view.user, view=shown, is_cleared=False)
            self._send(view.user, payload)

    def _apply_ack(self, view: View, ack: Json) -> Mapping[str, str]:
        """Do what the ack of a view_submission asks for, and return the errors to show, if it has any."""
        now = self.workspace.find_modal(view.id)
        match ack.get("response_action"):
            case "errors":
                return _checked_errors(view, ack.get("errors"))
            case "update":
                body = checked_view(ack.get("view"), "modal")
                if now is not None:
                    update_modal(self.workspace, now, body)
            case "push":
                push_modal(self.workspace, view.user, checked_view(ack.get("view"), "modal"))
            case "clear":
                self.workspace.modals[view.user] = []
                self.workspace.changed()
            case None:
                if now is not None:
                    self._take_off(now)
            case other:
                raise Refused("invalid_response_action", response_action=other)
        return {}

    def _take_off(self, view: View) -> None:
        stack = self.workspace.modals[view.user]
        position = next(index for index, one in enumerate(stack) if one.id == view.id)
        del stack[position:]
        self.workspace.changed()

    def _with_state(self, view: View, given: Mapping[str, Mapping[str, Json]]) -> View:
        state = {block_id: dict(actions) for block_id, actions in view.state.items()}
        for block_id, actions in given.items():
            state.setdefault(block_id, {}).update(actions)
        after = replace(view, state=state)
        if view.type == "home":
            self.workspace.homes[view.user] = after
            self.workspace.changed()
        else:
            self.workspace.replace_modal(view, after)
        return after

    def _choose(self, element: Json, value: Value) -> Json:
        if element["type"] == "feedback_buttons":
            pair = (element["positive_button"], element["negative_button"])
            pressed = next((one for one in pair if one["value"] == value), None)
            if pressed is None:
                raise LookupError(f"Choose one of the values {[one['value'] for one in pair]}.")
            return {"type": element["type"], **pressed}
        return {"type": element["type"]} if element["type"] in _STATELESS else entered(element, value)

    def _action(self, element: Json, block_id: str, chosen: Json) -> Json:
        return payloads.action_json(element, block_id, chosen, self.workspace.new_ts())

    def _channel_of_click(self, channel: Channel) -> Json:
        shown = {"im": "directmessage", "private": "privategroup"}.get(channel.kind, channel.name)
        return {"id": channel.id, "name": shown}

    def _response_url(self, user: str, message: Message) -> str:
        token = secrets.token_urlsafe(24)
        until = time.monotonic() + RESPONSE_URL_SECONDS
        self.response_urls[token] = ResponseUrl(user, message.channel, message.ts, message.thread_ts, until)
        self.response_url_uses[token] = RESPONSE_URL_USES
        return f"{self.base_url()}response/{token}"

    def _send(self, user: str, payload: Json) -> asyncio.Future[None]:
        if self.workspace.setting("settings.interactivity.is_enabled") is False:
            self._fail(user, NOT_INTERACTIVE)
            done = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        return self.deliveries.background(self._deliver(user, payload))

    async def _deliver(self, user: str, payload: Json) -> None:
        try:
            await self.deliveries.interaction(payload)
        except NotAcked:
            self._fail(user, NO_ANSWER)

    def _fail(self, user: str, sentence: str) -> None:
        self.workspace.failures[user].append(sentence)
        self.workspace.changed()


def _find(versions: Iterable[Sequence[Json]], action_id: str, value: Value, block_id: str | None) -> tuple[Json, Json]:
    """Return the block and the element to act on, in the first version that has it. Raises LookupError: none, or several."""
    seen: list[str] = []
    for blocks in versions:
        found: list[tuple[Json, Json]] = []
        for block in blocks:
            for element in elements_of(block):
                seen.append(f"{element['action_id']} ({block['block_id']})")
                if element["action_id"] == action_id and block_id in (None, block["block_id"]):
                    found.append((block, element))
        if len(found) > 1 and value is not None:
            found = [one for one in found if one[1].get("value") == value]
        if len(found) > 1:
            raise LookupError(f"{len(found)} elements have the action_id {action_id!r}: choose by value or block_id.")
        if found:
            return found[0]
    raise LookupError(f"Nothing here has the action_id {action_id!r}, only {seen or 'no element at all'}.")


def _checked_errors(view: View, errors: Any) -> Mapping[str, str]:
    """Return the errors, which must name input blocks of the modal, or Slack tells the person that it could not connect."""
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or cast(Json, errors).keys() - inputs:
        raise Refused("invalid_errors", errors=errors)
    return cast(Mapping[str, str], errors)
