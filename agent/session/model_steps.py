"""What steps change about the model: a call made, answered, failed, charged; the turn resumed or ended; a new context."""

from agent.errors import IllegalStepError
from agent.session import closings, stop_reasons
from agent.session import message_parts as parts
from agent.session.calls import tool_calls
from agent.session.charges import EndsCall, charged_tokens
from agent.session.evolve import replace
from agent.session.model_state import ModelCall
from agent.session.post_keys import PostKey
from agent.session.state import FINAL, BudgetNote, CallState, Closing, Context, Session
from agent.session.steps import (
    Compacted,
    Halted,
    Learnt,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    Repinned,
    Resumed,
    WindowExceeded,
)


def model_called(session: Session, step: ModelStarted, epoch: int) -> Session:
    """Note that the model is called. A start of an earlier epoch gets no reply any more: it is charged, and replaced by this
    one."""
    turn, in_flight = session.turn, session.model.in_flight
    asked = in_flight is not None and in_flight.epoch >= epoch
    undone = bool(turn.unread) or any(state.phase not in FINAL for state in turn.calls)
    if asked or undone or turn.ending.closing or not (turn.open or step.purpose != "reply"):
        raise IllegalStepError(f"session {session.id} cannot call the model now")
    session = _charged(session, step)
    bill = step.bill
    notes = tuple(BudgetNote(name, bill.payer, bill.agent) for name in bill.notes) if bill is not None else ()
    noted = session.spending.noted | {note.name for note in notes}
    return replace(
        session,
        turn=replace(turn, iterations=step.iteration),
        model=replace(session.model, in_flight=ModelCall(step, epoch), seq=session.seq),
        spending=replace(session.spending, notes=(*session.spending.notes, *notes), noted=noted),
    )


def _charged(session: Session, step: EndsCall) -> Session:
    """Count the model call that this step ends, if there is one, as over and used."""
    in_flight = session.model.in_flight
    if in_flight is None:
        return session
    used = session.spending.used_tokens + charged_tokens(in_flight.started, step)
    over = replace(session.model, in_flight=None)
    return replace(session, model=over, spending=replace(session.spending, used_tokens=used))


def model_replied(session: Session, step: ModelReplied) -> Session:
    """Take in a reply: its calls are to be judged, or its words end the turn."""
    if session.model.asked_to != "reply":
        raise IllegalStepError(f"session {session.id} has no model call in flight")
    session = _charged(session, step)
    read = step.usage.read_tokens
    began = session.context.began_tokens or read
    reason, before = stop_reasons.reason_of(step), session.turn.ending.unfinished
    ending = replace(session.turn.ending, unfinished=stop_reasons.unfinished(step, before))
    calls: tuple[CallState, ...] = ()
    if reason == "tool_use":
        calls = tuple(CallState(call, unusable=step.unusable.get(call.id, "")) for call in tool_calls(step))
    else:
        answered = reason not in ("refusal", "strange")
        text = closings.closing_text(step, before) + (closings.BEGAN_ANEW if ending.began_anew else "")
        closing = Closing(parts.split(text), answered=answered)
        ending = replace(ending, closing=closing, stopped_for=reason)
    return replace(
        session,
        turn=replace(session.turn, calls=calls, ending=ending),
        model=replace(session.model, reply_seq=session.seq, reply_text=closings.reply_words(step), outage_since=None),
        context=replace(session.context, tokens=read + step.usage.output_tokens, began_tokens=began),
    )


def model_failed(session: Session, step: ModelFailed) -> Session:
    """Note that the call gave nothing: it is not one of the turn's steps. During a known outage none is even made."""
    turn, model = session.turn, session.model
    made = model.in_flight is not None
    known = step.reason == "retired" or model.outage_since is not None or turn.ending.closing is not None
    if model.asked_to in ("compact", "learn") or (not made and known):
        raise IllegalStepError(f"session {session.id} has no model call in flight")
    session = replace(_charged(session, step), turn=replace(turn, iterations=turn.iterations - made))
    if step.reason == "retired":
        return replace(session, model=replace(session.model, retired=True))
    return replace(session, model=replace(session.model, outage_since=model.outage_since or step.since))


