"""What comes next because of what people said or clicked."""

import re
from collections.abc import Sequence
from datetime import datetime

from agent.decide.facts import Facts
from agent.decide.for_cards import card
from agent.decide.for_clicks import counts_now
from agent.decide.for_nudges import nudge_move
from agent.decide.move_keys import MoveKey
from agent.decide.moves import Admit, Close, Move, Notice, Permit, Post, Record, Settle, TurnAway
from agent.decide.proposals import asker
from agent.errors import BudgetExceededError
from agent.session.inbox import (
    Click,
    ContinueClick,
    Edit,
    Inboxed,
    Inquiry,
    Message,
    Nudge,
    OutcomeClick,
    StopPressed,
    Withdraw,
)
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Asked, Stopped
from agent.tool.definition import Result
from agent.tool.validation import validate
from agent.types import Said

STOP = re.compile(r"\W*stop\W*", re.IGNORECASE)
WITHDRAWN = "Withdrawn to go on with the conversation."


def inbox_moves(session: Session, inbox: Sequence[Inboxed], rules: Rules, now: datetime, facts: Facts) -> list[Move]:
    """Return moves for every row that something can be done about now; the others stay until it can."""
    moves = _admissions(session, inbox, facts)
    spoken: list[tuple[int, Said]] = []
    for row in inbox:
        match row.received:
            case Message(said=said) as message if _says_stop(session, message):
                moves.append(_stop(session, row, said.user, facts))
            case Message() | ContinueClick() if row.id not in facts.admitted:
                pass  # its author is looked up first
            case Message(form="text", said=said):
                spoken.append((row.id, said))
            case Message() as message:
                subject = "capabilities" if message.form == "bare" else "too_long"
                moves += _notice(session, Notice(subject, message.length), PostKey(subject, row.id, message.length), row.id)
            case Click() as click if not _being_posted(session, click.action_id):
                moves.append(Settle(row.id, click, MoveKey("settle", click.action_id)))
            case Edit() as edit if not _being_posted(session, edit.action_id):
                moves.append(_edit(session, row.id, edit, rules))
            case OutcomeClick() as click if counts_now(session, click):
                moves.append(Settle(row.id, click, MoveKey("settle", click.action_id)))
            case ContinueClick() as click if session.status == "idle":
                moves.append(_continue(session, row.id, click, rules))
            case Withdraw() as withdraw:
                moves += _withdraw(session, row, withdraw, facts)
            case Nudge() as nudge:
                moves.append(nudge_move(session, row.id, nudge, now))
            case Inquiry() as inquiry:
                moves.append(_inquiry(session, row.id, inquiry))
            case StopPressed(user=user):
                moves.append(_stop(session, row, user, facts))
            case Click() | Edit():
                pass  # is judged once the card is on record
            case OutcomeClick() | ContinueClick():
                pass  # opens a turn once this one is over
    if any(isinstance(move, Admit) for move in moves):
        return moves  # what people say at the same time opens one turn
    return [*moves, *_spoken_moves(session, spoken)]


def _admissions(session: Session, inbox: Sequence[Inboxed], facts: Facts) -> list[Move]:
    """Look up everybody who asks for something, once for all that they say: only some people may."""
    asking: dict[tuple[str, str], list[int]] = {}  # by user, and the app that they write through
    for row in inbox:
        if row.id in facts.admitted:
            continue
        match row.received:
            case Message(said=said) if not _says_stop(session, row.received):
                asking.setdefault((said.user, row.received.app), []).append(row.id)
            case ContinueClick(user=user) if session.status == "idle":
                asking.setdefault((user, ""), []).append(row.id)
            case _:
                pass
    return [Admit(tuple(ids), user, MoveKey("admit", f"{user} {app}".strip()), app) for (user, app), ids in asking.items()]


def _says_stop(session: Session, message: Message) -> bool:
    return session.turn.open and message.form == "text" and STOP.fullmatch(message.said.text) is not None


def _spoken_moves(session: Session, spoken: Sequence[tuple[int, Said]]) -> list[Move]:
    """Open a turn with messages; while one is open they stay in the inbox."""
    if spoken and session.status == "idle":
        in_order = sorted((said for _, said in spoken), key=lambda said: float(said.ts))  # Slack delivers in any order
        return [Record((Asked(said=tuple(in_order)),), tuple(row_id for row_id, _ in spoken))]
    return []


