"""What comes next for a call that people approved: it runs as they saw it, or a fresh card says what is different."""

from datetime import datetime

from pydantic import BaseModel

from agent.approvals import policy
from agent.approvals.digest import action_digest, idempotency_key, judged_digest
from agent.decide.move_keys import MoveKey
from agent.decide.moves import Close, Move, RunTool
from agent.decide.proposals import asker, before_people, bound_by, foresee, lacks_preview, proposal_of
from agent.decide.refusals import forbidden, refused
from agent.session.differences import differences
from agent.session.rules import DECISION_LIFETIME, Rules
from agent.session.state import ActionState, CallState, Session
from agent.tool.definition import Result, Tool
from agent.tool.validation import validate
from agent.types import Verdict


def run_approved(session: Session, state: CallState, rules: Rules, now: datetime) -> Move:
    """Judge an approved call right before it runs: its arguments against today's schema and today's policy."""
    assert state.action_id is not None
    action = session.actions[state.action_id]
    assert action.decided is not None
    proposed = action.proposed
    if session.turn.stopped_by is not None:
        return Close(
            state.action_id, "withdrawn", session.turn.stopped_by, "Stop was pressed.", MoveKey("close", state.action_id)
        )
    validated = validate(rules.tools, proposed.tool, proposed.arguments)
    if isinstance(validated, Result):
        return refused(state, validated)
    tool, arguments = rules.tools[proposed.tool], validated.model_dump(mode="json")
    verdict = rules.judge(tool, arguments, asker(session, proposed.requesters))
    if verdict.answer == "refuse":
        return forbidden(state, f"Policy now refuses {proposed.tool} ({verdict.because}).")
    shown = action_digest(session.id, tool, arguments, proposed.verdict, tool.wording(validated), proposed.preview)
    lapsed = now - action.decided.decided_at > DECISION_LIFETIME
    if lapsed or shown != proposed.digest or not policy.suffices(proposed.verdict, verdict):
        stricter = verdict if verdict.answer == "ask" else proposed.verdict
        return _propose_anew(session, state, rules, action, tool, validated, stricter, now)
    call = state.call.model_copy(update={"arguments": proposed.arguments})
    key = state.idempotency_key or idempotency_key(session.id, session.model.reply_seq, call.id)
    bound, judged = bound_by(proposed.preview), judged_digest(tool, validated)
    return RunTool(call, key, state.action_id, shown, MoveKey("tool", call.id), bound=bound, judged=judged)


def ask_about_changed(session: Session, state: CallState, rules: Rules, now: datetime) -> Move:
    """Ask again about a call that did nothing because what its card showed has changed meanwhile."""
    if session.turn.stopped_by is not None:
        return forbidden(state, "Not run: a person pressed Stop.")
    action, grant = session.actions.get(state.action_id or ""), session.standing.grants.get(state.grant_id or "")
    validated = validate(rules.tools, state.call.tool, action.proposed.arguments if action is not None else state.call.arguments)
    if isinstance(validated, Result):
        return refused(state, validated)
    tool, requesters = rules.tools[state.call.tool], action.proposed.requesters if action is not None else ()
    verdict = rules.judge(tool, validated.model_dump(mode="json"), asker(session, requesters))
    if verdict.answer == "refuse":
        return forbidden(state, f"Policy now refuses {tool.name} ({verdict.because}).")
    before = action.proposed.verdict if action is not None else grant.granted.verdict if grant is not None else verdict
    return _propose_anew(session, state, rules, action, tool, validated, verdict if verdict.answer == "ask" else before, now)


def _propose_anew(
    session: Session,
    state: CallState,
    rules: Rules,
    action: ActionState | None,
    tool: Tool,
    validated: BaseModel,
    verdict: Verdict,
    now: datetime,
) -> Move:
    """Propose a call whose approval lapsed, no longer suffices, or covers something else: a fresh card says what is different."""
    if lacks_preview(state, tool):
        return foresee(state, tool, validated.model_dump(mode="json"))
    proposal = proposal_of(session, state, tool, validated, verdict, now)
    changed = state.changed
    if action is not None:
        before = action.proposed
        changed = tuple(dict.fromkeys((*changed, *differences(before, proposal))))
        proposal = proposal.model_copy(update={"requesters": before.requesters, "edited_by": before.edited_by})
    return before_people(state, rules, proposal.model_copy(update={"changed": changed}))
