"""What comes next for a run whose result was lost: it is repeated where that is safe, else its tool or people are asked."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from agent.approvals import policy
from agent.approvals.digest import action_digest, action_id, author_digest, judged_digest
from agent.approvals.grants import matches
from agent.decide.move_keys import MoveKey
from agent.decide.moves import Move, Reconcile, Record, RunTool
from agent.decide.proposals import asker, bound_by
from agent.session.rules import Rules
from agent.session.state import CallState, Session
from agent.session.steps import ProposedAction, ToolReturned
from agent.tool.definition import Result, Tool, failed
from agent.tool.validation import validate
from agent.types import Preview, Verdict


def look_into_lost_run(session: Session, state: CallState, rules: Rules) -> Move:
    """Return what to do about a run whose result was lost: repeat it where that is safe and still allowed, else ask its tool."""
    call = state.call
    if state.action_id is not None:
        call = call.model_copy(update={"arguments": session.actions[state.action_id].proposed.arguments})
    tool, bound = rules.tools.get(call.tool), bound_by(_preview_of_run(session, state))
    validated = validate(rules.tools, call.tool, call.arguments)
    repeatable = tool is not None and tool.repeatable and session.turn.stopped_by is None
    if (
        tool is not None
        and repeatable
        and not isinstance(validated, Result)
        and _still_allowed(session, state, tool, validated, rules)
    ):
        key, move_key = state.idempotency_key, MoveKey("tool", call.id)
        judged = judged_digest(tool, validated)
        return RunTool(call, key, state.action_id, None, move_key, state.grant_id, bound, judged, repeats=not tool.reads)
    if only_reads(state, rules):
        detail = f"The result of {call.tool} was lost, and it may not simply be run again as things are now. Call it anew."
        result = failed("permission_denied", detail)
        return Record((ToolReturned(call_id=call.id, outcome="failed", text=result.text()),))
    return Reconcile(call, state.idempotency_key, MoveKey("tool", call.id), bound)


def give_up_read(state: CallState) -> Record:
    """End a running read after a Stop. A write that has begun is waited for instead: it may happen."""
    result = failed("permission_denied", "It was given up before it had a result: a person pressed Stop.")
    return Record((ToolReturned(call_id=state.call.id, outcome="failed", text=result.text()),))


def only_reads(state: CallState, rules: Rules) -> bool:
    """Return whether the call's tool is known, and a read."""
    tool = rules.tools.get(state.call.tool)
    return tool is not None and tool.reads


def _still_allowed(session: Session, state: CallState, tool: Tool, validated: BaseModel, rules: Rules) -> bool:
    """Return whether the call is still what people or policy allowed.

    Its tool may be a newer one by now that reads the arguments differently or says something else, and policy may have changed.
    """
    arguments = validated.model_dump(mode="json")
    action, grant = session.actions.get(state.action_id or ""), session.standing.grants.get(state.grant_id or "")
    requesters = action.proposed.requesters if action is not None else ()
    verdict = rules.judge(tool, arguments, asker(session, requesters))
    if action is not None:
        shown = action.proposed
        digest = action_digest(session.id, tool, arguments, shown.verdict, tool.wording(validated), shown.preview)
        return digest == shown.digest and policy.suffices(shown.verdict, verdict)
    if state.grant_id is not None:
        alike = grant is not None and grant.granted.author in ("", author_digest(tool))
        holds = grant is not None and alike and matches(grant.granted.pattern, arguments)
        return grant is not None and holds and policy.suffices(grant.granted.verdict, verdict)
    return verdict.answer == "allow"


def _preview_of_run(session: Session, state: CallState) -> Preview | None:
    """Return the preview that the run of a call was approved or granted with."""
    return session.actions[state.action_id].proposed.preview if state.action_id is not None else state.preview


def propose_lost_run(session: Session, state: CallState, rules: Rules, now: datetime) -> ProposedAction:
    """Make an action of a run without a card whose outcome is unknown, so that people can be asked about it."""
    call, tool = state.call, rules.tools.get(state.call.tool)
    validated = validate(rules.tools, call.tool, call.arguments)
    arguments = call.arguments if isinstance(validated, Result) else validated.model_dump(mode="json")
    wording = tool.wording(validated) if tool is not None and not isinstance(validated, Result) else None
    verdict = _verdict_of_run(session, state, tool, arguments, rules)
    return ProposedAction(
        action_id=action_id(session.id, session.model.reply_seq, call.id, session.seq),
        call_id=call.id,
        tool=call.tool,
        arguments=arguments,
        verdict=verdict,
        digest=action_digest(session.id, tool, arguments, verdict, wording, state.preview) if tool and wording else "",
        requesters=session.requesters,
        expires_at=now + timedelta(seconds=verdict.expires_seconds),
        preview=state.preview,
        ran=True,
        wording=wording,
    )


def _verdict_of_run(session: Session, state: CallState, tool: Tool | None, arguments: dict[str, Any], rules: Rules) -> Verdict:
    """Return the verdict that let a run through without a card: its grant's, or that of policy, with today's approvers."""
    if (grant := session.standing.grants.get(state.grant_id or "")) is not None:
        return grant.granted.verdict
    if tool is None:
        return Verdict(answer="allow", rule="its tool is not there any more")
    return rules.judge(tool, arguments, asker(session)).model_copy(update={"answer": "allow"})
