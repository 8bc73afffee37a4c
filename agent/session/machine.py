"""The session's state machine: which step may follow, and what it changes. No I/O.

`apply` folds one step into a session. An illegal step raises `IllegalStepError` and changes nothing. The life of one call is in
`agent.session.calls`; what steps change is beside it: in `actions`, `model_steps`, `tool_steps` and `post_steps`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from agent.errors import IllegalStepError
from agent.session import action_steps, attached, direct_steps, model_steps, post_steps, sources, tool_steps
from agent.session.action_steps import keep, open_action, undecided_action
from agent.session.calls import advance, with_call
from agent.session.evolve import replace
from agent.session.state import NOT_POSTED, ActionRun, CallState, GrantState, Session, Status, Turn
from agent.session.steps import (
    ActionDecided,
    Asked,
    Attached,
    CardShown,
    Compacted,
    DirectShown,
    Edited,
    Escalated,
    FoundChanged,
    Granted,
    GrantEnded,
    Halted,
    Learnt,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    NoticeShown,
    Nudged,
    OutcomeTold,
    Posted,
    PostStarted,
    Previewed,
    ProposedAction,
    Recalled,
    Recorded,
    Repinned,
    Resumed,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
    Voted,
    WindowExceeded,
)
from agent.types import Call, Outcome

# Which step may follow which status. `idle`: no turn is open. `waiting`: only people can move the turn on.
ALLOWED: dict[Status, frozenset[str]] = {
    "idle": frozenset(
        {
            "asked",
            "voted",
            "outcome_told",
            "model_started",
            "compacted",
            "learnt",
            "post_started",
            "posted",
            "card_shown",
            "direct_shown",
            "nudged",
            "notice_shown",
        }
    ),
    "ready": frozenset(
        {
            "attached",
            "recalled",
            "model_started",
            "model_replied",
            "model_failed",
            "resumed",
            "left_out",
            "repinned",
            "window_exceeded",
            "compacted",
            "learnt",
            "previewed",
            "found_changed",
            "proposed_action",
            "voted",
            "edited",
            "escalated",
            "nudged",
            "action_decided",
            "granted",
            "grant_ended",
            "tool_started",
            "tool_returned",
            "post_started",
            "posted",
            "card_shown",
            "direct_shown",
            "notice_shown",
            "halted",
            "stopped",
        }
    ),
    "waiting": frozenset(
        {
            "voted",
            "edited",
            "escalated",
            "nudged",
            "action_decided",
            "post_started",
            "posted",
            "card_shown",
            "direct_shown",
            "notice_shown",
            "stopped",
        }
    ),
}


def fold(session: Session, recorded: Iterable[Recorded]) -> Session:
    """Return the session after all steps, in order."""
    for item in recorded:
        session = apply(session, item.step, item.epoch)
    return session


def apply(session: Session, step: Step, epoch: int) -> Session:
    """Return the session after `step`, written under `epoch`. Raises IllegalStepError."""
    if step.kind not in ALLOWED[session.status]:
        raise IllegalStepError(f"{step.kind} cannot follow in session {session.id}, which is {session.status}")
    session = replace(session, seq=session.seq + 1)
    match step:
        case Asked():
            return _open_turn(session, step)
        case Attached():
            return attached.attached(session, step)
        case Recalled():
            return _recalled(session, step)
        case OutcomeTold():
            return _outcome_told(session, step)
        case ModelStarted():
            return model_steps.model_called(session, step, epoch)
        case ModelReplied():
            return model_steps.model_replied(session, step)
        case ModelFailed():
            return model_steps.model_failed(session, step)
        case Resumed():
            return model_steps.resumed(session, step)
        case LeftOut():
            return model_steps.left_out(session, step)
        case Repinned():
            return model_steps.repinned(session, step)
        case WindowExceeded():
            return model_steps.model_window_exceeded(session, step)
        case Compacted():
            return model_steps.context_compacted(session, step)
        case Learnt():
            return model_steps.learnt(session, step)
        case Halted():
            return model_steps.halted(session, step)
        case Previewed():
            return with_call(session, replace(advance(session, step.call_id, step.kind), preview=step.preview))
        case FoundChanged():
            state = replace(advance(session, step.call_id, step.kind), preview=None, changed=step.changes)
            return with_call(session, state)
        case ProposedAction():
            return action_steps.proposed(session, step)
        case Voted():
            return action_steps.voted(session, step)
        case Edited():
            return action_steps.edited(session, step)
        case Escalated():
            action = undecided_action(session, step.action_id)
            return keep(session, replace(action, escalated=True, changes=action.changes + 1))
        case Nudged():
            return action_steps.nudged(session, step)
        case Granted():
            return tool_steps.with_grants(session, {**session.standing.grants, step.grant_id: GrantState(step, session.seq)})
        case GrantEnded():
            left = {id: grant for id, grant in session.standing.grants.items() if id != step.grant_id}
            return tool_steps.with_grants(session, left)
        case ActionDecided():
            return action_steps.decided(session, step)
        case CardShown():
            return action_steps.card_shown(session, step)
        case DirectShown():
            return direct_steps.direct_shown(session, step)
        case NoticeShown():
            return action_steps.notice_shown(session, step)
        case ToolStarted():
            return tool_steps.run_begun(session, step, epoch)
        case ToolReturned():
            return tool_steps.run_returned(session, step)
        case PostStarted():
            return post_steps.post_begun(session, step)
        case Posted():
            return post_steps.posted(session, step)
        case Stopped():
            return replace(session, turn=replace(session.turn, stopped_by=step.by, unread=()))


def _open_turn(session: Session, step: Asked) -> Session:
    """Open a turn with people's words."""
    users = tuple(dict.fromkeys(said.user for said in step.said))
    if step.goes_on or step.budget_tokens:  # Continue (old logs have only the tokens): who clicked pays and asks for nothing
        opened = _opened(session, session.turn.speakers, users[0])
        granted = session.spending.granted_tokens + step.budget_tokens
        return replace(opened, spending=replace(session.spending, granted_tokens=granted))
    openers = [said.opener for said in step.said if said.opener]
    speakers = tuple(dict.fromkeys((*session.context.speakers, *openers, *users)))
    opened = _opened(session, users, users[0])
    context = replace(session.context, speakers=speakers)
    for source in [source for said in step.said for source in said.sources]:
        context = sources.read_source(context, source)
    heard_at = datetime.fromtimestamp(max(float(said.ts) for said in step.said), UTC)
    return replace(
        opened,
        turn=replace(opened.turn, unread=attached.unread_files(step)),
        context=context,
        model=replace(opened.model, heard_at=heard_at),
    )


