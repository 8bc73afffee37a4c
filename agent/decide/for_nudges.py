"""Those who asked may have those told once more who may decide."""

from datetime import datetime, timedelta

from agent.decide.for_approvers import told_by_mention, told_directly
from agent.decide.move_keys import MoveKey
from agent.decide.moves import Move, TurnAway
from agent.session.inbox import Nudge
from agent.session.state import ActionState, Session
from agent.session.steps import Nudged
from agent.text import mention

NUDGE_EVERY = timedelta(hours=1)  # of one card


def can_be_nudged(session: Session, action: ActionState) -> bool:
    """Return whether there is somebody whom a nudge would tell."""
    return bool(told_directly(session, action) or told_by_mention(session, action))


def nudge_move(session: Session, row_id: int, nudge: Nudge, now: datetime) -> Move:
    """Have those told again who may decide, once an hour for each card, if somebody who asked for it wants that."""
    key = MoveKey("nudge", nudge.action_ids[0])  # one after the other
    waiting = [action for action in session.undecided() if action.proposed.action_id in nudge.action_ids and action.shown.ts]
    own = [action for action in waiting if nudge.user in action.proposed.requesters]
    if not waiting:
        return TurnAway(row_id, nudge, "Nothing of this is waiting any more.", key)
    if not own:
        names = ", ".join(map(mention, waiting[0].proposed.requesters))
        return TurnAway(row_id, nudge, f"Nobody was told again: {names} asked for this, and only they may nudge.", key)
    told = [action for action in own if can_be_nudged(session, action)]
    if not told:
        return TurnAway(row_id, nudge, "There is nobody to be nudged: the rule names nobody who has not said yes or no.", key)
    due = [action for action in told if (last := _last_nudge(action)) is None or now >= last + NUDGE_EVERY]
    if not due:
        at = min(last for action in told if (last := _last_nudge(action)) is not None) + NUDGE_EVERY
        minutes = -(-(at - now) // timedelta(minutes=1))
        when = f"in {minutes} {'minute' if minutes == 1 else 'minutes'}"
        return TurnAway(row_id, nudge, f"They were told again less than an hour ago; you can nudge them again {when}.", key)
    steps = tuple(Nudged(action_id=action.proposed.action_id, by=nudge.user, nudged_at=now) for action in due)
    text = "I tell those who may decide once more. You can nudge them again in an hour."
    return TurnAway(row_id, nudge, text, key, steps)


def _last_nudge(action: ActionState) -> datetime | None:
    return action.nudges[-1].nudged_at if action.nudges else None
