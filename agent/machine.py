"""The session's state machine: everything that decides which step may follow, and what a step changes, lives in this file.

`apply` folds one step into a session. An illegal step raises `IllegalStepError` and changes nothing. No I/O.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from agent import answers
from agent.errors import IllegalStepError
from agent.frozen import replace
from agent.steps import (
    ActionDecided,
    Asked,
    CardShown,
    Halted,
    ModelReplied,
    ModelStarted,
    OutcomeTold,
    Posted,
    PostStarted,
    ProposedAction,
    Recorded,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
    Voted,
)
from agent.types import Call, Look, Outcome, Place

Status = Literal["idle", "ready", "waiting"]
Phase = Literal["asked", "proposed", "pending", "approved", "running", "returned", "declined"]

# Which step may follow which status. `idle`: no turn is open. `waiting`: only people can move the turn on.
ALLOWED: dict[Status, frozenset[str]] = {
    "idle": frozenset({"asked", "outcome_told", "post_started", "posted", "card_shown"}),
    "ready": frozenset(
        {
            "model_started",
            "model_replied",
            "proposed_action",
            "voted",
            "action_decided",
            "tool_started",
            "tool_returned",
            "post_started",
            "posted",
            "card_shown",
            "halted",
            "stopped",
        }
    ),
    "waiting": frozenset({"voted", "action_decided", "post_started", "posted", "card_shown", "stopped"}),
}

# The life of one call: (phase, step) -> next phase. `None` stands for "as the step says" (see `_decided`).
CALL: dict[tuple[Phase, str], Phase | None] = {
    ("asked", "tool_started"): "running",  # policy lets it run
    ("asked", "tool_returned"): "returned",  # refused without a run: unknown tool, wrong arguments, policy
    ("asked", "proposed_action"): "proposed",
    ("proposed", "posted"): "pending",
    ("proposed", "action_decided"): None,  # the card could not be posted, or the run was stopped first
    ("pending", "action_decided"): None,
    ("approved", "tool_started"): "running",
    ("approved", "tool_returned"): "returned",  # refused at the last check
    ("approved", "proposed_action"): "proposed",  # the approval lapsed or no longer suffices: ask anew
    ("approved", "action_decided"): "declined",  # stopped before it began
    ("running", "tool_started"): "running",  # found after a crash and repeatable
    ("running", "tool_returned"): "returned",
}
FINAL: frozenset[Phase] = frozenset({"returned", "declined"})


@dataclass(frozen=True)
class CallState:
    """One call of the model's latest reply, and how far it has come."""

    call: Call
    phase: Phase = "asked"
    action_id: str | None = None
    idempotency_key: str = ""
    started_epoch: int = 0
    outcome: Outcome | None = None


@dataclass(frozen=True)
class ActionState:
    """An action whose card is not closed yet, or whose outcome people are asked about."""

    proposed: ProposedAction
    ts: str = ""
    decided: ActionDecided | None = None
    outcome: Outcome | None = None
    result: str = ""
    voters: tuple[str, ...] = ()  # who approved so far, the one who settled it included
    shown: Look = "pending"
    shown_votes: int = 0
    asked_ts: str = ""  # of the question about an unknown outcome

    @property
    def look(self) -> Look:
        """What the card should show."""
        if self.outcome is not None:
            return self.outcome
        if self.decided is None:
            return "pending"
        return "withdrawn" if self.decided.decision == "undeliverable" else self.decided.decision

    @property
    def lags(self) -> bool:
        """Its card does not show how things stand."""
        return bool(self.ts) and (self.shown != self.look or (self.decided is None and self.shown_votes != len(self.voters)))

    @property
    def finished(self) -> bool:
        """Nothing about it is left to be shown or asked."""
        closed = self.decided is not None and (self.shown == self.look or not self.ts)
        return closed and self.look not in ("approved", "unknown")


@dataclass(frozen=True, slots=True)
class Closing:
    """What the turn ends with; once the last part is posted the session is idle."""

    parts: tuple[str, ...]
    offer_continue: bool = False


