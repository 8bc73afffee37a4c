"""The session's state machine: which step may follow, and what it changes. No I/O.

`apply` folds one step into a session. An illegal step raises `IllegalStepError` and changes nothing. The life of one call is in
`agent.calls`, what becomes of actions in `agent.actions`.
"""

from collections.abc import Iterable

from agent import actions, answers, attachments, parts, stop_reasons, tasks
from agent.actions import keep, open_action, undecided_action
from agent.calls import advance, fingerprint, tool_calls, with_call
from agent.charges import EndsCall, charged_tokens
from agent.errors import IllegalStepError
from agent.frozen import replace
from agent.session import FINAL, BudgetNote, CallState, Closing, GrantState, Session, Status
from agent.steps import (
    ActionDecided,
    Asked,
    Attached,
    CardShown,
    Compacted,
    Edited,
    Escalated,
    Granted,
    GrantEnded,
    Halted,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    OutcomeTold,
    Posted,
    PostStarted,
    Previewed,
    ProposedAction,
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
    "idle": frozenset({"asked", "outcome_told", "model_started", "compacted", "post_started", "posted", "card_shown"}),
    "ready": frozenset(
        {
            "attached",
            "model_started",
            "model_replied",
            "model_failed",
            "resumed",
            "left_out",
            "repinned",
            "window_exceeded",
            "compacted",
            "previewed",
            "proposed_action",
            "voted",
            "edited",
            "escalated",
            "action_decided",
            "granted",
            "grant_ended",
            "tool_started",
            "tool_returned",
            "post_started",
            "posted",
            "card_shown",
            "halted",
            "stopped",
        }
    ),
    "waiting": frozenset({"voted", "edited", "escalated", "action_decided", "post_started", "posted", "card_shown", "stopped"}),
}


def fold(session: Session, recorded: Iterable[Recorded]) -> Session:
    """All steps, in order."""
    for item in recorded:
        session = apply(session, item.step, item.epoch)
    return session


def apply(session: Session, step: Step, epoch: int) -> Session:
    """The session after `step`, written under `epoch`. Raises IllegalStepError."""
    if step.kind not in ALLOWED[session.status]:
        raise IllegalStepError(f"{step.kind} cannot follow in session {session.id}, which is {session.status}")
    session = replace(session, seq=session.seq + 1)
    match step:
        case Asked():
            users = tuple(dict.fromkeys(said.user for said in step.said))
            opened = _open(session, users, reads=not step.budget_tokens)
            unread = attachments.unread(step)
            return replace(opened, granted_tokens=session.granted_tokens + step.budget_tokens, unread=unread)
        case Attached():
            return attachments.attached(session, step)
        case OutcomeTold():
            return _outcome_told(session, step)
        case ModelStarted():
            return _model_started(session, step, epoch)
        case ModelReplied():
            return _model_replied(session, step)
        case ModelFailed():
            return _model_failed(session, step)
        case Resumed():
            _no_other_end(session, step.kind, session.stopped_for == step.reason)
            return replace(session, closing=None, stopped_for="", resumed=(*session.resumed, step.reason))
        case LeftOut():
            _no_other_end(session, step.kind, session.stopped_for in ("refusal", "strange"))
            return replace(session, stopped_for="")
        case Repinned():
            if not session.retired or session.iterations or session.model_epoch is not None:
                raise IllegalStepError(f"session {session.id} keeps its model within a turn")
            return replace(session, retired=False)
        case WindowExceeded():
            if session.model_epoch is None or session.summing_up:
                raise IllegalStepError(f"session {session.id} has no model call whose window could be exceeded")
            return replace(_charged(session, step), model_epoch=None, window="exceeded")
        case Compacted():
            return _compacted(session, step)
        case Previewed():
            return with_call(session, replace(advance(session, step.call_id, step.kind), preview=step.preview))
        case ProposedAction():
            return actions.proposed(session, step)
        case Voted():
            return actions.voted(session, step)
        case Edited():
            return actions.edited(session, step)
        case Escalated():
            action = undecided_action(session, step.action_id)
            return keep(session, replace(action, escalated=True, changes=action.changes + 1))
        case Granted():
            return replace(session, grants={**session.grants, step.grant_id: GrantState(step, session.seq)})
        case GrantEnded():
            return replace(session, grants={id: grant for id, grant in session.grants.items() if id != step.grant_id})
        case ActionDecided():
            return actions.decided(session, step)
        case ToolStarted():
            return _tool_started(session, step, epoch)
        case ToolReturned():
            return _tool_returned(session, step)
        case PostStarted():
            return _post_started(session, step)
        case Posted():
            return _posted(session, step)
        case CardShown():
            action = replace(open_action(session, step.action_id), shown=step.look, shown_changes=step.changes)
            return keep(session, action)
        case Halted():
            if session.closing or any(state.phase == "running" for state in session.calls):
                raise IllegalStepError(f"session {session.id} cannot halt while a call runs")
            text = f"{session.unfinished.rstrip()}\n\n{step.sentence}" if session.unfinished else step.sentence
            closing = Closing(parts.split(text), step.offer_continue)
            turn = session.turn if step.offer_continue else session.halted_turn
            retired = session.retired and bool(session.iterations)  # the next turn begins with another model
            session = replace(_charged(session, step), closing=closing, model_epoch=None, halted_turn=turn)
            return replace(session, outage_since=None, retired=retired, unread=())
        case Stopped():
            return replace(session, stopped_by=step.by, unread=())


