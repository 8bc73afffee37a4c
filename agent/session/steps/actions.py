"""Steps about actions: proposed, voted on, edited, escalated, decided; and the standing permissions that people give."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, JsonValue

from agent.session.post_keys import PostKey
from agent.types import Change, Decision, Frozen, GrantPattern, Preview, Verdict, Wording


class ProposedAction(Frozen):
    """A call waits for people. `digest` binds what was shown: tool, schema, arguments, verdict, wording, preview and session.

    `message` is the key of the message that it is shown in, together with other calls of the same turn. `ran`: it ran without a
    card, and people are asked only about its unknown outcome.

    Wide because what is approved must be whole in the log: the call, the verdict, and all that the card says of them.
    """

    kind: Literal["proposed_action"] = "proposed_action"
    action_id: str
    call_id: str
    tool: str
    arguments: dict[str, JsonValue]
    verdict: Verdict
    digest: str
    requesters: tuple[str, ...]  # who asked, and who edited the arguments
    expires_at: datetime
    message: str = ""
    edited_by: str = ""  # empty: these are the model's arguments
    preview: Preview | None = None
    sources: tuple[str, ...] = ()  # untrusted ones that were read in this turn
    said: str = ""  # the model's own words beside the call
    wording: Wording | None = None  # None: of an action from before there was any on record
    changed: tuple[Change, ...] = ()  # what is not as the card before this one showed it
    described: str = ""  # digest of the tool's description and schema then; empty: not on record
    ran: bool = False  # last: SQL finds such steps by the end of their text (`agent.session.step_text`)

    @property
    def shown_in(self) -> PostKey:
        """Return the key of the message that it is shown in."""
        return PostKey.parse(self.message) if self.message else PostKey("card", self.action_id)

    @property
    def proposed_at(self) -> datetime:
        """Return when it was brought before people, from which reminders and escalation are counted."""
        return self.expires_at - timedelta(seconds=self.verdict.expires_seconds)


class Voted(Frozen):
    """One person's word on an action that needs more than one. A later word of theirs replaces it."""

    kind: Literal["voted"] = "voted"
    action_id: str
    by: str
    decision: Literal["approved", "rejected", "run_again"] = "approved"  # `run_again`: of a call whose outcome is unknown
    reason: str = ""


class Edited(Frozen):
    """A person changed an action's arguments. The action is over; its call is judged anew with these."""

    kind: Literal["edited"] = "edited"
    action_id: str
    by: str
    arguments: dict[str, JsonValue]
    edited_at: datetime


class Escalated(Frozen):
    """An action has waited so long that further people may decide it."""

    kind: Literal["escalated"] = "escalated"
    action_id: str
    escalated_at: datetime


class Nudged(Frozen):
    """Somebody who asked for an action wants those who may decide to be told once more."""

    kind: Literal["nudged"] = "nudged"
    action_id: str
    by: str
    nudged_at: datetime


class ActionDecided(Frozen):
    """People, or the clock, settled an action."""

    kind: Literal["action_decided"] = "action_decided"
    action_id: str
    decision: Decision
    by: str = ""
    reason: str = ""
    decided_at: datetime


class Granted(Frozen):
    """An approver allowed further calls like the one that they approved."""

    kind: Literal["granted"] = "granted"
    grant_id: str
    action_id: str
    tool: str
    pattern: GrantPattern
    verdict: Verdict  # that their approval satisfied
    by: str
    expires_at: datetime
    most_uses: int
    bound: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])  # what the arguments of that call resolved to
    author: str = ""  # digest of the tool as its author described it (`agent.approvals.digest`); empty: not on record


class GrantEnded(Frozen):
    """A grant did not hold when it was to be used: revoked, used up, over, or given by somebody who may not decide any more."""

    kind: Literal["grant_ended"] = "grant_ended"
    grant_id: str