@dataclass(frozen=True)
class Session:
    """A session folded from its log. `epoch` is the holder's; a start of an older one without a result is *found*."""

    id: str
    place: Place
    epoch: int
    seq: int = 0
    turn: int = 0
    open: bool = False
    requesters: tuple[str, ...] = ()
    iterations: int = 0
    model_epoch: int | None = None  # of the model call that has no reply yet
    reply_seq: int = 0
    calls: tuple[CallState, ...] = ()
    runs: dict[str, int] = field(default_factory=dict[str, int])  # same tool, same arguments, this turn
    actions: dict[str, ActionState] = field(default_factory=dict[str, ActionState])
    posts: dict[str, Posted | None] = field(default_factory=dict[str, Posted | None])  # None: started, no answer yet
    closing: Closing | None = None
    stopped_by: str | None = None
    used_tokens: int = 0
    reserved_tokens: int = 0  # set aside for the model call without a reply
    max_tokens: int = 0  # of that, for its output
    granted_tokens: int = 0  # budget added by Continue
    halted_turn: int = 0  # the last turn that ended in an offer to continue

    @property
    def status(self) -> Status:
        """Follows from the log: idle, ready (something is to be done) or waiting (for people)."""
        if not self.open:
            return "idle"
        if self.closing or self.model_epoch is not None or not self.calls:
            return "ready"
        phases = {state.phase for state in self.calls}
        return "waiting" if "pending" in phases and phases <= FINAL | {"pending"} else "ready"


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
            opened = _open(session, users)
            return replace(opened, granted_tokens=session.granted_tokens + step.budget_tokens)
        case OutcomeTold():
            return _outcome_told(session, step)
        case ModelStarted():
            return _model_started(session, step, epoch)
        case ModelReplied():
            return _model_replied(session, step)
        case ProposedAction():
            return _proposed(session, step)
        case Voted():
            return _voted(session, step)
        case ActionDecided():
            return _decided(session, step)
        case ToolStarted():
            return _tool_started(session, step, epoch)
        case ToolReturned():
            return _tool_returned(session, step)
        case PostStarted():
            return _post_started(session, step)
        case Posted():
            return _posted(session, step)
        case CardShown():
            action = replace(_action(session, step.action_id), shown=step.look, shown_votes=step.votes)
            return _keep(session, action)
        case Halted():
            if session.closing or any(state.phase == "running" for state in session.calls):
                raise IllegalStepError(f"session {session.id} cannot halt while a call runs")
            closing = Closing(answers.split(step.sentence), step.offer_continue)
            turn = session.turn if step.offer_continue else session.halted_turn
            lost = session.reserved_tokens if session.stopped_by else 0  # a call given up half-way is charged all the same
            used = session.used_tokens + lost
            return replace(session, closing=closing, model_epoch=None, used_tokens=used, reserved_tokens=0, halted_turn=turn)
        case Stopped():
            return replace(session, stopped_by=step.by)


def _open(session: Session, requesters: tuple[str, ...]) -> Session:
    unanswered = {key: post for key, post in session.posts.items() if post is None}
    return replace(
        session,
        turn=session.turn + 1,
        open=True,
        requesters=requesters,
        iterations=0,
        calls=(),
        runs={},
        posts=unanswered,
        closing=None,
        stopped_by=None,
    )


def _outcome_told(session: Session, step: OutcomeTold) -> Session:
    action = _action(session, step.action_id)
    if action.outcome != "unknown":
        raise IllegalStepError(f"nobody was asked about action {step.action_id}")
    opened = _open(session, (step.by,))
    if step.answer != "run_again":
        outcome: Outcome = "succeeded" if step.answer == "happened" else "refused"
        return _keep(opened, replace(action, outcome=outcome))
    call = Call(id=action.proposed.call_id, tool=action.proposed.tool, arguments=action.proposed.arguments)
    again = CallState(call=call, phase="approved", action_id=step.action_id)
    return _keep(replace(opened, calls=(again,)), replace(action, outcome=None, result="", asked_ts=""))


def _model_started(session: Session, step: ModelStarted, epoch: int) -> Session:
    in_flight = session.model_epoch is not None and session.model_epoch >= epoch
    undone = any(state.phase not in FINAL for state in session.calls)
    if in_flight or undone or session.closing:
        raise IllegalStepError(f"session {session.id} cannot call the model now")
    used = session.used_tokens + session.reserved_tokens  # a call whose reply was lost is charged as it was reserved
    return replace(
        session,
        model_epoch=epoch,
        iterations=step.iteration,
        used_tokens=used,
        reserved_tokens=step.reserved_tokens,
        max_tokens=step.max_tokens,
    )


def _model_replied(session: Session, step: ModelReplied) -> Session:
    if session.model_epoch is None:
        raise IllegalStepError(f"session {session.id} has no model call in flight")
    used = session.used_tokens + step.usage.charged_tokens
    session = replace(session, model_epoch=None, reserved_tokens=0, used_tokens=used, reply_seq=session.seq, calls=())
    if step.stop_reason != "tool_use":
        return replace(session, closing=Closing(answers.split(answers.closing_text(step))))
    calls = tuple(CallState(call) for call in tool_calls(step))
    if not calls:
        return replace(session, closing=Closing(answers.split(answers.closing_text(step))))
    return replace(session, calls=calls)


def tool_calls(step: ModelReplied) -> tuple[Call, ...]:
    """The tool_use blocks of a reply, in order."""
    return tuple(
        Call.model_validate({"id": block["id"], "tool": block["name"], "arguments": block["input"]})
        for block in step.content
        if block.get("type") == "tool_use"
    )


