"""What steps change about actions: proposed, voted on, edited, decided, shown."""

from datetime import timedelta

from agent.errors import IllegalStepError
from agent.session.calls import advance, call_ended, fingerprint, with_call
from agent.session.evolve import replace
from agent.session.post_keys import PostKey
from agent.session.state import NOT_POSTED, ActionRun, ActionState, CallState, NoticeState, Phase, Session, Votes
from agent.session.steps import (
    ActionDecided,
    CardShown,
    Edited,
    NoticeShown,
    Nudged,
    Posted,
    PostStarted,
    ProposedAction,
    Voted,
)


def open_action(session: Session, action_id: str) -> ActionState:
    """Return an action that is still kept. Raises IllegalStepError."""
    if action_id not in session.actions:
        raise IllegalStepError(f"session {session.id} has no open action {action_id}")
    return session.actions[action_id]


def undecided_action(session: Session, action_id: str) -> ActionState:
    """Return an action that waits for people. Raises IllegalStepError."""
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
    """Bring a call before people; an earlier action of it is over."""
    before = next((state for state in session.turn.calls if state.call.id == step.call_id), None)
    if step.ran:
        return _asked_about(session, before, step)
    state = replace(advance(session, step.call_id, step.kind), action_id=step.action_id, changed=())
    if before is not None and before.action_id in session.actions:  # asked anew: the old card is closed
        session = keep(session, _without_run(session.actions[before.action_id]))
    elif not step.edited_by:
        hour_ago = step.proposed_at - timedelta(hours=1)
        asked_at = (*(at for at in session.standing.asked_at if at > hour_ago), step.proposed_at)
        session = replace(session, standing=replace(session.standing, asked_at=asked_at))
    return keep(with_call(session, state), ActionState(step))


def _without_run(action: ActionState) -> ActionState:
    return replace(action, run=replace(action.run, outcome="refused"))


def _asked_about(session: Session, state: CallState | None, step: ProposedAction) -> Session:
    """Bring before people the outcome of a call that ran without a card: policy or a grant was its yes."""
    if state is None or not state.lost:
        raise IllegalStepError(f"call {step.call_id} did not get lost")
    yes = ActionDecided(action_id=step.action_id, decision="approved", decided_at=step.proposed_at)
    action = ActionState(step, decided=yes, run=ActionRun(idempotency_key=state.idempotency_key, outcome="unknown"))
    return keep(with_call(session, replace(state, action_id=step.action_id)), action)


def voted(session: Session, step: Voted) -> Session:
    """Count one person's vote, which replaces their vote before."""
    if step.decision == "run_again":
        return _wants_it_again(session, step)
    action = undecided_action(session, step.action_id)
    if step.by in (action.votes.approved_by if step.decision == "approved" else action.votes.rejected_by):
        raise IllegalStepError(f"action {step.action_id} takes no second vote of {step.by}")
    return keep(session, replace(_with_vote(action, step), changes=action.changes + 1))


def _wants_it_again(session: Session, step: Voted) -> Session:
    """Count a vote for a repeated run: it takes as many people as the first one."""
    action = open_action(session, step.action_id)
    if session.status != "idle" or action.run.outcome != "unknown" or step.by in action.run.again_by:
        raise IllegalStepError(f"action {step.action_id} cannot be wanted again by {step.by} now")
    return keep(session, replace(action, run=replace(action.run, again_by=(*action.run.again_by, step.by))))


def _with_vote(action: ActionState, step: Voted | ActionDecided) -> ActionState:
    approved_by = tuple(user for user in action.votes.approved_by if user != step.by)
    rejected_by = tuple(user for user in action.votes.rejected_by if user != step.by)
    if step.decision == "approved":
        return replace(action, votes=Votes((*approved_by, step.by), rejected_by))
    return replace(action, votes=Votes(approved_by, (*rejected_by, step.by)))


def nudged(session: Session, step: Nudged) -> Session:
    """Note that people are to be told once more; if somebody has decided while the person who asked was answered, nobody is."""
    action = session.actions.get(step.action_id)
    if action is None or action.decided is not None:
        return session
    return keep(session, replace(action, nudges=(*action.nudges, step)))


