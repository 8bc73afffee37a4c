"""How deliveries name workspaces: as one workspace does alone, or as Slack Connect and Enterprise Grid do.

Shapes as in the tests of bolt-python (`slack_connect_*` in tests/slack_bolt/request/test_internals.py): the two events of one
mention name different workspaces, and what people click or submit may name none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bot.sandbox.slack.wire import Json

Naming: TypeAlias = Callable[[Json], Json]
"""Gives a body as it is delivered."""


def alone(body: Json) -> Json:
    """Leave it as it is: every delivery names the workspace of the installation."""
    return body


def slack_connect(theirs: str, organisation: str) -> Naming:
    """Name the other workspace of a shared channel, as where one of its people acts or both have the app."""

    def named(body: Json) -> Json:
        event = body.get("event")
        if event is None:
            return _interaction(body, {"id": theirs, "domain": "theirs"}, theirs)
        if event["type"] == "app_mention":  # its envelope and its `team` are those of the receiver
            who = {"user_team": organisation, "source_team": organisation, "user_profile": {"team": organisation}}
            return {**body, "event": {**event, **who}, "is_ext_shared_channel": True}
        envelope = {"team_id": theirs, "enterprise_id": organisation, "is_ext_shared_channel": True}
        return {**body, **envelope, "event": {**event, "team": theirs, "user_team": theirs, "source_team": theirs}}

    return named


def enterprise_grid(organisation: str, other: str) -> Naming:
    """Name the organisation, and another workspace of it, as where an app is installed for all of them: clicks name no team."""
    installed = {"enterprise_id": organisation, "team_id": None, "is_bot": True, "is_enterprise_install": True}

    def named(body: Json) -> Json:
        event = body.get("event")
        if event is None:
            enterprise = {"enterprise": {"id": organisation, "name": "All of us"}, "is_enterprise_install": True}
            return {**_interaction(body, None, other), **enterprise}
        envelope = {"team_id": organisation if event["type"] == "app_mention" else other, "enterprise_id": organisation}
        context = {"context_team_id": None, "context_enterprise_id": organisation}
        authorizations = [{**one, **installed} for one in body["authorizations"]]
        event = {**event, "team": other, "user_team": organisation}
        return {**body, **envelope, **context, "authorizations": authorizations, "event": event}

    return named


def _interaction(body: Json, team: Json | None, user_team: str) -> Json:
    """Return what somebody clicked or submitted, with the team of where they did it (None: it names none) and their own."""
    named = {**body, "team": team, "user": {**body["user"], "team_id": user_team}}
    if "view" in body:
        named["view"] = {**body["view"], "team_id": user_team, "app_installed_team_id": user_team}
    return named