def resumed(session: Session, step: Resumed) -> Session:
    """Let the model go on with its last reply."""
    ending = session.turn.ending
    _no_other_end(session, step.kind, ending.stopped_for == step.reason)
    goes_on = replace(ending, closing=None, stopped_for="", resumed=(*ending.resumed, step.reason))
    return replace(session, turn=replace(session.turn, ending=goes_on))


def left_out(session: Session, step: LeftOut) -> Session:
    """End the turn with its last reply; the model does not read it in later turns."""
    ending = session.turn.ending
    _no_other_end(session, step.kind, ending.stopped_for in ("refusal", "strange"))
    return replace(session, turn=replace(session.turn, ending=replace(ending, stopped_for="")))


def _no_other_end(session: Session, kind: str, fits: bool) -> None:
    """Check that something follows from the last reply before its words are posted as the end of the turn."""
    if session.turn.ending.closing is None or not fits or PostKey("answer", session.turn.number, 0) in session.posts:
        raise IllegalStepError(f"{kind} does not fit the last reply of session {session.id}")


def repinned(session: Session, step: Repinned) -> Session:
    """Note that the session has another model than `step.model_before`, which was retired."""
    model = session.model
    if not model.retired or session.turn.iterations or model.in_flight is not None:
        raise IllegalStepError(f"session {session.id} keeps its model within a turn")
    return replace(session, model=replace(model, retired=False))


def model_window_exceeded(session: Session, step: WindowExceeded) -> Session:
    """Have the context compacted before the turn goes on."""
    if session.model.asked_to != "reply":
        raise IllegalStepError(f"session {session.id} has no model call whose window could be exceeded")
    ending = replace(session.turn.ending, began_anew=session.turn.ending.began_anew or step.refused)
    return replace(_charged(session, step), turn=replace(session.turn, window="exceeded", ending=ending))


def context_compacted(session: Session, step: Compacted) -> Session:
    """Begin a new context, whose size is known with its first reply."""
    turn, context = session.turn, session.context
    if session.model.asked_to not in (None, "compact"):
        raise IllegalStepError(f"session {session.id} cannot be compacted while the model is asked")
    begins = turn.open and turn.iterations == 0 and not turn.recalled and session.model.asked_to is None
    if turn.open and turn.window != "exceeded" and not (step.forgets and begins):
        raise IllegalStepError(f"session {session.id} cannot be compacted in the middle of a turn")
    new = Context(speakers=context.speakers, sources=context.sources)
    if not step.forgets:  # its summary says it on
        new = replace(new, known_from=context.known_from, origins=context.origins)
    if turn.open:  # its files stay: they are read again in the new context
        turn = replace(turn, window="fits" if step.forgets else "compacted")
        new = replace(new, attached=context.attached, attached_bytes=context.attached_bytes)
    else:
        turn = replace(turn, window="fits")
    return replace(_charged(session, step), turn=turn, context=new)


def learnt(session: Session, step: Learnt) -> Session:
    """Note that what people said so far was read for what is worth remembering."""
    if session.turn.open or session.model.asked_to not in (None, "learn"):
        raise IllegalStepError(f"session {session.id} learns between turns")
    session = _charged(session, step)
    context = replace(session.context, origins=tuple(dict.fromkeys((*session.context.origins, *step.origins))))
    return replace(session, context=context, model=replace(session.model, learnt_turn=session.turn.number))


def halted(session: Session, step: Halted) -> Session:
    """End the turn with a sentence of ours."""
    turn = session.turn
    if turn.ending.closing or any(state.phase == "running" for state in turn.calls):
        raise IllegalStepError(f"session {session.id} cannot halt while a call runs")
    unfinished = turn.ending.unfinished
    text = f"{unfinished.rstrip()}\n\n{step.sentence}" if unfinished else step.sentence
    closing = Closing(parts.split(text), step.offer_continue)
    session = _charged(session, step)
    spending = session.spending
    if step.offer_continue:
        spending = replace(spending, halted_turn=turn.number, halted_for=step.error)
    retired = session.model.retired and bool(turn.iterations)  # the next turn begins with another model
    return replace(
        session,
        turn=replace(turn, unread=(), ending=replace(turn.ending, closing=closing)),
        model=replace(session.model, outage_since=None, retired=retired),
        spending=spending,
    )
