"""An action as those see it who do not hold its session: the Slack edge, and reports."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from agent.approvals import deciders
from agent.session.steps import ProposedAction
from agent.text import mention
from agent.types import Approvers, Place

ACTION_COLUMNS: LiteralString = """
action.body::text, session.team, session.channel, session.thread_ts, action.status, action.decided_by, action.decided_at
"""


@dataclass(frozen=True, slots=True)
class ActionSeen:
    """An action as the Slack edge needs it: where it lives, what was shown, how it stands."""

    proposed: ProposedAction
    place: Place
    status: str
    decided_by: str
    decided_at: datetime | None

    def approvers(self, now: datetime) -> Approvers:
        """Return who may decide it by now: after an escalation, the further people too."""
        waited = now - self.proposed.proposed_at
        return deciders.approvers_after(self.proposed.verdict, int(waited.total_seconds()))


def action_seen(
    body: str, team: str, channel: str, thread_ts: str, status: str, decided_by: str, decided_at: datetime | None
) -> ActionSeen:
    """Return an action of its ACTION_COLUMNS."""
    place = Place(team=team, channel=channel, thread_ts=thread_ts)
    return ActionSeen(ProposedAction.model_validate_json(body), place, status, decided_by, decided_at)


def settled_sentence(seen: ActionSeen) -> str:
    """Return why a click changed nothing."""
    by = f" by {mention(seen.decided_by)}" if seen.decided_by else ""
    return f"This was already settled ({seen.status}){by}; your click changed nothing."
