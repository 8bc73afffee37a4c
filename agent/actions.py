"""What steps change about actions: proposed, voted on, edited, decided, shown."""

from datetime import timedelta

from agent.calls import advance, fingerprint, with_call
from agent.errors import IllegalStepError
from agent.frozen import replace
from agent.session import ActionState, CallState, Phase, Session
from agent.steps import ActionDecided, Edited, Posted, ProposedAction, Voted


def open_action(session: Session, action_id: str) -> ActionState:
    """An action that is still kept. Raises IllegalStepError."""
    if action_id not in session.actions:
        raise IllegalStepError(f"session {session.id} has no open action {action_id}")
    return session.actions[action_id]


def undecided_action(session: Session, action_id: str) -> ActionState:
    """An action that waits for people. Raises IllegalStepError."""
    action = open_action(session, action_id)
    if action.decided is not None:
        raise IllegalStepError(f"action {action_id} is decided already")
    return action


def keep(session: Session, *changed: ActionState) -> Session:
    """Store the state of actions. Those of one message are forgotten together, once nothing about any of them is left to do."""
    actions = {**session.actions, **{action.proposed.action_id: action for action in changed}}
    for message in {action.message for action in changed}:
        rows = [id for id, action in actions.items() if action.message == message]
        if all(actions[id].finished for id in rows):
            for id in rows:
                del actions[id]
    return replace(session, actions=actions)


def proposed(session: Session, step: ProposedAction) -> Session:
    """A call is brought before people; an earlier action of it is over."""
    before = next((state for state in session.calls if state.call.id == step.call_id), None)
    if step.ran:
        return _asked_about(session, before, step)
    state = replace(advance(session, step.call_id, step.kind), action_id=step.action_id)
    if before is not None and before.action_id in session.actions:  # asked anew: the old card is closed
        session = keep(session, replace(session.actions[before.action_id], outcome="refused"))
    elif not step.edited_by:
        hour_ago = step.proposed_at - timedelta(hours=1)
        session = replace(session, asked_at=(*(at for at in session.asked_at if at > hour_ago), step.proposed_at))
    return keep(with_call(session, state), ActionState(step))


def _asked_about(session: Session, state: CallState | None, step: ProposedAction) -> Session:
    """A call that ran without a card: policy or a grant was its yes, and people are to say what became of it."""
    if state is None or not state.lost:
        raise IllegalStepError(f"call {step.call_id} did not get lost")
    yes = ActionDecided(action_id=step.action_id, decision="approved", decided_at=step.proposed_at)
    action = ActionState(step, decided=yes, idempotency_key=state.idempotency_key, outcome="unknown")
    return keep(with_call(session, replace(state, action_id=step.action_id)), action)


def voted(session: Session, step: Voted) -> Session:
    """One person's word, which takes the place of their word before."""
    action = undecided_action(session, step.action_id)
    if step.by in (action.voters if step.decision == "approved" else action.rejecters):
        raise IllegalStepError(f"action {step.action_id} takes no second vote of {step.by}")
    return keep(session, replace(_counted(action, step), changes=action.changes + 1))


def _counted(action: ActionState, step: Voted | ActionDecided) -> ActionState:
    voters = tuple(user for user in action.voters if user != step.by)
    rejecters = tuple(user for user in action.rejecters if user != step.by)
    if step.decision == "approved":
        return replace(action, voters=(*voters, step.by), rejecters=rejecters)
    return replace(action, voters=voters, rejecters=(*rejecters, step.by))


def edited(session: Session, step: Edited) -> Session:
    """The action is over, and its call stands as if the model had asked for this; whoever edited it asks for it too."""
    action = undecided_action(session, step.action_id)
    proposed = action.proposed
    state = advance(session, proposed.call_id, step.kind)
    again = CallState(
        call=state.call.model_copy(update={"arguments": step.arguments}),
        edited_by=step.by,
        requesters=tuple(dict.fromkeys((*proposed.requesters, step.by))),
        verdict=proposed.verdict,
    )
    decided = ActionDecided(action_id=step.action_id, decision="edited", by=step.by, decided_at=step.edited_at)
    return keep(with_call(session, again), replace(action, decided=decided))


def decided(session: Session, step: ActionDecided) -> Session:
    """The action is settled, and its call may run or never will."""
    action = open_action(session, step.action_id)
    state = advance(session, action.proposed.call_id, step.kind)
    phase: Phase = "approved" if step.decision == "approved" else "declined"
    if phase == "approved" and state.phase != "pending":
        raise IllegalStepError(f"action {step.action_id} is approved before anybody could see it")
    if step.decision == "rejected":
        no = fingerprint(action.proposed.tool, action.proposed.arguments)
        session = replace(session, rejected=session.rejected | {no})
    if step.decision in ("approved", "rejected"):
        action = _counted(action, step)
    state = replace(state, phase=phase, preview=None)  # should it be asked anew, things will have changed
    return keep(with_call(session, state), replace(action, decided=step))


def card_posted(session: Session, rows: tuple[ActionState, ...], ts: str) -> Session:
    """A message with these rows is in Slack: from now on people may decide. Without a `ts` Slack refused it."""
    session = keep(session, *(replace(row, ts=ts, posting=False) for row in rows))
    for row in rows:
        if ts and row.decided is None:
            session = with_call(session, advance(session, row.proposed.call_id, "posted"))
    return session


def copied(row: ActionState, step: Posted) -> ActionState:
    """What happened to the action since its copy was rendered does not stand there: then it is shown once more."""
    if step.error:
        return replace(row, copy_error=step.error, copying=False, changes=row.changes + 1)
    return replace(row, copy_ts=step.ts, copying=False, shown="pending", shown_changes=-1 if row.changes else 0)


def told_people(action: ActionState, subject: str, step: Posted, number: str) -> ActionState:
    """Something about the action was said in a message of its own."""
    match subject:
        case "question":
            return replace(action, asked_ts=step.ts or "-")
        case "escalated":
            return replace(action, escalation_told=True)
        case _:
            return replace(action, outcome_reminders=max(action.outcome_reminders, int(number)))