def _opened(session: Session, speakers: tuple[str, ...], payer: str) -> Session:
    """Return the session with a new turn."""
    unanswered = {key: post for key, post in session.posts.items() if post is None}
    turn = Turn(number=session.turn.number + 1, open=True, speakers=speakers, payer=payer)
    return replace(session, turn=turn, posts=unanswered)


def _recalled(session: Session, step: Recalled) -> Session:
    """Note what was remembered for this turn, once, before the model is asked."""
    turn, context = session.turn, session.context
    if turn.recalled or turn.iterations or turn.ending.closing:
        raise IllegalStepError(f"session {session.id} recalls once in a turn, before the model is asked")
    for source in step.sources:
        context = sources.read_source(context, source)
    return replace(session, turn=replace(turn, recalled=True), context=sources.remembered(context, step))


def _outcome_told(session: Session, step: OutcomeTold) -> Session:
    """Open a turn with a person's word on an unknown outcome; the call may run again in it."""
    action = open_action(session, step.action_id)
    if action.run.outcome != "unknown":
        raise IllegalStepError(f"nobody was asked about action {step.action_id}")
    opened = _opened(session, action.proposed.requesters, step.by)
    answered = tuple(ts for ts in (action.run.asked_ts,) if ts not in ("", NOT_POSTED))
    action = replace(action, shown=replace(action.shown, questions=action.shown.questions + answered))
    if step.answer != "run_again":
        outcome: Outcome = "succeeded" if step.answer == "happened" else "refused"
        # Its result said that people are asked.
        return keep(opened, replace(action, run=replace(action.run, outcome=outcome, result="", left=step.answer == "leave")))
    call = Call(id=action.proposed.call_id, tool=action.proposed.tool, arguments=action.proposed.arguments)
    key = action.run.idempotency_key  # that of the run before: a tool that knows it does nothing twice
    again = CallState(call=call, phase="approved", action_id=step.action_id, idempotency_key=key)
    assert action.decided is not None
    decided = action.decided.model_copy(update={"decided_at": step.told_at})  # this word is as good as an approval, from now on
    reminders, wanted = action.run.reminders, action.run.again_before + len(action.run.again_by)  # no key is used twice
    run = ActionRun(key, reminders=reminders, reminders_before=reminders, again_told=wanted, again_before=wanted)
    undone = replace(action, decided=decided, run=run)
    return keep(replace(opened, turn=replace(opened.turn, calls=(again,))), undone)