def fingerprint(call: Call) -> str:
    """The same for the same tool with the same arguments."""
    return json.dumps([call.tool, call.arguments], sort_keys=True)


def _advance(session: Session, call_id: str, step: str) -> CallState:
    """The call's state with its next phase, as the CALL table has it."""
    state = next((state for state in session.calls if state.call.id == call_id), None)
    if state is None or (state.phase, step) not in CALL:
        raise IllegalStepError(f"{step} cannot follow for call {call_id} ({state.phase if state else 'not known'})")
    return replace(state, phase=CALL[state.phase, step] or state.phase)


def _with_call(session: Session, state: CallState) -> Session:
    calls = tuple(state if other.call.id == state.call.id else other for other in session.calls)
    return replace(session, calls=calls)


def _action(session: Session, action_id: str) -> ActionState:
    if action_id not in session.actions:
        raise IllegalStepError(f"session {session.id} has no open action {action_id}")
    return session.actions[action_id]


def _keep(session: Session, action: ActionState) -> Session:
    """Store the action's state, or forget it once nothing about it is left to do."""
    actions = {**session.actions, action.proposed.action_id: action}
    if action.finished:
        del actions[action.proposed.action_id]
    return replace(session, actions=actions)


def _proposed(session: Session, step: ProposedAction) -> Session:
    earlier = next((state.action_id for state in session.calls if state.call.id == step.call_id), None)
    state = replace(_advance(session, step.call_id, step.kind), action_id=step.action_id)
    if earlier is not None and earlier in session.actions:  # asked anew: the old card is closed
        lapsed = replace(session.actions[earlier], outcome="refused")
        session = _keep(session, lapsed)
    return _keep(_with_call(session, state), ActionState(step))


def _voted(session: Session, step: Voted) -> Session:
    action = _action(session, step.action_id)
    if action.decided is not None or step.by in action.voters:
        raise IllegalStepError(f"action {step.action_id} takes no second vote of {step.by}, and none once it is decided")
    return _keep(session, replace(action, voters=(*action.voters, step.by)))


def _decided(session: Session, step: ActionDecided) -> Session:
    action = _action(session, step.action_id)
    state = _advance(session, action.proposed.call_id, step.kind)
    phase: Phase = "approved" if step.decision == "approved" else "declined"
    if phase == "approved" and state.phase != "pending":
        raise IllegalStepError(f"action {step.action_id} is approved before anybody could see it")
    voters = (*action.voters, step.by) if phase == "approved" else action.voters
    return _keep(_with_call(session, replace(state, phase=phase)), replace(action, decided=step, voters=voters))


def _tool_started(session: Session, step: ToolStarted, epoch: int) -> Session:
    state = _advance(session, step.call_id, step.kind)
    before = next(other for other in session.calls if other.call.id == step.call_id)
    if before.phase == "running" and before.started_epoch >= epoch:
        raise IllegalStepError(f"call {step.call_id} is running already")
    if before.action_id != step.action_id:
        raise IllegalStepError(f"call {step.call_id} may only run under its own action")
    key = fingerprint(state.call)
    runs = {**session.runs, key: session.runs.get(key, 0) + (before.phase != "running")}
    state = replace(state, started_epoch=epoch, idempotency_key=step.idempotency_key)
    return _with_call(replace(session, runs=runs), state)


def _tool_returned(session: Session, step: ToolReturned) -> Session:
    state = replace(_advance(session, step.call_id, step.kind), outcome=step.outcome)
    session = _with_call(session, state)
    if state.action_id is None:
        return session
    action = _action(session, state.action_id)
    return _keep(session, replace(action, outcome=step.outcome, result=step.text))


def _post_started(session: Session, step: PostStarted) -> Session:
    if session.posts.get(step.key) is not None:
        raise IllegalStepError(f"{step.key} is posted already")
    return replace(session, posts={**session.posts, step.key: None})


def _posted(session: Session, step: Posted) -> Session:
    if step.key not in session.posts or session.posts[step.key] is not None:
        raise IllegalStepError(f"{step.key} was not about to be posted")
    session = replace(session, posts={**session.posts, step.key: step})
    subject, action_id, *_ = (*step.key.split(":"), "")
    action = session.actions.get(action_id)
    if subject == "card" and action and not step.error:
        session = _keep(session, replace(action, ts=step.ts))
        if action.decided is None:
            session = _with_call(session, _advance(session, action.proposed.call_id, step.kind))
    if subject == "question" and action:
        session = _keep(session, replace(action, asked_ts=step.ts or "-"))
    if session.closing and step.key == f"answer:{session.turn}:{len(session.closing.parts) - 1}":
        session = replace(session, open=False, closing=None, calls=())
    return session
