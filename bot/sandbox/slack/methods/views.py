"""views.*: modals and the Home tab."""

from __future__ import annotations

import secrets
from dataclasses import replace

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.blocks import elements_of, view_faults, with_ids
from bot.sandbox.slack.payloads import view_json
from bot.sandbox.slack.reading import State, initial_value
from bot.sandbox.slack.types import View
from bot.sandbox.slack.web_api import Desk
from bot.sandbox.slack.wire import Json, Refused
from bot.sandbox.slack.workspace import Workspace

MOST_VIEWS = 3
"""Modals of one person on top of each other."""


def open_view(desk: Desk, given: Arguments) -> Json:
    body = checked_view(given.json_object("view"), "modal")
    user = desk.workspace.use_trigger(given.needed("trigger_id", "invalid_trigger_id"))
    view = new_modal(desk.workspace, user, body)
    desk.workspace.modals[user] = [view]
    desk.workspace.changed()
    return {"view": view_json(desk.workspace, view)}


def push(desk: Desk, given: Arguments) -> Json:
    body = checked_view(given.json_object("view"), "modal")
    user = desk.workspace.use_trigger(given.needed("trigger_id", "invalid_trigger_id"))
    return {"view": view_json(desk.workspace, push_modal(desk.workspace, user, body))}


def update(desk: Desk, given: Arguments) -> Json:
    body = checked_view(given.json_object("view"), "modal")
    view = _view_of(desk.workspace, given)
    if given.text("hash") and given.text("hash") != view.hash:
        raise Refused("hash_conflict")
    return {"view": view_json(desk.workspace, update_modal(desk.workspace, view, body))}


def publish(desk: Desk, given: Arguments) -> Json:
    user = given.needed("user_id", "user_not_found")
    if user not in desk.workspace.people:
        raise Refused("user_not_found")
    if desk.workspace.setting("features.app_home.home_tab_enabled") is False:
        raise Refused("not_enabled")
    body = checked_view(given.json_object("view"), "home")
    before = desk.workspace.homes.get(user)
    if before is not None and given.text("hash") and given.text("hash") != before.hash:
        raise Refused("hash_conflict")
    view_id = before.id if before else desk.workspace.new_id("V")
    view = View(
        view_id,
        "home",
        user,
        _hash(),
        body,
        state_of(body["blocks"], before.state if before else {}),
        root_view_id=view_id,
        names=desk.workspace.names,
    )
    desk.workspace.homes[user] = view
    desk.workspace.changed()
    return {"view": view_json(desk.workspace, view)}


def checked_view(view: Json | None, kind: str) -> Json:
    """Return the view with ids for its blocks, or Slack's refusal. Used for views inside acks too."""
    faults = view_faults(view)
    if faults or view is None:
        raise Refused.with_messages("invalid_arguments", faults)
    if view["type"] != kind:
        raise Refused.with_messages("invalid_arguments", [f"must be a {kind} [json-pointer:/view/type]"])
    return {**view, "blocks": with_ids(view["blocks"])}


def new_modal(workspace: Workspace, user: str, body: Json, below: View | None = None) -> View:
    view_id = workspace.new_id("V")
    return View(
        view_id,
        "modal",
        user,
        _hash(),
        body,
        state_of(body["blocks"], {}),
        root_view_id=below.root_view_id if below else view_id,
        previous_view_id=below.id if below else None,
        names=workspace.names,
    )


def push_modal(workspace: Workspace, user: str, body: Json) -> View:
    stack = workspace.modals[user]
    if len(stack) >= MOST_VIEWS:
        raise Refused("push_limit_reached")
    view = new_modal(workspace, user, body, stack[-1] if stack else None)
    stack.append(view)
    workspace.changed()
    return view


def update_modal(workspace: Workspace, view: View, body: Json) -> View:
    """Return the same modal with another body. What a person had entered stays where block_id and action_id stay."""
    after = replace(view, body=body, hash=_hash(), state=state_of(body["blocks"], view.state))
    workspace.replace_modal(view, after)
    return after


def state_of(blocks: list[Json], kept: State) -> dict[str, dict[str, Json]]:
    """Return `state.values` of the blocks: what is in `kept` for the same ids and type, else each element's initial value."""
    values: dict[str, dict[str, Json]] = {}
    for block in blocks:
        for element in elements_of(block):
            initial = initial_value(element)
            if initial is None:
                continue
            block_id, action_id = block["block_id"], element["action_id"]
            entered = kept.get(block_id, {}).get(action_id)
            if entered is None or entered["type"] != initial["type"]:
                entered = initial
            values.setdefault(block_id, {})[action_id] = entered
    return values


def _view_of(workspace: Workspace, given: Arguments) -> View:
    view_id, external_id = given.text("view_id"), given.text("external_id")
    for stack in workspace.modals.values():
        for view in stack:
            if view.id == view_id or (external_id and view.body.get("external_id") == external_id):
                return view
    raise Refused("not_found")


def _hash() -> str:
    return f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}"
