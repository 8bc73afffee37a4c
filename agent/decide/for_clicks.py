"""What a click may bring about: whether it can be counted now, the grant that comes with it, when a run may be repeated."""

from datetime import datetime, timedelta

from agent import fence
from agent.approvals import grants
from agent.approvals.digest import action_digest, author_digest
from agent.canonical import sha256
from agent.session.inbox import Click, Edit, OutcomeClick
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Granted, ProposedAction
from agent.tool.definition import Result
from agent.tool.validation import validate


def counts_now(session: Session, click: Click | Edit | OutcomeClick) -> bool:
    """Return whether the click can be counted as things are. One on an unknown outcome opens a turn, so it waits until none is
    open."""
    return not isinstance(click, OutcomeClick) or session.status == "idle"


def is_settled(session: Session, click: Click | Edit | OutcomeClick) -> bool:
    """Return whether nothing is left to decide about what was clicked: then nobody is asked whether its author may."""
    action = session.actions.get(click.action_id)
    return action is None or (action.decided is not None and action.run.outcome != "unknown")


def grant_with(session: Session, click: Click, rules: Rules, now: datetime) -> Granted | None:
    """Return the standing permission that goes with an approval, if it was asked for and may be given."""
    action, wish = session.actions.get(click.action_id), click.wish
    if action is None or wish is None or click.decision != "approved":
        return None
    proposed = action.proposed
    tool = rules.tools.get(proposed.tool)
    if tool is None or action.escalated or not grants.grantable(tool, proposed.verdict):
        return None
    if not grants.sound(wish, proposed.arguments) or not _as_shown(session, proposed, rules):
        return None
    return Granted(
        grant_id=f"G{sha256(proposed.action_id)[:24]}",
        action_id=proposed.action_id,
        tool=proposed.tool,
        pattern=wish.pattern,
        bound=proposed.preview.bound if proposed.preview is not None else {},
        author=author_digest(tool),
        verdict=proposed.verdict,
        by=click.user,
        expires_at=now + timedelta(seconds=wish.lasts_seconds),
        most_uses=wish.most_uses,
    )


def _as_shown(session: Session, proposed: ProposedAction, rules: Rules) -> bool:
    """Return whether the tool is still what the card said of it: a permission for later calls is one for this tool."""
    validated = validate(rules.tools, proposed.tool, proposed.arguments)
    if isinstance(validated, Result):
        return False
    tool, arguments = rules.tools[proposed.tool], validated.model_dump(mode="json")
    now = action_digest(session.id, tool, arguments, proposed.verdict, tool.wording(validated), proposed.preview)
    return now == proposed.digest


def runs_at_most_seconds(session: Session, action_id: str, rules: Rules) -> float:
    """Return how long after its start was committed a run of this action can be under way."""
    action = session.actions.get(action_id)
    tool = rules.tools.get(action.proposed.tool) if action else None
    return fence.BEGIN_WITHIN_SECONDS + (tool.time_limit_seconds if tool else 0.0)
