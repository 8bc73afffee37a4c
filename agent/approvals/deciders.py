"""Who may ask and decide: which people a rule's approvers come to, and whether one person is among them. Pure.

Clicks, the Home tab and the words of a card all come from `Deciders`. People change while a card waits, so what Slack says of
one is asked for at each click and handed in as `PersonFacts`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agent.types import Approvers, Verdict

Membership = Literal["member", "guest", "external", "bot", "inactive"]
"""Of a person, seen from the installation's workspace: a full member of it, a guest of it, somebody of another organisation, an
app, or nobody who can act (deactivated, or not known to Slack)."""
FULL_MEMBERS: frozenset[Membership] = frozenset({"member"})
APPS: frozenset[Membership] = frozenset({"bot"})


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What Slack said of one person. None, or a list in neither set: Slack was not asked, or does not say."""

    user: str
    membership: Membership | None = None
    inside: frozenset[str] = frozenset()  # ids of conversations and user groups that hold this person
    outside: frozenset[str] = frozenset()  # and of those that do not

    def listed(self, id: str, *, inside: bool | None) -> "PersonFacts":
        """Return these facts and what Slack said of one more list; None: it did not say."""
        if inside is None:
            return self
        return replace(self, inside=self.inside | {id}) if inside else replace(self, outside=self.outside | {id})


@dataclass(frozen=True, slots=True)
class Deciders:
    """The approvers of a call, once it is known who asked for it."""

    users: tuple[str, ...]
    groups: tuple[str, ...]
    channel_members: bool
    included: tuple[str, ...]  # who asked, and may decide because of that
    excluded: tuple[str, ...]  # who asked, and may not decide whatever else they are

    def lists(self, channel: str) -> tuple[str, ...]:
        """Return the ids of the conversation and user groups whose members may decide, in the order to ask about them."""
        return ((channel,) if self.channel_members else ()) + self.groups


def deciders_of(approvers: Approvers, requesters: Sequence[str]) -> Deciders:
    """Return who may decide a call that `requesters` asked for."""
    asked = tuple(requesters)
    return Deciders(
        users=approvers.users,
        groups=approvers.groups,
        channel_members=approvers.channel_members,
        included=asked if approvers.requester is True else (),
        excluded=asked if approvers.requester is False else (),
    )


def may_decide(facts: PersonFacts, deciders: Deciders, channel: str) -> bool | None:
    """Return whether this person may decide a call of a session in `channel`. None: that depends on what Slack did not say.

    Full members may, where they are among the deciders; guests and people of other organisations only where a rule names them by
    id; nobody else ever. Further facts turn None into an answer and never change an answer.
    """
    among, fit = _is_among(facts, deciders, channel), _is_fit(facts, deciders)
    if among is False or fit is False:
        return False
    return None if among is None or fit is None else True


def _is_among(facts: PersonFacts, deciders: Deciders, channel: str) -> bool | None:
    if facts.user in deciders.excluded:
        return False
    if facts.user in deciders.included or facts.user in deciders.users:
        return True
    lists = deciders.lists(channel)
    if not facts.inside.isdisjoint(lists):
        return True
    return False if facts.outside.issuperset(lists) else None


def _is_fit(facts: PersonFacts, deciders: Deciders) -> bool | None:
    match facts.membership:
        case None:
            return None
        case "member":
            return True
        case "guest" | "external":
            return facts.user in deciders.users
        case "bot" | "inactive":
            return False


# ------------------------------------------------------------------------------------------------ who may ask

_NOT_ASKED: Mapping[Membership, str] = {
    "guest": "You are a guest of this workspace, and I take requests from its full members only: please ask one of them.",
    "external": "You belong to another organisation, and I take requests from members of this workspace only: "
    "please ask one of them.",
    "bot": "I take requests from people only.",
    "inactive": "Slack has no active account of yours in this workspace, so I take no requests from you: please ask a member.",
}


def why_not_asked(membership: Membership, askers: Collection[Membership]) -> str:
    """Return the sentence for somebody who may not ask; empty where such people may."""
    return "" if membership in askers else _NOT_ASKED[membership]


# ------------------------------------------------------------------------------------------------ sets of approvers


def approvers_after(verdict: Verdict, seconds: int) -> Approvers:
    """Return who may decide when the action has waited so long."""
    escalation = verdict.escalation
    if escalation is None or seconds < escalation.after_seconds:
        return verdict.approvers
    return widened(verdict.approvers, escalation.to)


def without_requesters(approvers: Approvers) -> Approvers:
    """Return the same people, those who asked left out unless a rule says of them what they may."""
    return approvers if approvers.requester is not None else approvers.model_copy(update={"requester": False})


def widened(approvers: Approvers, to: Approvers) -> Approvers:
    """Return who may decide after an escalation: both sets. What a rule says of those who asked stays; `to` says it only where
    the rule says nothing."""
    return Approvers(
        users=tuple(dict.fromkeys((*approvers.users, *to.users))),
        groups=tuple(dict.fromkeys((*approvers.groups, *to.groups))),
        channel_members=approvers.channel_members or to.channel_members,
        requester=to.requester if approvers.requester is None else approvers.requester,
    )


def wider(approvers: Approvers, than: Approvers) -> bool:
    """Return whether somebody may be among the approvers and not among those of `than`, no matter who is in a group or asks."""
    if than.requester is False and approvers.requester is not False:
        return True
    if approvers.requester and not than.requester:
        return True
    beyond = set(approvers.users) - set(than.users) or set(approvers.groups) - set(than.groups)
    return bool(beyond) or (approvers.channel_members and not than.channel_members)


def how_many(approvers: Approvers, requesters: Collection[str]) -> int | None:
    """Return how many people these are where `requesters` asked. None: that depends on who is in a group or the conversation."""
    if approvers.groups or approvers.channel_members:
        return None
    named = set(approvers.users)
    if approvers.requester is not None:
        named = named | set(requesters) if approvers.requester else named - set(requesters)
    return len(named)
