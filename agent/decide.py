"""What comes next. Pure: no clock, network or database; the same session, inbox and rules give the same moves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from agent import policy
from agent.digest import action_digest, action_id, idempotency_key
from agent.errors import AgentMaxIterationsError
from agent.machine import FINAL, ActionState, CallState, Session, fingerprint
from agent.moves import Answer, CallModel, Card, Close, Move, Notice, Post, Question, Reconcile, Record, RunTool, Settle, ShowCard
from agent.received import Click, ContinueClick, Inboxed, Message, OutcomeClick, StopPressed
from agent.steps import Asked, Halted, ProposedAction, Stopped, ToolReturned
from agent.tool import Result, Tool, Tools, failed, validate
from agent.types import Asker, Said, Verdict

# A decided call starts within this time or asks again (DESIGN, Approvals).
DECISION_LIFETIME = timedelta(minutes=15)
# The same call with the same arguments runs this often in a turn; after that it is answered with a note (issue: tools).
SAME_CALL_LIMIT = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What a session is run by."""

    tools: Tools
    max_iterations: int = 10
    budget_tokens: int = 50_000
    judge: Callable[[Tool, Mapping[str, Any], Asker], Verdict] = policy.Policy().judge


def next_moves(session: Session, inbox: Sequence[Inboxed], rules: Rules, now: datetime) -> tuple[Move, ...]:
    """Everything that can be done now. Nothing: the session is idle or waits for people.

    A move that is being made is named again (same key): whoever makes them knows what is under way. Steps to be recorded
    come alone, since they may change what comes next.
    """
    moves = (*_inbox_moves(session, inbox, rules), *_card_moves(session, rules), *_turn_moves(session, rules, now))
    records = tuple(move for move in moves if isinstance(move, Record))
    return records[:1] or _one_of_each(moves)


def _one_of_each(moves: Sequence[Move]) -> tuple[Move, ...]:
    """The first move of each key: clicks on one action are judged one after the other, in the order they came."""
    first: dict[str, Move] = {}
    for move in moves:
        assert not isinstance(move, Record)
        first.setdefault(move.key, move)
    return tuple(first.values())


def due_at(session: Session) -> datetime | None:
    """When the clock alone gives the session something to do: the next expiry of an open action."""
    pending = [action.proposed.expires_at for action in session.actions.values() if action.decided is None]
    return min(pending, default=None)


# ---------------------------------------------------------------------------------------------- inbox


def _inbox_moves(session: Session, inbox: Sequence[Inboxed], rules: Rules) -> list[Move]:
    moves: list[Move] = []
    spoken: list[tuple[int, Said]] = []
    for row in inbox:
        match row.received:
            case Message(form="text", said=said):
                spoken.append((row.id, said))
            case Message() as message:
                subject = "capabilities" if message.form == "bare" else "too_long"
                moves += _notice(session, Notice(subject, message.length), f"{subject}:{row.id}:{message.length}", row.id)
            case Click() as click if not _being_posted(session, click.action_id):
                moves.append(Settle(row.id, click, f"settle:{click.action_id}"))
            case OutcomeClick() as click if session.status == "idle":
                moves.append(Settle(row.id, click, f"settle:{click.action_id}"))
            case ContinueClick() as click if session.status == "idle":
                moves.append(_continue(session, row.id, click, rules))
            case StopPressed(user=user):
                steps = (Stopped(by=user),) if _stoppable(session) else ()
                moves.append(Record(steps, (row.id,)))
            case _:
                pass  # is read once the turn is over, or the card on record
    if spoken and session.status == "idle":
        in_order = sorted((said for _, said in spoken), key=lambda said: float(said.ts))  # Slack delivers in any order
        asked = Asked(said=tuple(in_order))
        moves.append(Record((asked,), tuple(row_id for row_id, _ in spoken)))
    if spoken and session.status == "waiting":
        waited_for = tuple(card(action) for action in session.actions.values() if action.decided is None)
        for row_id, _ in spoken:
            moves += _notice(session, Notice("waiting", cards=waited_for), f"waiting:{row_id}", None)
    return moves


def _being_posted(session: Session, action_id: str) -> bool:
    """People see a card, and click, before its post is on record: while Slack's answer is on its way, or was lost in a crash."""
    action = session.actions.get(action_id)
    return action is not None and action.decided is None and not action.ts


