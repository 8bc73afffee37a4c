"""What comes next for one call of the model: refused, run, previewed, brought before people, or waited for."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from agent import policy
from agent.calls import fingerprint
from agent.card_moves import cards
from agent.digest import action_digest, action_id, idempotency_key
from agent.grants import grantable, matches
from agent.moves import Close, MakePreview, Move, Post, Reconcile, Record, RunTool
from agent.rules import DECISION_LIFETIME, SAME_CALL_LIMIT, Rules
from agent.session import ActionState, CallState, Session
from agent.steps import ProposedAction, ToolReturned
from agent.tool import Effect, Result, Tool, failed, validate
from agent.types import Asker, Call, Verdict

SAID_CHARACTERS = 1_000  # of the model's own words that are kept with an action
# What shares a message. Slack takes 50 blocks and about 10,000 characters (reference: Slack, Limits).
MOST_ROWS = 5
MOST_NAMES = 40  # of arguments, in all rows
MOST_CHARACTERS = 4_000  # likewise


def call_moves(session: Session, state: CallState, rules: Rules, now: datetime) -> list[Move]:
    """What comes next for one call. Its siblings do not matter."""
    match state.phase:
        case "asked":
            return [_judged(session, state, rules, now)]
        case "proposed" | "pending":
            return _undecided_moves(session, state, now)
        case "approved":
            return [_approved(session, state, rules, now)]
        case "running" if session.stopped_by is not None and _only_reads(state, rules):
            return [_given_up(state)]
        case "running" if state.started_epoch < session.epoch:
            return [_found(session, state, rules)]
        case "returned" if state.lost:
            return [Record((_lost(session, state, rules, now),))]
        case _:
            return []  # under way in this process, or final


def _refused(state: CallState, result: Result) -> Record:
    return Record((ToolReturned(call_id=state.call.id, outcome="refused", text=result.text()),))


def _forbidden(state: CallState, detail: str) -> Record:
    return _refused(state, failed("permission_denied", detail))


def _only_reads(state: CallState, rules: Rules) -> bool:
    tool = rules.tools.get(state.call.tool)
    return tool is not None and tool.effect in (Effect.READ, Effect.EGRESS)


def _given_up(state: CallState) -> Record:
    """After a Stop nobody waits for what a read would have brought. A write that has begun is waited for: it may happen."""
    result = failed("permission_denied", "It was given up before it had a result: a person pressed Stop.")
    return Record((ToolReturned(call_id=state.call.id, outcome="failed", text=result.text()),))


def _judged(session: Session, state: CallState, rules: Rules, now: datetime) -> Move:
    """A call as it came from the model, or from a person who edited it: refused, run, or proposed."""
    call = state.call
    if session.stopped_by is not None:
        return _forbidden(state, "Not run: a person pressed Stop.")
    if session.iterations >= rules.max_iterations and not state.edited_by:
        return _forbidden(state, "Not run: this turn has used all its steps.")
    if session.runs.get(fingerprint(call.tool, call.arguments), 0) >= SAME_CALL_LIMIT:
        note = f"{call.tool} was already called with these arguments {SAME_CALL_LIMIT} times in this turn; use those results."
        return _refused(state, failed("invalid_input", note))
    validated = validate(rules.tools, call.tool, call.arguments)
    if isinstance(validated, Result):
        return _refused(state, validated)
    tool, arguments = rules.tools[call.tool], validated.model_dump(mode="json")
    verdict = rules.judge(tool, arguments, asker(session, state.requesters))
    if verdict.answer == "allow" and state.verdict is not None:
        verdict = state.verdict  # an edit approves nothing: it asks those who were asked before
    if verdict.answer == "refuse":
        return _forbidden(state, f"Policy refuses {call.tool} ({verdict.rule}).")
    if verdict.answer == "allow":
        key = idempotency_key(session.id, session.reply_seq, call.id)
        return RunTool(call, key, None, None, f"tool:{call.id}")
    return _asked(session, state, rules, tool, arguments, verdict, now)


def _asked(
    session: Session, state: CallState, rules: Rules, tool: Tool, arguments: dict[str, Any], verdict: Verdict, now: datetime
) -> Move:
    """A call that policy asks about: somebody has said yes to such calls, or no to this one, or it comes before people."""
    call = state.call
    if not state.edited_by:
        if fingerprint(tool.name, arguments) in session.rejected:
            return _forbidden(
                state,
                "Not run: a person has rejected this very call in this conversation, so nobody is asked again. "
                "Do something else, or say that it takes a new thread.",
            )
        if grant_id := _grant(session, tool, arguments, verdict, now):
            key = idempotency_key(session.id, session.reply_seq, call.id)
            digest = action_digest(session.id, tool, arguments, verdict)
            return RunTool(call, key, None, digest, f"tool:{call.id}", grant_id)
        asked = sum(at > now - timedelta(hours=1) for at in session.asked_at)
        if rules.cards_per_hour is not None and asked >= rules.cards_per_hour:
            return _forbidden(
                state,
                f"Not asked: this conversation has asked for {asked} approvals within an hour, and may ask for "
                f"{rules.cards_per_hour}. Say what you would have done, and go on later.",
            )
    if tool.preview is not None and state.preview is None:
        return MakePreview(call.id, tool.name, arguments, f"preview:{call.id}")
    return Record((_proposal(session, state, tool, arguments, verdict, now),))


def _grant(session: Session, tool: Tool, arguments: Mapping[str, Any], verdict: Verdict, now: datetime) -> str | None:
    """A standing permission that covers the call. It never covers one that was asked for before it was given."""
    for grant in session.grants.values():
        granted = grant.granted
        own = verdict.approvers.requester is False and granted.by in session.requesters
        if (
            granted.tool == tool.name
            and grant.seq < session.reply_seq
            and now < granted.expires_at
            and grant.uses < granted.most_uses
            and not own
            and grantable(tool, verdict)
            and matches(granted.pattern, arguments)
            and policy.suffices(granted.verdict, verdict)
        ):
            return granted.grant_id
    return None


def asker(session: Session, requesters: tuple[str, ...] = ()) -> Asker:
    """Who asks for a call. `requesters`: of an edited one."""
    return Asker(users=requesters or session.requesters, channel=session.place.channel)


def _proposal(
    session: Session, state: CallState, tool: Tool, arguments: dict[str, Any], verdict: Verdict, now: datetime
) -> ProposedAction:
    id = action_id(session.id, session.reply_seq, state.call.id, session.seq)
    return ProposedAction(
        action_id=id,
        call_id=state.call.id,
        tool=tool.name,
        arguments=arguments,
        verdict=verdict,
        digest=action_digest(session.id, tool, arguments, verdict),
        requesters=state.requesters or session.requesters,
        expires_at=now + timedelta(seconds=verdict.expires_seconds),
        message=_message(session, arguments, verdict) or f"card:{id}",
        edited_by=state.edited_by,
        preview=state.preview,
        sources=session.sources,
        said=session.reply_text[:SAID_CHARACTERS],
    )


def _message(session: Session, arguments: Mapping[str, Any], verdict: Verdict) -> str | None:
    """The message that is about to be posted, if the call fits in: several calls of one turn come as one message."""
    last = next(reversed(session.actions.values()), None)
    if last is None or last.decided or last.message in session.posts or last.proposed.verdict.post_to != verdict.post_to:
        return None
    rows = session.shown_in(last.message)
    together = [*(row.proposed.arguments for row in rows), arguments]
    names = sum(len(each) for each in together)
    characters = sum(len(json.dumps(each)) for each in together)
    fits = len(together) <= MOST_ROWS and names <= MOST_NAMES and characters <= MOST_CHARACTERS
    return last.message if fits else None


def _undecided_moves(session: Session, state: CallState, now: datetime) -> list[Move]:
    assert state.action_id is not None
    action = session.actions[state.action_id]
    key = f"close:{state.action_id}"
    if session.stopped_by is not None:
        return [Close(state.action_id, "withdrawn", session.stopped_by, "Stop was pressed.", key)]
    if now >= action.proposed.expires_at:
        return [Close(state.action_id, "expired", "", "", key)]
    if state.phase == "pending":
        return []
    posted = session.posts.get(action.message)
    if posted is not None:  # Slack refused it for good
        return [Close(state.action_id, "undeliverable", "", posted.error, key)]
    return [Post(action.message, cards(session, action.message), found=action.message in session.posts)]


def _approved(session: Session, state: CallState, rules: Rules, now: datetime) -> Move:
    """The last judgement before an approved call runs: against the pinned arguments, today's schema and today's policy."""
    assert state.action_id is not None
    action = session.actions[state.action_id]
    assert action.decided is not None
    proposed = action.proposed
    if session.stopped_by is not None:
        return Close(state.action_id, "withdrawn", session.stopped_by, "Stop was pressed.", f"close:{state.action_id}")
    validated = validate(rules.tools, proposed.tool, proposed.arguments)
    if isinstance(validated, Result):
        return _refused(state, validated)
    tool, arguments = rules.tools[proposed.tool], validated.model_dump(mode="json")
    verdict = rules.judge(tool, arguments, asker(session, proposed.requesters))
    if verdict.answer == "refuse":
        return _forbidden(state, f"Policy now refuses {proposed.tool} ({verdict.rule}).")
    shown = action_digest(session.id, tool, arguments, proposed.verdict)
    lapsed = now - action.decided.decided_at > DECISION_LIFETIME
    if lapsed or shown != proposed.digest or not policy.suffices(proposed.verdict, verdict):
        stricter = verdict if verdict.answer == "ask" else proposed.verdict
        return _anew(session, state, action, tool, validated, stricter, now)
    call = state.call.model_copy(update={"arguments": proposed.arguments})
    key = state.idempotency_key or idempotency_key(session.id, session.reply_seq, call.id)
    return RunTool(call, key, state.action_id, shown, f"tool:{call.id}")


def _found(session: Session, state: CallState, rules: Rules) -> Move:
    """A run whose result was lost: repeated where that is safe and still allowed, else looked into."""
    call = state.call
    if state.action_id is not None:
        call = call.model_copy(update={"arguments": session.actions[state.action_id].proposed.arguments})
    tool = rules.tools.get(call.tool)
    if tool is not None and tool.repeatable and session.stopped_by is None and _as_allowed(session, state, call, rules):
        return RunTool(call, state.idempotency_key, state.action_id, None, f"tool:{call.id}", state.grant_id)
    if _only_reads(state, rules):
        detail = f"The result of {call.tool} was lost, and it may not simply be run again as things are now. Call it anew."
        result = failed("permission_denied", detail)
        return Record((ToolReturned(call_id=call.id, outcome="failed", text=result.text()),))
    return Reconcile(call, state.idempotency_key, f"tool:{call.id}")


def _as_allowed(session: Session, state: CallState, call: Call, rules: Rules) -> bool:
    """Whether the call is still what people or policy allowed: its tool may be a newer one by now, and make something else of
    it, and policy may have changed."""
    validated = validate(rules.tools, call.tool, call.arguments)
    if isinstance(validated, Result):
        return False
    arguments = validated.model_dump(mode="json")
    action, grant = session.actions.get(state.action_id or ""), session.grants.get(state.grant_id or "")
    requesters = action.proposed.requesters if action is not None else ()
    verdict = rules.judge(rules.tools[call.tool], arguments, asker(session, requesters))
    if action is not None:
        return arguments == action.proposed.arguments and policy.suffices(action.proposed.verdict, verdict)
    if state.grant_id is not None:
        holds = grant is not None and matches(grant.granted.pattern, arguments)
        return grant is not None and holds and policy.suffices(grant.granted.verdict, verdict)
    return verdict.answer == "allow"


def _lost(session: Session, state: CallState, rules: Rules, now: datetime) -> ProposedAction:
    """A run without a card whose outcome nobody knows: it becomes an action, so that people can be asked about it."""
    call, tool = state.call, rules.tools.get(state.call.tool)
    validated = validate(rules.tools, call.tool, call.arguments)
    arguments = call.arguments if isinstance(validated, Result) else validated.model_dump(mode="json")
    verdict = _let_it_run(session, state, tool, arguments, rules)
    return ProposedAction(
        action_id=action_id(session.id, session.reply_seq, call.id, session.seq),
        call_id=call.id,
        tool=call.tool,
        arguments=arguments,
        verdict=verdict,
        digest=action_digest(session.id, tool, arguments, verdict) if tool is not None else "",
        requesters=session.requesters,
        expires_at=now + timedelta(seconds=verdict.expires_seconds),
        ran=True,
    )


def _let_it_run(session: Session, state: CallState, tool: Tool | None, arguments: dict[str, Any], rules: Rules) -> Verdict:
    """What a run without a card was allowed by: the verdict that its grant satisfied, or policy, which asked nobody.

    Its approvers are those who would be asked today.
    """
    if (grant := session.grants.get(state.grant_id or "")) is not None:
        return grant.granted.verdict
    if tool is None:
        return Verdict(answer="allow", rule="its tool is not there any more")
    return rules.judge(tool, arguments, asker(session)).model_copy(update={"answer": "allow"})


def _anew(
    session: Session, state: CallState, action: ActionState, tool: Tool, validated: BaseModel, verdict: Verdict, now: datetime
) -> Move:
    """The approval lapsed or no longer suffices."""
    arguments = validated.model_dump(mode="json")
    if tool.preview is not None and state.preview is None:
        return MakePreview(state.call.id, tool.name, arguments, f"preview:{state.call.id}")
    proposal = _proposal(session, state, tool, arguments, verdict, now)
    same = {"requesters": action.proposed.requesters, "edited_by": action.proposed.edited_by}
    return Record((proposal.model_copy(update=same),))
