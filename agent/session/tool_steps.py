"""What steps change about runs: a call begun, under an action or a grant or neither, and its result."""

from collections.abc import Mapping

from agent.errors import IllegalStepError
from agent.session import sources, tasks
from agent.session.action_steps import keep, open_action
from agent.session.calls import advance, call_ended, fingerprint, with_call
from agent.session.evolve import replace
from agent.session.state import AllowedRun, CallState, GrantState, Session
from agent.session.steps import ToolReturned, ToolStarted


def run_begun(session: Session, step: ToolStarted, epoch: int) -> Session:
    """Note that a call runs. One that was found after a crash runs again, and counts once."""
    state = advance(session, step.call_id, step.kind)
    before = next(other for other in session.turn.calls if other.call.id == step.call_id)
    if before.phase == "running" and before.started_epoch >= epoch:
        raise IllegalStepError(f"call {step.call_id} is running already")
    if before.action_id != step.action_id:
        raise IllegalStepError(f"call {step.call_id} may only run under its own action")
    state = replace(state, started_epoch=epoch, idempotency_key=step.idempotency_key, grant_id=step.grant_id)
    if before.phase != "running":
        session = _count_run(session, state)
    if step.action_id is not None:
        action = open_action(session, step.action_id)
        session = keep(session, replace(action, run=replace(action.run, idempotency_key=step.idempotency_key)))
    return tasks.task_begun(with_call(session, state), state)


def _count_run(session: Session, state: CallState) -> Session:
    """Count one more run of such a call in this turn, and one more use of its grant."""
    call, turn, grants = state.call, session.turn, session.standing.grants
    key = fingerprint(call.tool, call.arguments)
    session = replace(session, turn=replace(turn, runs={**turn.runs, key: turn.runs.get(key, 0) + 1}))
    if state.grant_id not in grants:
        return session
    grant = grants[state.grant_id]
    used = AllowedRun(call, grant.granted, grant.uses + 1, state.preview)
    session = replace(session, turn=replace(session.turn, allowed=(*turn.allowed, used)))
    return with_grants(session, {**grants, state.grant_id: replace(grant, uses=grant.uses + 1)})


def with_grants(session: Session, grants: Mapping[str, GrantState]) -> Session:
    """Return the session with these standing permissions."""
    return replace(session, standing=replace(session.standing, grants=grants))


def run_returned(session: Session, step: ToolReturned) -> Session:
    """Record a call's result, which is its action's too."""
    state = replace(advance(session, step.call_id, step.kind), outcome=step.outcome)
    session = tasks.ended(call_ended(session, state, step.outcome), step)
    context = sources.remembered(sources.read_source(session.context, step.source), step)
    files, size = context.attached + len(step.images), context.attached_bytes + step.kept_bytes
    session = replace(session, context=replace(context, attached=files, attached_bytes=size))
    if state.action_id is None:
        return session
    action = open_action(session, state.action_id)
    return keep(session, replace(action, run=replace(action.run, outcome=step.outcome, result=step.text)))