def _stoppable(session: Session) -> bool:
    return session.open and session.closing is None and session.stopped_by is None


def _continue(session: Session, row_id: int, click: ContinueClick, rules: Rules) -> Record:
    """A click on Continue counts once, for the turn that it was offered in."""
    if click.turn != session.halted_turn or session.turn != session.halted_turn:
        return Record((), (row_id,))
    said = Said(user=click.user, text="Please continue.", ts="")
    return Record((Asked(said=(said,), budget_tokens=rules.budget_tokens),), (row_id,))


def _notice(session: Session, notice: Notice, key: str, row_id: int | None) -> list[Move]:
    if session.posts.get(key) is not None:
        return []
    taken = () if row_id is None else (row_id,)
    return [Post(key, notice, found=key in session.posts, inbox_ids=taken)]


# ---------------------------------------------------------------------------------------------- cards


def card(action: ActionState) -> Card:
    """The action as people see it."""
    proposed, decided = action.proposed, action.decided
    return Card(
        action_id=proposed.action_id,
        tool=proposed.tool,
        arguments=dict(proposed.arguments),
        digest=proposed.digest,
        requesters=proposed.requesters,
        expires_at=proposed.expires_at,
        verdict=proposed.verdict,
        look=action.look,
        voters=action.voters,
        decided_by=decided.by if decided else "",
        reason=decided.reason if decided else "",
        decided_at=decided.decided_at if decided else None,
        result=action.result,
    )


def _card_moves(session: Session, rules: Rules) -> list[Move]:
    """Cards that lag behind, and questions about outcomes that nobody knows."""
    moves: list[Move] = []
    for name, action in session.actions.items():
        if action.lags:
            moves.append(ShowCard(card(action), action.ts, f"show:{name}"))
        if action.outcome == "unknown" and not action.asked_ts:
            key = next((key for key in session.posts if key.startswith(f"question:{name}:")), f"question:{name}:{session.turn}")
            moves.append(Post(key, Question(card(action)), found=key in session.posts))
    for key, posted in session.posts.items():
        subject, _, rest = key.partition(":")
        if posted is None and subject in ("capabilities", "too_long"):  # its inbox row is taken: finish it from its key
            moves.append(Post(key, Notice(subject, int(rest.partition(":")[2])), found=True))
    return moves


# ---------------------------------------------------------------------------------------------- the turn


def _turn_moves(session: Session, rules: Rules, now: datetime) -> list[Move]:
    if not session.open:
        return []
    if session.closing is not None:
        return _closing_moves(session)
    moves = [move for state in session.calls for move in _call_moves(session, state, rules, now)]
    if any(state.phase not in FINAL for state in session.calls):
        return moves
    if session.stopped_by is not None:
        sentence = f"Stopped by <@{session.stopped_by}>. Nothing further was run."
        return [Record((Halted(error="Stopped", sentence=sentence),))]
    if session.model_epoch is None and session.iterations >= rules.max_iterations:
        sentence = (
            f"I stopped after {rules.max_iterations} steps without finishing. Nothing more will be run; "
            "please narrow the request down, or tell me how to go on."
        )
        return [Record((Halted(error=AgentMaxIterationsError.__name__, sentence=sentence),))]
    return [CallModel(iteration=session.iterations + (session.model_epoch is None))]


def _closing_moves(session: Session) -> list[Move]:
    assert session.closing is not None
    for part, text in enumerate(session.closing.parts):
        key = f"answer:{session.turn}:{part}"
        if session.posts.get(key) is None:
            last = part == len(session.closing.parts) - 1
            offered = session.turn if last and session.closing.offer_continue else None
            return [Post(key, Answer(text, offered), found=key in session.posts)]
    return []


def _call_moves(session: Session, state: CallState, rules: Rules, now: datetime) -> list[Move]:
    """What comes next for one call. Its siblings do not matter."""
    call = state.call
    match state.phase:
        case "asked":
            return [_judged(session, state, rules, now)]
        case "proposed" | "pending":
            return _undecided_moves(session, state, now)
        case "approved":
            return [_approved(session, state, rules, now)]
        case "running" if state.started_epoch < session.epoch:
            tool = rules.tools.get(call.tool)
            if tool is not None and tool.repeatable:
                return [RunTool(call, state.idempotency_key, state.action_id, None, f"tool:{call.id}")]
            return [Reconcile(call, state.idempotency_key, f"tool:{call.id}")]
        case _:
            return []  # under way in this process, or final