def _open(session: Session, requesters: tuple[str, ...], *, reads: bool) -> Session:
    """A new turn. `reads`: it takes in what people said; if a click opens it, messages that were answered as queued still are."""
    queued = {} if reads else {key: post for key, post in session.posts.items() if key.startswith("waiting:")}
    unanswered = {key: post for key, post in session.posts.items() if post is None}
    return replace(
        session,
        turn=session.turn + 1,
        open=True,
        requesters=requesters,
        unread=(),
        iterations=0,
        stopped_for="",
        resumed=(),
        unfinished="",
        calls=(),
        tasks=(),
        runs={},
        sources=(),
        posts={**queued, **unanswered},
        closing=None,
        stopped_by=None,
        window="fits",
    )


def _outcome_told(session: Session, step: OutcomeTold) -> Session:
    action = open_action(session, step.action_id)
    if action.outcome != "unknown":
        raise IllegalStepError(f"nobody was asked about action {step.action_id}")
    opened = _open(session, (step.by,), reads=False)
    if step.answer != "run_again":
        outcome: Outcome = "succeeded" if step.answer == "happened" else "refused"
        return keep(opened, replace(action, outcome=outcome))
    call = Call(id=action.proposed.call_id, tool=action.proposed.tool, arguments=action.proposed.arguments)
    key = action.idempotency_key  # that of the run before: a tool that knows it does nothing twice
    again = CallState(call=call, phase="approved", action_id=step.action_id, idempotency_key=key)
    assert action.decided is not None
    decided = action.decided.model_copy(update={"decided_at": step.told_at})  # this word is as good as an approval, from now on
    undone = replace(action, decided=decided, outcome=None, result="", asked_ts="", outcome_reminders=0)
    return keep(replace(opened, calls=(again,)), undone)


def _model_started(session: Session, step: ModelStarted, epoch: int) -> Session:
    in_flight = session.model_epoch is not None and session.model_epoch >= epoch
    undone = bool(session.unread) or any(state.phase not in FINAL for state in session.calls)
    if in_flight or undone or session.closing or not (session.open or step.purpose == "compact"):
        raise IllegalStepError(f"session {session.id} cannot call the model now")
    bill = step.bill
    notes = tuple(BudgetNote(name, bill.payer, bill.agent) for name in bill.notes) if bill is not None else ()
    return replace(
        _charged(session, step),
        model_epoch=epoch,
        iterations=step.iteration,
        model_started=step,
        model_seq=session.seq,
        max_tokens=step.max_tokens,
        budget_notes=(*session.budget_notes, *notes),
        noted_budgets=session.noted_budgets | {note.name for note in notes},
    )


def _charged(session: Session, step: EndsCall) -> Session:
    """The model call that this step ends, if there is one, is counted as used."""
    used = session.used_tokens + charged_tokens(session.model_started, step)
    return replace(session, used_tokens=used, model_started=None)


def _model_replied(session: Session, step: ModelReplied) -> Session:
    if session.model_epoch is None or session.summing_up:
        raise IllegalStepError(f"session {session.id} has no model call in flight")
    session = replace(_charged(session, step), model_epoch=None, reply_seq=session.seq, calls=())
    session = replace(session, reply_text=answers.spoken(step), outage_since=None)
    read = step.usage.read_tokens
    began = session.context_began_tokens or read
    session = replace(session, context_tokens=read + step.usage.output_tokens, context_began_tokens=began)
    reason, before = stop_reasons.reason_of(step), session.unfinished
    session = replace(session, unfinished=stop_reasons.unfinished(step, before))
    if reason == "tool_use":
        return replace(session, calls=tuple(CallState(call) for call in tool_calls(step)))
    return replace(
        session,
        closing=Closing(parts.split(answers.closing_text(step, before)), answered=reason not in ("refusal", "strange")),
        stopped_for=reason,
    )


