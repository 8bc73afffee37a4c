"""What Slack says of people: asked for one thing after the other, until it is clear whether somebody may decide."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Protocol

from slack_sdk.web.async_client import AsyncWebClient

from agent.approvals.deciders import Deciders, Membership, PersonFacts, may_decide
from agent.errors import RefusedError, UnclearError
from agent.foreign_json import members
from bot.slack.web_api import called, meaning, pages_of
from bot.slack.whom import SLACKBOT

PAGE_PEOPLE = 1_000


class Says(Protocol):
    """What Slack says of people. None: it does not say. Where that is to stop everything, it raises instead."""

    async def membership(self, user: str) -> Membership | None:
        """Return what a person is to the installation's workspace."""
        ...

    async def holds(self, list_id: str, user: str) -> bool | None:
        """Return whether a conversation or user group holds a person."""
        ...


async def decides(slack: Says, user: str, deciders: Deciders, channel: str) -> bool | None:
    """Return what `may_decide` does, having asked Slack only for what the answer depends on. Raises what `slack` raises."""
    facts = PersonFacts(user)
    answer = may_decide(facts, deciders, channel)
    if answer is None:
        facts = replace(facts, membership=await slack.membership(user))
        answer = may_decide(facts, deciders, channel)
    for id in deciders.lists(channel):
        if answer is not None:
            break
        facts = facts.listed(id, inside=await slack.holds(id, user))
        answer = may_decide(facts, deciders, channel)
    return answer


def membership_of(user: Any, team: str) -> Membership:
    """Return what Slack's user object says of a person, seen from the workspace `team`.

    `is_stranger` is missing or false for people of other organisations with whom a channel is shared, so their team decides
    (docs: Slack Connect, External members). A member of several workspaces of one Enterprise organisation names all of them in
    `enterprise_user`. Slackbot says of itself that it is no bot.
    """
    if user.get("deleted"):
        return "inactive"
    if user.get("is_bot") or user.get("is_workflow_bot") or user.get("id") == SLACKBOT:
        return "bot"
    if user.get("is_stranger") or team not in _teams_of(user):
        return "external"
    return "guest" if user.get("is_restricted") or user.get("is_ultra_restricted") else "member"


def home_team(user: Any, team: str) -> str:
    """Return the workspace that a person belongs to: `team`, if that is one of theirs."""
    return team if team in _teams_of(user) else str(user.get("team_id") or team)


def _teams_of(user: Any) -> list[Any]:
    teams: Any = members(user.get("enterprise_user")).get("teams")
    return [user.get("team_id"), *(teams if isinstance(teams, list) else ())]


async def user_of(client: AsyncWebClient, id: str) -> Any:
    """Return Slack's user object as it is now; None: it has nobody with this id.

    Fails closed: raises UnclearError where Slack refuses to say, DelayedError and UnclearError as every call does.
    """
    try:
        return (await called(client, "users.info", user=id))["user"]
    except RefusedError as error:
        if meaning(str(error)) == "gone":
            return None
        raise UnclearError(f"users.info cannot be asked: {error}") from error


async def people_on(client: AsyncWebClient, list_id: str) -> AsyncIterator[frozenset[str]]:
    """Yield the members of a conversation or user group, a page at a time.

    Fails closed: raises UnclearError where Slack refuses to say, DelayedError and UnclearError as every call does.
    """
    group = list_id.startswith("S")
    method, of = ("usergroups.users.list", {"usergroup": list_id}) if group else ("conversations.members", {"channel": list_id})
    arguments: dict[str, Any] = {**of, "limit": PAGE_PEOPLE}
    try:
        async for page in pages_of(client, method, arguments):
            yield frozenset(map(str, page.get("members") or page.get("users") or ()))
    except RefusedError as error:
        if str(error) == "no_such_subteam":
            return  # a user group that was removed has nobody in it
        raise UnclearError(f"{method} cannot be asked: {error}") from error
