"""What people have to be shown or told of actions: cards that lag, copies, reminders, escalations, questions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.moves import Card, Cards, Move, Notice, Post, Question, Record, ShowCard
from agent.session import ActionState, Session
from agent.steps import Escalated

DAY_SECONDS = 24 * 3600  # between reminders of an unknown outcome where its rule names no other time


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
        verdict=proposed.verdict.model_copy(update={"approvers": action.approvers}),
        look=action.look,
        voters=action.voters,
        rejecters=action.rejecters,
        escalated=action.escalated,
        decided_by=decided.by if decided else "",
        reason=decided.reason if decided else "",
        decided_at=decided.decided_at if decided else None,
        result=action.result,
        edited_by=proposed.edited_by,
        preview=proposed.preview,
        sources=proposed.sources,
        said=proposed.said,
        not_posted=action.copy_error,
    )


def cards(session: Session, message: str) -> Cards:
    """A message with all its rows."""
    return Cards(tuple(card(action) for action in session.shown_in(message)))


def card_moves(session: Session, now: datetime) -> list[Move]:
    """Whatever lags behind, or is due."""
    moves: list[Move] = []
    for action in session.actions.values():
        moves += _escalation(session, action, now)
        if action.outcome == "unknown":
            moves += _question(session, action, now)
    for message in dict.fromkeys(action.message for action in session.actions.values()):
        moves += _message_moves(session, message, session.shown_in(message), now)
    moves += _ran_under_a_grant(session)
    for key, posted in session.posts.items():
        subject, _, rest = key.partition(":")
        if posted is None and subject in ("capabilities", "too_long"):  # its inbox row is taken: finish it from its key
            moves.append(Post(key, Notice(subject, int(rest.partition(":")[2])), found=True))
    return moves


def _message_moves(session: Session, message: str, rows: Sequence[ActionState], now: datetime) -> list[Move]:
    """Bring a message up to date wherever it stands, have its copy posted, and remind of what still waits in it."""
    first = rows[0]
    moves: list[Move] = []
    name, post_to = message.partition(":")[2], first.proposed.verdict.post_to
    if any(row.lags for row in rows) and not first.copying:  # else the copy would be taken for shown, and was not there yet
        places = ((session.place.channel, first.ts), (post_to, first.copy_ts))
        moves.append(ShowCard(cards(session, message), tuple(place for place in places if place[1]), f"show:{message}"))
    open_rows = [row for row in rows if row.decided is None]
    if first.posting and not open_rows:  # settled while it was being posted: it may stand there, and look open
        moves.append(Post(message, cards(session, message), found=True))
    if post_to and not (first.copy_ts or first.copy_error) and (first.copying or (first.ts and open_rows)):
        copy = f"copy:{name}"
        moves.append(Post(copy, cards(session, message), found=copy in session.posts, channel=post_to))
    reminded = [row for row in open_rows if row.ts and _reminders(row, now) > row.reminders]
    if reminded:
        number = max(_reminders(row, now) for row in reminded)
        key = f"remind:{name}:{number}"
        notice = Notice("reminder", cards=tuple(card(row) for row in reminded))
        where = (post_to, first.copy_ts) if first.copy_ts else ("", "")
        moves.append(Post(key, notice, found=key in session.posts, channel=where[0], thread_ts=where[1]))
    return moves


def _ran_under_a_grant(session: Session) -> list[Move]:
    """What runs without a card is told in the thread, with whose permission that is."""
    moves: list[Move] = []
    for state in session.calls:
        grant, key = session.grants.get(state.grant_id or ""), f"allowed:{state.call.id}"
        if grant is None or session.posts.get(key) is not None:
            continue
        granted = grant.granted
        ran = Card(
            action_id="",
            tool=state.call.tool,
            arguments=dict(state.call.arguments),
            digest="",
            requesters=session.requesters,
            expires_at=granted.expires_at,
            verdict=granted.verdict,
            decided_by=granted.by,
        )
        notice = Notice("allowed", cards=(ran,), uses=grant.uses, most_uses=granted.most_uses)
        moves.append(Post(key, notice, found=key in session.posts))
    return moves


def _escalation(session: Session, action: ActionState, now: datetime) -> list[Move]:
    due = _escalates_at(action)
    if due is not None and now >= due:
        return [Record((Escalated(action_id=action.proposed.action_id, escalated_at=now),))]
    if action.escalated and not action.escalation_told and action.decided is None:
        key = f"escalated:{action.proposed.action_id}"
        where = (action.proposed.verdict.post_to, action.copy_ts) if action.copy_ts else ("", "")
        notice = Notice("escalated", cards=(card(action),))
        return [Post(key, notice, found=key in session.posts, channel=where[0], thread_ts=where[1])]
    return []


def _escalates_at(action: ActionState) -> datetime | None:
    """When further people may decide; None once they may, or when none are named."""
    escalation = action.proposed.verdict.escalation
    if escalation is None or action.escalated or action.decided is not None or not action.ts:
        return None
    return action.proposed.proposed_at + timedelta(seconds=escalation.after_seconds)


def _question(session: Session, action: ActionState, now: datetime) -> list[Move]:
    """Ask what became of a call, and ask again after a while: there is no deadline."""
    name = action.proposed.action_id
    if not action.asked_ts:
        key = next((key for key in session.posts if key.startswith(f"question:{name}:")), f"question:{name}:{session.turn}")
        return [Post(key, Question(card(action)), found=key in session.posts)]
    number = _outcome_reminders(action, now)
    if number <= action.outcome_reminders:
        return []
    key = f"remind_outcome:{name}:{number}"
    return [Post(key, Notice("reminder", cards=(card(action),)), found=key in session.posts)]


# ---------------------------------------------------------------------------------------------- reminders


def _reminders(action: ActionState, now: datetime) -> int:
    """How many reminders of an undecided action are due by now."""
    every = action.proposed.verdict.remind_seconds
    return 0 if every is None else _due(action.proposed.proposed_at, every, now)


def _outcome_reminders(action: ActionState, now: datetime) -> int:
    assert action.decided is not None
    return _due(action.decided.decided_at, action.proposed.verdict.remind_seconds or DAY_SECONDS, now)


def _due(since: datetime, every_seconds: int, now: datetime) -> int:
    """The first after `every_seconds`, each further one after twice the wait before: people are not worn out."""
    number = 0
    while now >= _nth(since, every_seconds, number + 1):
        number += 1
    return number


def _nth(since: datetime, every_seconds: int, number: int) -> datetime:
    return since + timedelta(seconds=every_seconds * (2**number - 1))


def due_at(session: Session) -> datetime | None:
    """When the clock alone gives the session something to do: the next expiry, reminder or escalation."""
    due: list[datetime] = []
    for action in session.actions.values():
        every = action.proposed.verdict.remind_seconds
        if action.decided is None:
            due.append(action.proposed.expires_at)
            if every is not None and action.ts:
                due.append(_nth(action.proposed.proposed_at, every, action.reminders + 1))
            if (escalates_at := _escalates_at(action)) is not None:
                due.append(escalates_at)
        elif action.outcome == "unknown" and action.asked_ts:
            due.append(_nth(action.decided.decided_at, every or DAY_SECONDS, action.outcome_reminders + 1))
    return min(due, default=None)