def _model_failed(session: Session, step: ModelFailed) -> Session:
    """The call gave nothing, so it is not one of the turn's steps. While others know of an outage none is even made."""
    made = session.model_epoch is not None
    if session.summing_up or (not made and (step.reason == "retired" or session.outage_since is not None or session.closing)):
        raise IllegalStepError(f"session {session.id} has no model call in flight")
    session = replace(_charged(session, step), model_epoch=None, iterations=session.iterations - made)
    if step.reason == "retired":
        return replace(session, retired=True)
    return replace(session, outage_since=session.outage_since or step.since)


def _no_other_end(session: Session, kind: str, fits: bool) -> None:
    """Something is made of the last reply, before its words are posted as the end of the turn."""
    if session.closing is None or not fits or f"answer:{session.turn}:0" in session.posts:
        raise IllegalStepError(f"{kind} does not fit the last reply of session {session.id}")


def _compacted(session: Session, step: Compacted) -> Session:
    """A new context: how large it is will be known with its first reply."""
    if session.model_epoch is not None and not session.summing_up:
        raise IllegalStepError(f"session {session.id} cannot be compacted while the model is asked")
    if session.open and session.window != "exceeded":
        raise IllegalStepError(f"session {session.id} cannot be compacted in the middle of a turn")
    session = replace(_charged(session, step), model_epoch=None, context_tokens=0, context_began_tokens=0)
    if not session.open:
        session = replace(session, attached=0, attached_bytes=0)  # their context is gone
    return replace(session, window="compacted" if session.open else "fits")


def _tool_started(session: Session, step: ToolStarted, epoch: int) -> Session:
    state = advance(session, step.call_id, step.kind)
    before = next(other for other in session.calls if other.call.id == step.call_id)
    if before.phase == "running" and before.started_epoch >= epoch:
        raise IllegalStepError(f"call {step.call_id} is running already")
    if before.action_id != step.action_id:
        raise IllegalStepError(f"call {step.call_id} may only run under its own action")
    key = fingerprint(state.call.tool, state.call.arguments)
    runs = {**session.runs, key: session.runs.get(key, 0) + (before.phase != "running")}
    state = replace(state, started_epoch=epoch, idempotency_key=step.idempotency_key, grant_id=step.grant_id)
    grants = session.grants
    if before.phase != "running" and step.grant_id in grants:
        grants = {**grants, step.grant_id: replace(grants[step.grant_id], uses=grants[step.grant_id].uses + 1)}
    if step.action_id is not None:
        action = open_action(session, step.action_id)
        session = keep(session, replace(action, idempotency_key=step.idempotency_key))
    return tasks.begun(with_call(replace(session, runs=runs, grants=grants), state), state)


def _tool_returned(session: Session, step: ToolReturned) -> Session:
    state = replace(advance(session, step.call_id, step.kind), outcome=step.outcome)
    session = tasks.ended(with_call(session, state), step)
    if step.source and step.source not in session.sources:
        session = replace(session, sources=(*session.sources, step.source))
    if state.action_id is None:
        return session
    action = open_action(session, state.action_id)
    return keep(session, replace(action, outcome=step.outcome, result=step.text))


def _post_started(session: Session, step: PostStarted) -> Session:
    if session.posts.get(step.key) is not None:
        raise IllegalStepError(f"{step.key} is posted already")
    session = replace(session, posts={**session.posts, step.key: None})
    subject, _, action_id = step.key.partition(":")
    if subject in ("card", "copy"):
        under_way = {"posting" if subject == "card" else "copying": True}
        return keep(session, *(replace(row, **under_way) for row in session.shown_in(f"card:{action_id}")))
    return session


def _posted(session: Session, step: Posted) -> Session:
    if step.key not in session.posts or session.posts[step.key] is not None:
        raise IllegalStepError(f"{step.key} was not about to be posted")
    session = replace(session, posts={**session.posts, step.key: step})
    subject, action_id, number = (*step.key.split(":"), "", "")[:3]
    rows = session.shown_in(f"card:{action_id}")
    match subject:
        case "card":
            session = actions.card_posted(session, rows, step.ts)
        case "copy":
            session = keep(session, *(actions.copied(row, step) for row in rows))
        case "remind":
            session = keep(session, *(replace(row, reminders=max(row.reminders, int(number))) for row in rows))
        case "budget":
            left = tuple(note for note in session.budget_notes if f"budget:{note.name}" != step.key)
            session = replace(session, budget_notes=left)
        case "question" | "escalated" | "remind_outcome" if action_id in session.actions:
            session = keep(session, actions.told_people(session.actions[action_id], subject, step, number))
        case "stream" if step.ts:
            session = replace(session, stream=step)
        case "unstream":
            session = replace(session, stream=None, tasks=())
        case "answer" if number == "0":
            session = replace(session, stream=None)
        case _:
            pass  # nothing follows from it but what is below
    if session.closing and step.key == f"answer:{session.turn}:{len(session.closing.parts) - 1}":
        session = replace(session, open=False, closing=None, calls=())
    return session