def _refused(state: CallState, result: Result) -> Record:
    return Record((ToolReturned(call_id=state.call.id, outcome="refused", text=result.text()),))


def _judged(session: Session, state: CallState, rules: Rules, now: datetime) -> Move:
    """A call as it came from the model: refused, run, or proposed."""
    call = state.call
    if session.stopped_by is not None:
        return _refused(state, failed("permission_denied", "Not run: a person pressed Stop."))
    if session.iterations >= rules.max_iterations:
        return _refused(state, failed("permission_denied", "Not run: this turn has used all its steps."))
    if session.runs.get(fingerprint(call), 0) >= SAME_CALL_LIMIT:
        note = f"{call.tool} was already called with these arguments {SAME_CALL_LIMIT} times in this turn; use those results."
        return _refused(state, failed("invalid_input", note))
    arguments = validate(rules.tools, call.tool, call.arguments)
    if isinstance(arguments, Result):
        return _refused(state, arguments)
    tool = rules.tools[call.tool]
    verdict = rules.judge(tool, arguments.model_dump(mode="json"), _asker(session))
    if verdict.answer == "refuse":
        return _refused(state, failed("permission_denied", f"Policy refuses {call.tool} ({verdict.rule})."))
    if verdict.answer == "ask":
        return Record((_proposal(session, state, tool, arguments, verdict, now),))
    key = idempotency_key(session.id, session.reply_seq, call.id)
    return RunTool(call, key, None, None, f"tool:{call.id}")


def _asker(session: Session) -> Asker:
    return Asker(users=session.requesters, channel=session.place.channel)


def _proposal(
    session: Session, state: CallState, tool: Tool, arguments: BaseModel, verdict: Verdict, now: datetime
) -> ProposedAction:
    validated: dict[str, Any] = arguments.model_dump(mode="json")
    return ProposedAction(
        action_id=action_id(session.id, session.reply_seq, state.call.id, session.seq),
        call_id=state.call.id,
        tool=tool.name,
        arguments=validated,
        verdict=verdict,
        digest=action_digest(session.id, tool, validated, verdict),
        requesters=session.requesters,
        expires_at=now + timedelta(seconds=verdict.expires_seconds),
    )


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
    post = f"card:{state.action_id}"
    posted = session.posts.get(post)
    if posted is not None:  # Slack refused it for good
        return [Close(state.action_id, "undeliverable", "", posted.error, key)]
    return [Post(post, card(action), found=post in session.posts)]


def _approved(session: Session, state: CallState, rules: Rules, now: datetime) -> Move:
    """The last judgement before an approved call runs: against the pinned arguments, today's schema and today's policy."""
    assert state.action_id is not None
    action = session.actions[state.action_id]
    assert action.decided is not None
    proposed = action.proposed
    if session.stopped_by is not None:
        return Close(state.action_id, "withdrawn", session.stopped_by, "Stop was pressed.", f"close:{state.action_id}")
    arguments = validate(rules.tools, proposed.tool, proposed.arguments)
    if isinstance(arguments, Result):
        return _refused(state, arguments)
    tool = rules.tools[proposed.tool]
    verdict = rules.judge(tool, arguments.model_dump(mode="json"), _asker(session))
    if verdict.answer == "refuse":
        return _refused(state, failed("permission_denied", f"Policy now refuses {proposed.tool} ({verdict.rule})."))
    shown = action_digest(session.id, tool, arguments.model_dump(mode="json"), proposed.verdict)
    lapsed = now - action.decided.decided_at > DECISION_LIFETIME
    if lapsed or shown != proposed.digest or not policy.suffices(proposed.verdict, verdict):
        stricter = verdict if verdict.answer == "ask" else proposed.verdict
        return Record((_proposal(session, state, tool, arguments, stricter, now),))
    call = state.call.model_copy(update={"arguments": proposed.arguments})
    return RunTool(call, idempotency_key(session.id, session.reply_seq, call.id), state.action_id, shown, f"tool:{call.id}")