def queued(session: Session, inbox: Sequence[Inboxed], facts: Facts) -> int:
    """Return how many messages are read once this turn is over."""
    return sum(
        isinstance(row.received, Message)
        and row.received.form == "text"
        and row.id in facts.admitted
        and not _says_stop(session, row.received)
        for row in inbox
    )


def _being_posted(session: Session, action_id: str) -> bool:
    """Return whether a card may be seen, and clicked, before its post is on record: Slack's answer is on its way or was lost."""
    action = session.actions.get(action_id)
    return action is not None and action.decided is None and not action.shown.ts


def _stop(session: Session, row: Inboxed, user: str, facts: Facts) -> Move:
    """Stop, pressed or said: for those who asked, those who may approve, and admins."""
    if not session.turn.open or session.turn.ending.closing is not None or session.turn.stopped_by is not None:
        return Record((), (row.id,))
    if user in session.requesters or row.id in facts.permitted:
        return Record((Stopped(by=user),), (row.id,))
    return Permit(row.id, user, MoveKey("permit", str(row.id)))


def _withdraw(session: Session, row: Inboxed, withdraw: Withdraw, facts: Facts) -> list[Move]:
    waiting = [action for action in session.undecided() if action.proposed.action_id in withdraw.action_ids]
    if not waiting:
        return [Record((), (row.id,))]
    others = any(withdraw.user not in action.proposed.requesters for action in waiting)
    if others and row.id not in facts.permitted:
        return [Permit(row.id, withdraw.user, MoveKey("permit", str(row.id)))]
    ids = [action.proposed.action_id for action in waiting]
    return [Close(id, "withdrawn", withdraw.user, WITHDRAWN, MoveKey("close", id)) for id in ids]


def _inquiry(session: Session, row_id: int, inquiry: Inquiry) -> Move:
    """Ask in the thread what somebody who may decide wants to know. The row stays until that is there: the words are in it."""
    key = PostKey("inquiry", row_id)
    if session.posts.get(key) is not None:
        return Record((), (row_id,))
    action = session.actions.get(inquiry.action_id)
    cards = (card(action),) if action is not None else ()
    return Post(key, Notice("inquiry", cards=cards, text=inquiry.text, by=inquiry.user), found=key in session.posts)


def _edit(session: Session, row_id: int, edit: Edit, rules: Rules) -> Move:
    """Judge edited arguments before the old proposal is given up for them: they must be valid and not refused by policy."""
    action, key = session.actions.get(edit.action_id), MoveKey("settle", edit.action_id)
    if action is None or action.decided is not None:
        return Settle(row_id, edit, key)  # the statement will say no
    proposed = action.proposed
    validated = validate(rules.tools, proposed.tool, edit.arguments)
    if isinstance(validated, Result):
        return TurnAway(row_id, edit, f"Your edit was not taken: {validated.detail}", key)
    arguments = validated.model_dump(mode="json")
    if arguments == proposed.arguments:
        return TurnAway(row_id, edit, "Your edit changed nothing, so the card stands as it was.", key)
    requesters = tuple(dict.fromkeys((*proposed.requesters, edit.user)))
    verdict = rules.judge(rules.tools[proposed.tool], arguments, asker(session, requesters))
    if verdict.answer == "refuse":
        return TurnAway(row_id, edit, f"Your edit was not taken: policy refuses it ({verdict.because}).", key)
    return Settle(row_id, edit.model_copy(update={"arguments": arguments}), key)


def _continue(session: Session, row_id: int, click: ContinueClick, rules: Rules) -> Record:
    """Count a click on Continue once, for the turn that it was offered in."""
    turn = session.turn.number  # 0 before anything was asked
    if not turn or click.turn != turn or session.spending.halted_turn != turn:
        return Record((), (row_id,))
    said = Said(user=click.user, text="Please continue.", ts="")
    short = session.spending.halted_for == BudgetExceededError.__name__
    return Record((Asked(said=(said,), budget_tokens=rules.budget_tokens if short else 0, goes_on=True),), (row_id,))


def _notice(session: Session, notice: Notice, key: PostKey, row_id: int) -> list[Move]:
    if session.posts.get(key) is not None:
        return []
    return [Post(key, notice, found=key in session.posts, inbox_ids=(row_id,))]
