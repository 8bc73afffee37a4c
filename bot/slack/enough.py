"""Whether enough people could approve a call as things are, said early instead of when its card expires.

Nothing is decided by it: who may click is read at each click. Slack is asked through the port `Directory`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from slack_sdk.web.async_client import AsyncWebClient

from agent.approvals.deciders import Membership, PersonFacts, approvers_after, deciders_of, may_decide
from agent.errors import DelayedError, FencedError, RefusedError, UnclearError
from agent.types import Approvers, Verdict
from bot.cards.harmless_text import cut
from bot.cards.people import people
from bot.slack.people import PAGE_PEOPLE, membership_of, people_on, user_of
from bot.slack.web_api import pages_of

EVERYBODY = "*"  # in place of a conversation: any of them, whose members may be everybody
WHY_CHARACTERS = 400
MOST_ASKED = 20  # people who are looked up one by one: where so many are named, enough will be there

NOT_SAID = (UnclearError, DelayedError, FencedError, RefusedError)


class Directory(Protocol):
    """Who there is in the workspace. Both raise one of `NOT_SAID` where Slack does not say."""

    async def membership(self, user: str) -> Membership:
        """Return what somebody is to the workspace at this moment."""
        ...

    async def listed(self, list_id: str) -> frozenset[str]:
        """Return who is in a conversation or user group; nobody where there is no such user group."""
        ...


@dataclass(frozen=True, slots=True)
class Lacking:
    """Somebody, or a user group, that a rule names and that cannot approve."""

    id: str
    why: Literal["asked", "empty", "inactive", "guest", "external"]

    def sentence(self, name: str) -> str:
        """Return it as a part of a sentence that calls them `name`."""
        words = {
            "asked": "asked for it",
            "empty": "has no members",
            "inactive": "is not active here",
            "guest": "is a guest",
            "external": "is of another organisation",
        }
        return f"{name} {words[self.why]}"


def too_few_sentence(able: int, lacking: Sequence[Lacking], quorum: int) -> str:
    """Return the sentence of a card that `able` people can approve, which is fewer than its quorum."""
    named = [each.sentence(f"<!subteam^{each.id}>" if each.id.startswith("S") else people((each.id,))) for each in lacking]
    why = f" ({cut(', '.join(named), WHY_CHARACTERS)})" if named else ""
    are = "is" if able == 1 else "are"
    mend = "Withdraw it, or have that or the policy changed."
    return f"As things are nobody can decide this: it takes {quorum} who may approve, and there {are} {able}{why}. {mend}"


async def too_few(
    verdict: Verdict, requesters: Sequence[str], channel: str, directory: Directory
) -> tuple[int, Sequence[Lacking]] | None:
    """Return how many can approve where that is less than the quorum, and who cannot; None where enough can.

    People whom an escalation brings in count. Those who asked have just spoken, and are taken for full members.
    """
    deciders = deciders_of(approvers_after(verdict, verdict.expires_seconds - 1), requesters)
    here = frozenset({channel})
    able = {user for user in requesters if may_decide(PersonFacts(user, "member", here), deciders, channel)}
    seen, lacking = {*able, *deciders.excluded}, [Lacking(user, "asked") for user in deciders.excluded]
    for list_id in ("", *deciders.lists(channel)):
        if len(able) >= verdict.quorum:
            return None
        listed = sorted(await directory.listed(list_id)) if list_id else deciders.users
        if list_id and not listed:
            lacking.append(Lacking(list_id, "empty"))
        for user in listed:
            if user in seen:
                continue
            seen.add(user)
            membership = await directory.membership(user)
            if may_decide(PersonFacts(user, membership, frozenset({list_id})), deciders, channel):
                able.add(user)
            elif membership not in ("bot", "member"):
                lacking.append(Lacking(user, membership))
            if len(able) >= verdict.quorum or len(seen) > MOST_ASKED + len(requesters):
                return None
    return None if len(able) >= verdict.quorum else (len(able), lacking)


async def absent(approvers: Approvers, directory: Directory) -> Sequence[Lacking]:
    """Return the users and user groups of a rule who cannot approve, no matter who asks."""
    inactive = [Lacking(user, "inactive") for user in approvers.users if await directory.membership(user) == "inactive"]
    return [*inactive, *[Lacking(group, "empty") for group in approvers.groups if not await directory.listed(group)]]


class SlackDirectory:
    """The directory on Slack's Web API, for the workspace `team`."""

    def __init__(self, client: AsyncWebClient, team: str) -> None:
        self._client = client
        self._team = team

    async def membership(self, user: str) -> Membership:
        """See `Directory.membership`."""
        found = await user_of(self._client, user)
        return membership_of(found, self._team) if found is not None else "inactive"

    async def listed(self, list_id: str) -> frozenset[str]:
        """See `Directory.listed`."""
        if list_id != EVERYBODY:
            return frozenset([user async for people in people_on(self._client, list_id) for user in people])
        found = [one async for page in pages_of(self._client, "users.list", {"limit": PAGE_PEOPLE}) for one in page["members"]]
        return frozenset(str(one["id"]) for one in found if membership_of(one, self._team) == "member")
