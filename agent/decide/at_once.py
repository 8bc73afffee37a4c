"""What follows an approval at once: where nothing stands between it and its run, both are written in one statement."""

from collections.abc import Sequence
from datetime import datetime

from agent.decide.facts import Facts
from agent.decide.moves import RunTool
from agent.decide.next_moves import next_moves
from agent.session.inbox import Click, Inboxed
from agent.session.machine import apply
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import ActionDecided


def run_at_once(
    session: Session, click: Click, inbox: Sequence[Inboxed], rules: Rules, now: datetime, facts: Facts
) -> RunTool | None:
    """Return the run that would come next if this click settled its action; None: something else would, or nothing.

    It is found as it always is, by what comes next in the session as it would be then: the call is judged as before any run.
    """
    action = session.actions.get(click.action_id)
    if click.decision != "approved" or action is None or action.decided is not None:
        return None
    decided = ActionDecided(action_id=click.action_id, decision="approved", by=click.user, reason=click.reason, decided_at=now)
    moves = next_moves(apply(session, decided, session.epoch), inbox, rules, now, facts)
    runs = (move for move in moves if isinstance(move, RunTool) and move.action_id == click.action_id)
    return next((run for run in runs if run.digest is not None and run.grant_id is None), None)