def edited(session: Session, step: Edited) -> Session:
    """End the action and treat its call as if the model had asked for the edited arguments; the editor asks for it too."""
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
    """Settle the action: its call may run, or never will."""
    action = open_action(session, step.action_id)
    state = advance(session, action.proposed.call_id, step.kind)
    phase: Phase = "approved" if step.decision == "approved" else "declined"
    if phase == "approved" and state.phase != "pending":
        raise IllegalStepError(f"action {step.action_id} is approved before anybody could see it")
    if step.decision == "rejected":
        no = fingerprint(action.proposed.tool, action.proposed.arguments)
        session = replace(session, standing=replace(session.standing, rejected=session.standing.rejected | {no}))
    if step.decision in ("approved", "rejected"):
        action = _with_vote(action, step)
    state = replace(state, phase=phase, preview=None)  # should it be asked anew, things will have changed
    session = with_call(session, state) if phase == "approved" else call_ended(session, state, step.decision)
    return keep(session, replace(action, decided=step))


def card_posted(session: Session, rows: tuple[ActionState, ...], step: Posted) -> Session:
    """Note that a message with these rows is in Slack, so that people may decide; without a `ts` Slack refused it."""
    for row in rows:
        shown = replace(row.shown, ts=step.ts, posting=False, too_few=step.too_few.get(row.proposed.action_id, ""))
        session = keep(session, replace(row, shown=shown))
    for row in rows:
        if step.ts and row.decided is None:
            session = with_call(session, advance(session, row.proposed.call_id, "posted"))
    return session


def copied(row: ActionState, step: Posted) -> ActionState:
    """Note that a copy was posted; if the action has changed since it was rendered, it is shown once more."""
    shown = replace(row.shown, copying=False)
    if step.error:
        return replace(row, shown=replace(shown, copy_error=step.error), changes=row.changes + 1)
    return replace(row, shown=replace(shown, copy_ts=step.ts, look="pending", changes=-1 if row.changes else 0))


def card_shown(session: Session, step: CardShown) -> Session:
    """Note that the card shows the state that it was rendered from."""
    action = open_action(session, step.action_id)
    reminder_ts = action.shown.reminder_ts if step.look == "unknown" else ""  # it goes with its question
    shown = replace(action.shown, look=step.look, changes=step.changes, reminder_ts=reminder_ts)
    return keep(session, replace(action, shown=shown))


def notice_posted(session: Session, step: PostStarted | Posted) -> Session:
    """Note that a notice is about to be posted, or is there. One that Slack refused leaves the one before it standing."""
    before = notice_of(session, step.key)
    if isinstance(step, PostStarted):
        assert step.key.number is not None
        return _with_notice(session, step.key, replace(before, number=step.key.number, posting=True))
    if step.error:
        return _with_notice(session, step.key, replace(before, posting=False))
    return _with_notice(session, step.key, replace(before, ts=step.ts, posting=False, look=None))


def notice_shown(session: Session, step: NoticeShown) -> Session:
    """Note what a notice says: people were reminded, and told of an escalation."""
    session = _with_notice(session, step.notice, replace(notice_of(session, step.notice), look=step.look))
    told = [
        replace(
            row,
            reminders=max(row.reminders, step.look.reminders),
            escalation_told=row.escalation_told or row.proposed.action_id in step.look.escalated,
        )
        for row in rows_of(session, step.notice)
    ]
    return keep(session, *told)


def rows_of(session: Session, key: PostKey) -> tuple[ActionState, ...]:
    """Return the actions that a message is about which belongs to a card: its copy, a notice, a direct message."""
    return session.shown_in(PostKey("card", key.of))


def notice_of(session: Session, notice: PostKey) -> NoticeState:
    """Return how a notice of this kind stands."""
    rows = rows_of(session, notice)
    if not rows:
        return NoticeState()
    return rows[0].shown.copy_notice if notice.kind == "copy_notice" else rows[0].shown.notice


def _with_notice(session: Session, notice: PostKey, state: NoticeState) -> Session:
    name = "copy_notice" if notice.kind == "copy_notice" else "notice"
    return keep(session, *(replace(row, shown=replace(row.shown, **{name: state})) for row in rows_of(session, notice)))


def told_people(action: ActionState, step: Posted) -> ActionState:
    """Note that something about the action was said in a separate message."""
    match step.key:
        case PostKey("question"):
            return replace(action, run=replace(action.run, asked_ts=step.ts or NOT_POSTED))
        case PostKey("remind_outcome", _, int(number)):
            run = replace(action.run, reminders=max(action.run.reminders, number))
            return replace(action, run=run, shown=replace(action.shown, reminder_ts=step.ts or action.shown.reminder_ts))
        case PostKey("again", _, int(number)):
            return replace(action, run=replace(action.run, again_told=max(action.run.again_told, number)))
        case PostKey("escalated"):  # of earlier versions
            return replace(action, escalation_told=True)
        case other:
            raise AssertionError(f"no message about an action is {other}")
