"""What comes when people have rested: what they said is read once for what is worth remembering."""

from datetime import datetime

from agent.session.rules import Rules
from agent.session.state import Session


def all_learnt(session: Session, rules: Rules) -> bool:
    """Return whether nothing is left to be learnt from: of every turn what people said was read, or nothing is learnt at all."""
    return not rules.learns_with or session.model.learnt_turn >= session.turn.number


def learns_at(session: Session, rules: Rules) -> datetime | None:
    """Return when what people said is read if they say nothing more. None: it was, or a turn is open."""
    heard_at = session.model.heard_at
    if session.turn.open or heard_at is None or all_learnt(session, rules):
        return None
    return heard_at + rules.learns_after
