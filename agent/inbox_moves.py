"""What comes next because of what people said or clicked."""

import re
from collections.abc import Sequence

from agent.call_moves import asker
from agent.card_moves import card
from agent.moves import Close, Move, Notice, Permit, Post, Record, Settle, TurnAway
from agent.received import Click, ContinueClick, Edit, Inboxed, Message, OutcomeClick, StopPressed, Withdraw
from agent.rules import Rules
from agent.session import Session
from agent.steps import Asked, Stopped
from agent.tool import Result, validate
from agent.types import Said

STOP = re.compile(r"\W*stop\W*", re.IGNORECASE)
WITHDRAWN = "Withdrawn to go on with the conversation."


def inbox_moves(session: Session, inbox: Sequence[Inboxed], rules: Rules) -> list[Move]:
    """Moves for every row that something can be done about now; the others stay until it can."""
    moves: list[Move] = []
    spoken: list[tuple[int, Said]] = []
    for row in inbox:
        match row.received:
            case Message(form="text", said=said) if session.open and STOP.fullmatch(said.text):
                moves.append(_stop(session, row, said.user))
            case Message(form="text", said=said):
                spoken.append((row.id, said))
            case Message() as message:
                subject = "capabilities" if message.form == "bare" else "too_long"
                moves += _notice(session, Notice(subject, message.length), f"{subject}:{row.id}:{message.length}", row.id)
            case Click() as click if not _being_posted(session, click.action_id):
                moves.append(Settle(row.id, click, f"settle:{click.action_id}"))
            case Edit() as edit if not _being_posted(session, edit.action_id):
                moves.append(_edit(session, row.id, edit, rules))
            case OutcomeClick() as click if session.status == "idle":
                moves.append(Settle(row.id, click, f"settle:{click.action_id}"))
            case ContinueClick() as click if session.status == "idle":
                moves.append(_continue(session, row.id, click, rules))
            case Withdraw() as withdraw:
                moves += _withdraw(session, row, withdraw)
            case StopPressed(user=user):
                moves.append(_stop(session, row, user))
            case _:
                pass  # is read once the turn is over, or the card on record
    return [*moves, *_spoken_moves(session, spoken)]


def _spoken_moves(session: Session, spoken: Sequence[tuple[int, Said]]) -> list[Move]:
    """Messages open a turn; while people are waited for they stay in the inbox, and are answered with what is waited for."""
    if spoken and session.status == "idle":
        in_order = sorted((said for _, said in spoken), key=lambda said: float(said.ts))  # Slack delivers in any order
        return [Record((Asked(said=tuple(in_order)),), tuple(row_id for row_id, _ in spoken))]
    moves: list[Move] = []
    if spoken and session.status == "waiting":
        waited_for = tuple(card(action) for action in session.undecided())
        for row_id, _ in spoken:
            moves += _notice(session, Notice("waiting", cards=waited_for), f"waiting:{row_id}", None)
    return moves


def _being_posted(session: Session, action_id: str) -> bool:
    """People see a card, and click, before its post is on record: while Slack's answer is on its way, or was lost in a crash."""
    action = session.actions.get(action_id)
    return action is not None and action.decided is None and not action.ts


def _stop(session: Session, row: Inboxed, user: str) -> Move:
    """Stop, pressed or said: for those who asked, whoever may approve, and admins (DESIGN, outside faces)."""
    if not session.open or session.closing is not None or session.stopped_by is not None:
        return Record((), (row.id,))
    if user in session.requesters or row.permitted:
        return Record((Stopped(by=user),), (row.id,))
    return Permit(row.id, user, f"permit:{row.id}")


def _withdraw(session: Session, row: Inboxed, withdraw: Withdraw) -> list[Move]:
    waiting = [action for action in session.undecided() if action.proposed.action_id in withdraw.action_ids]
    if not waiting:
        return [Record((), (row.id,))]
    if not row.permitted and any(withdraw.user not in action.proposed.requesters for action in waiting):
        return [Permit(row.id, withdraw.user, f"permit:{row.id}")]
    ids = [action.proposed.action_id for action in waiting]
    return [Close(id, "withdrawn", withdraw.user, WITHDRAWN, f"close:{id}") for id in ids]


def _edit(session: Session, row_id: int, edit: Edit, rules: Rules) -> Move:
    """Edited arguments must be good and not refused by policy before the old proposal is given up for them."""
    action, key = session.actions.get(edit.action_id), f"settle:{edit.action_id}"
    if action is None or action.decided is not None:
        return Settle(row_id, edit, key)  # the statement will say no
    proposed = action.proposed
    validated = validate(rules.tools, proposed.tool, edit.arguments)
    if isinstance(validated, Result):
        return TurnAway(row_id, edit.user, f"Your edit was not taken: {validated.detail}", key)
    arguments = validated.model_dump(mode="json")
    if arguments == proposed.arguments:
        return TurnAway(row_id, edit.user, "Your edit changed nothing, so the card stands as it was.", key)
    requesters = tuple(dict.fromkeys((*proposed.requesters, edit.user)))
    verdict = rules.judge(rules.tools[proposed.tool], arguments, asker(session, requesters))
    if verdict.answer == "refuse":
        return TurnAway(row_id, edit.user, f"Your edit was not taken: policy refuses it ({verdict.rule}).", key)
    return Settle(row_id, edit.model_copy(update={"arguments": arguments}), key)


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
