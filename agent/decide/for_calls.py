"""What comes next for one call of the model: refused, run, previewed, brought before people, or waited for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from agent.approvals import policy
from agent.approvals.digest import action_digest, author_digest, idempotency_key, judged_digest
from agent.approvals.grants import grantable, matches, resolves_alike
from agent.decide.bounds import too_many_calls, too_many_cards
from agent.decide.facts import Facts
from agent.decide.for_approved import ask_about_changed, run_approved
from agent.decide.for_cards import cards
from agent.decide.for_lost_runs import give_up_read, look_into_lost_run, only_reads, propose_lost_run
from agent.decide.move_keys import MoveKey
from agent.decide.moves import Close, CountCards, Move, Post, Record, RunTool, Vouch
from agent.decide.proposals import asker, before_people, bound_by, foresee, lacks_preview, proposal_of
from agent.decide.refusals import forbidden, refused
from agent.session.calls import fingerprint
from agent.session.rules import SAME_CALL_LIMIT, Rules
from agent.session.state import CallState, Session
from agent.session.steps import Unasked
from agent.tool.definition import Effect, Result, Tool, failed
from agent.tool.validation import validate
from agent.types import Verdict


def call_moves(session: Session, state: CallState, rules: Rules, now: datetime, facts: Facts) -> list[Move]:
    """Return what comes next for one call; its siblings do not matter."""
    match state.phase:
        case "asked":
            return [_judge_new_call(session, state, rules, now, facts)]
        case "proposed" | "pending":
            return _undecided_moves(session, state, now)
        case "approved":
            return [run_approved(session, state, rules, now)]
        case "changed":
            return [ask_about_changed(session, state, rules, now)]
        case "running" if session.turn.stopped_by is not None and only_reads(state, rules):
            return [give_up_read(state)]
        case "running" if state.started_epoch < session.epoch:
            return [look_into_lost_run(session, state, rules)]
        case "returned" if state.lost:
            return [Record((propose_lost_run(session, state, rules, now),))]
        case _:
            return []  # under way in this process, or final


def _judge_new_call(session: Session, state: CallState, rules: Rules, now: datetime, facts: Facts) -> Move:
    """Judge a call as it came from the model, or from a person who edited it: refuse it, run it, or ask about it."""
    call = state.call
    if session.turn.stopped_by is not None:
        return forbidden(state, "Not run: a person pressed Stop.")
    if state.unusable and not state.edited_by:
        return refused(state, failed("invalid_input", f"Not run, and nobody was asked: {state.unusable}. Make the call again."))
    if (why := too_many_calls(session, state, rules.bounds)) is not None:
        return forbidden(state, why)
    runs = session.turn.runs  # mostly none, and then there is nothing to compare with
    if runs and runs.get(fingerprint(call.tool, call.arguments), 0) >= SAME_CALL_LIMIT:
        note = f"{call.tool} was already called with these arguments {SAME_CALL_LIMIT} times in this turn; use those results."
        return refused(state, failed("invalid_input", note))
    validated = validate(rules.tools, call.tool, call.arguments)
    if isinstance(validated, Result):
        return refused(state, validated)
    tool, arguments = rules.tools[call.tool], validated.model_dump(mode="json")
    verdict = rules.judge(tool, arguments, asker(session, state.requesters))
    if verdict.answer == "allow" and state.verdict is not None:
        verdict = state.verdict  # an edit approves nothing: it asks those who were asked before
    if verdict.answer == "refuse":
        return forbidden(state, f"Policy refuses {call.tool} ({verdict.because}).")
    if verdict.answer == "allow":
        key = idempotency_key(session.id, session.model.reply_seq, call.id)
        unasked = _audit_note(session, tool, validated, verdict)
        judged = judged_digest(tool, validated)
        return RunTool(call, key, None, None, MoveKey("tool", call.id), judged=judged, unasked=unasked)
    return _ask_about(session, state, rules, tool, validated, verdict, now, facts)


def _audit_note(session: Session, tool: Tool, validated: BaseModel, verdict: Verdict) -> Unasked | None:
    """Return what the audit log says of a run that policy lets through; None for a plain read."""
    if tool.effect is Effect.READ:
        return None
    digest = action_digest(session.id, tool, validated.model_dump(mode="json"), verdict, tool.wording(validated))
    return Unasked(tool=tool.name, effect=tool.effect.value, rule=verdict.rule, digest=digest, requesters=session.requesters)


def _ask_about(
    session: Session,
    state: CallState,
    rules: Rules,
    tool: Tool,
    validated: BaseModel,
    verdict: Verdict,
    now: datetime,
    facts: Facts,
) -> Move:
    """Return what comes next for a call that policy asks about: it is covered by a grant, was rejected before, or people are
    asked."""
    call, arguments = state.call, validated.model_dump(mode="json")
    if not state.edited_by:
        rejected = session.standing.rejected
        if rejected and fingerprint(tool.name, arguments) in rejected:
            return forbidden(
                state,
                "Not run: a person has rejected this very call in this conversation, so nobody is asked again. "
                "Do something else, or say that it takes a new thread.",
            )
        grant_id = _covering_grant(session, state, tool, arguments, verdict, now)
        if grant_id is not None and lacks_preview(state, tool):
            return foresee(state, tool, arguments)
        if grant_id is not None:
            if (grant_id, call.id) not in facts.vouched:  # each use asks anew whether its giver may still decide
                return Vouch(grant_id, call.id, MoveKey("vouch", call.id))
            key = idempotency_key(session.id, session.model.reply_seq, call.id)
            wording = tool.wording(validated)
            digest = action_digest(session.id, tool, arguments, verdict, wording, state.preview)
            move_key, judged = MoveKey("tool", call.id), judged_digest(tool, validated)
            return RunTool(call, key, None, digest, move_key, grant_id, bound_by(state.preview), judged)
        user, reply_seq = session.turn.speakers[0], session.model.reply_seq
        elsewhere = facts.cards_elsewhere(reply_seq)
        if elsewhere is None and rules.bounds.open_cards_per_person is not None:
            return CountCards(user, reply_seq, MoveKey("cards", str(reply_seq)))
        if (why := too_many_cards(session, rules.bounds, now, elsewhere or 0)) is not None:
            return forbidden(state, why)
    if lacks_preview(state, tool):
        return foresee(state, tool, arguments)
    return before_people(state, rules, proposal_of(session, state, tool, validated, verdict, now))


def _covering_grant(
    session: Session, state: CallState, tool: Tool, arguments: Mapping[str, Any], verdict: Verdict, now: datetime
) -> str | None:
    """Return the standing permission that covers the call. It never covers one that was asked for before it was given, nor one
    whose tool, or what its arguments resolve to, is not as it was then."""
    for grant in session.standing.grants.values():
        granted = grant.granted
        own = verdict.approvers.requester is False and granted.by in session.requesters
        if (
            granted.tool == tool.name
            and grant.seq < session.model.reply_seq
            and now < granted.expires_at
            and grant.uses < granted.most_uses
            and not own
            and grantable(tool, verdict)
            and matches(granted.pattern, arguments)
            and granted.author in ("", author_digest(tool))
            and (lacks_preview(state, tool) or resolves_alike(granted.pattern, granted.bound, bound_by(state.preview)))
            and policy.suffices(granted.verdict, verdict)
        ):
            return granted.grant_id
    return None


def _undecided_moves(session: Session, state: CallState, now: datetime) -> list[Move]:
    assert state.action_id is not None
    action = session.actions[state.action_id]
    key = MoveKey("close", state.action_id)
    if session.turn.stopped_by is not None:
        return [Close(state.action_id, "withdrawn", session.turn.stopped_by, "Stop was pressed.", key)]
    if now >= action.proposed.expires_at:
        return [Close(state.action_id, "expired", "", "", key)]
    if state.phase == "pending":
        return []
    posted = session.posts.get(action.message)
    if posted is not None:  # Slack refused it for good
        return [Close(state.action_id, "undeliverable", "", posted.error, key)]
    return [Post(action.message, cards(session, action.message), found=action.message in session.posts)]
