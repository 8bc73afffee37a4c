"""What people have to be shown or asked of actions: cards that lag, copies, escalations, questions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.decide.move_keys import MoveKey
from agent.decide.moves import Card, Cards, Move, Notice, Post, Question, Record, ShowCard
from agent.decide.reminders import AT_ANY_HOUR, ReminderClock, next_reminder_at, reminders_due, zone_moves
from agent.session.post_keys import PostKey
from agent.session.state import ActionState, Session
from agent.session.steps import Escalated
from agent.text import mention

QUICK_SECONDS = 0.3  # an approved call that ends sooner brings its card from open to done in one update


def card(action: ActionState) -> Card:
    """Return the action as people see it."""
    proposed, decided, verdict = action.proposed, action.decided, action.proposed.verdict
    if action.approvers is not verdict.approvers:
        verdict = verdict.model_copy(update={"approvers": action.approvers})
    return Card(
        action_id=proposed.action_id,
        tool=proposed.tool,
        arguments=dict(proposed.arguments),
        digest=proposed.digest,
        requesters=proposed.requesters,
        expires_at=proposed.expires_at,
        verdict=verdict,
        look=action.look,
        voters=action.votes.approved_by,
        rejecters=action.votes.rejected_by,
        escalated=action.escalated,
        decided_by=decided.by if decided else "",
        reason=decided.reason if decided else "",
        decided_at=decided.decided_at if decided else None,
        result=action.run.result,
        edited_by=proposed.edited_by,
        preview=proposed.preview,
        sources=proposed.sources,
        said=proposed.said,
        wording=proposed.wording,
        changed=proposed.changed,
        too_few=action.shown.too_few,
        not_posted=action.shown.copy_error,
    )


def cards(session: Session, message: PostKey) -> Cards:
    """Return the content of a message with all its rows."""
    return Cards(tuple(card(action) for action in session.shown_in(message)))


def card_moves(session: Session, now: datetime, clock: ReminderClock = AT_ANY_HOUR) -> list[Move]:
    """Return moves for cards and notices that are out of date or due."""
    moves: list[Move] = [*zone_moves(session, now, clock)]
    for action in session.actions.values():
        moves += _escalation(action, now)
        if action.run.outcome == "unknown":
            moves += _outcome_question(session, action, now, clock)
    for rows in session.messages():
        moves += _message_moves(session, rows[0].message, rows, now)
    for key, posted in session.posts.items():
        match key:
            case PostKey("capabilities" | "too_long" as subject, _, int(length)) if posted is None:
                moves.append(Post(key, Notice(subject, length), found=True))  # its inbox row is taken: finish it from its key
            case _:
                pass
    return moves


def _message_moves(session: Session, message: PostKey, rows: Sequence[ActionState], now: datetime) -> list[Move]:
    """Bring a message up to date wherever it stands, and have its copy posted."""
    first = rows[0]
    moves: list[Move] = []
    name, post_to = str(message.of), first.proposed.verdict.post_to
    shown = first.shown
    quick = any(now < at for row in rows if (at := _quick_until(row)) is not None)
    # A copy that is being posted would be taken for shown, and was not there yet.
    if any(row.lags for row in rows) and not shown.copying and not quick:
        places = ((session.place.channel, shown.ts), (post_to, shown.copy_ts))
        there = tuple(place for place in places if place[1])
        alone = tuple((ts, card(row)) for row in rows if row.lags for ts in row.shown.questions)
        gone = tuple(row.shown.reminder_ts for row in rows if row.lags and row.look != "unknown" and row.shown.reminder_ts)
        moves.append(ShowCard(cards(session, message), there, MoveKey("show", str(message)), alone, gone))
    open_rows = [row for row in rows if row.decided is None]
    if shown.posting and not open_rows:  # settled while it was being posted: it may stand there, and look open
        moves.append(Post(message, cards(session, message), found=True))
    if post_to and not (shown.copy_ts or shown.copy_error) and (shown.copying or (shown.ts and open_rows)):
        copy = PostKey("copy", name)
        moves.append(Post(copy, cards(session, message), found=copy in session.posts, channel=post_to))
    return moves


def _quick_until(row: ActionState) -> datetime | None:
    """Return until when a card that was just approved is left alone: its call may end so soon that one update shows it all."""
    if row.decided is None or row.look != "approved":
        return None
    return row.decided.decided_at + timedelta(seconds=QUICK_SECONDS)


def _escalation(action: ActionState, now: datetime) -> list[Move]:
    due = _escalates_at(action)
    if due is not None and now >= due:
        return [Record((Escalated(action_id=action.proposed.action_id, escalated_at=now),))]
    return []


def _escalates_at(action: ActionState) -> datetime | None:
    """Return when further people may decide; None once they may, or when none are named."""
    escalation = action.proposed.verdict.escalation
    if escalation is None or action.escalated or action.decided is not None or not action.shown.ts:
        return None
    return action.proposed.proposed_at + timedelta(seconds=escalation.after_seconds)


def _outcome_question(session: Session, action: ActionState, now: datetime, clock: ReminderClock) -> list[Move]:
    """Ask what became of a call, and ask again after a while: there is no deadline."""
    name = action.proposed.action_id
    if not action.run.asked_ts:
        new = PostKey("question", name, session.turn.number)
        key = next((key for key in session.posts if (key.kind, key.of) == ("question", name)), new)
        return [Post(key, Question(card(action)), found=key in session.posts)]
    wanted = action.run.again_before + len(action.run.again_by)
    if wanted > action.run.again_told:
        key = PostKey("again", name, wanted)
        return [Post(key, Notice("told", text=_wanted_again(action)), found=key in session.posts)]
    number = action.run.reminders_before + reminders_due(action, now, clock)
    if number <= action.run.reminders:
        return []
    key = PostKey("remind_outcome", name, number)
    reminder = Notice("reminder", cards=(card(action),))
    return [Post(key, reminder, found=key in session.posts, instead_of=action.shown.reminder_ts)]


def _wanted_again(action: ActionState) -> str:
    wanting, needed = action.run.again_by, action.proposed.verdict.quorum
    return f"{', '.join(map(mention, wanting))} said to run it again: {len(wanting)} of the {needed} people that this takes."


def due_at(session: Session, after: datetime, clock: ReminderClock = AT_ANY_HOUR) -> datetime | None:
    """Return when the clock alone next gives the session something to do: an expiry, reminder, escalation, or a card just
    approved.

    What was due by `after` is a move already, which may have to wait for something else.
    """
    due: list[datetime] = []
    for action in session.actions.values():
        if (reminded_at := next_reminder_at(action, clock)) is not None:
            due.append(reminded_at)
        if action.decided is None:
            due.append(action.proposed.expires_at)
            if (escalates_at := _escalates_at(action)) is not None:
                due.append(escalates_at)
        elif action.lags and (quick_until := _quick_until(action)) is not None:
            due.append(quick_until)
    return min((at for at in due if at > after), default=None)
