"""The one notice of a message with cards: what waits there and for how long, what is queued meanwhile, and how that ended.

It is posted when there is first something to say, and edited in place from then on. An edit notifies nobody: to remind people, or
to tell further ones that they may decide, it is posted anew, and the one before is taken away. Where all of them are told
directly it is edited then too: people who asked find there that it waits, and can nudge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.decide.for_approvers import told_elsewhere
from agent.decide.for_cards import card
from agent.decide.move_keys import MoveKey
from agent.decide.moves import CardNotice, Move, Post, ShowNotice
from agent.decide.reminders import AT_ANY_HOUR, ReminderClock, reminders_due
from agent.session.post_keys import PostKey
from agent.session.state import ActionState, NoticeState, Session
from agent.session.steps import NoticeLook

OVER = NoticeLook()  # nothing waits any more


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a notice stands, or is to: below the card, or below its copy in the channel that policy names."""

    kind: Literal["notice", "copy_notice"]
    rows: tuple[ActionState, ...]

    @property
    def name(self) -> str:
        """Return what the keys of the card, its copy and its notices share."""
        return str(self.rows[0].message.of)

    @property
    def state(self) -> NoticeState:
        shown = self.rows[0].shown
        return shown.notice if self.kind == "notice" else shown.copy_notice

    @property
    def where(self) -> tuple[str, str]:
        """Return the channel and the thread; nothing for the session's own."""
        first = self.rows[0]
        return ("", "") if self.kind == "notice" else (first.proposed.verdict.post_to, first.shown.copy_ts)

    @property
    def reminds(self) -> bool:
        """Return whether people are reminded here: where the card was brought to them."""
        return self.kind == "copy_notice" or not self.rows[0].shown.copy_ts

    @property
    def waiting(self) -> tuple[ActionState, ...]:
        return _visible(self.rows)


def notice_moves(session: Session, queued: int, now: datetime, clock: ReminderClock = AT_ANY_HOUR) -> list[Move]:
    """Return moves for notices that say less than there is to say. `queued`: messages of people that wait for what waits."""
    moves: list[Move] = []
    messages = session.messages()
    last = next((rows for rows in reversed(messages) if _visible(rows)), None)
    for rows in messages:
        moves += _moves_at(session, _Spot("notice", rows), queued if rows is last else 0, now, clock)
        if rows[0].shown.copy_ts:
            moves += _moves_at(session, _Spot("copy_notice", rows), 0, now, clock)
    return moves


def _visible(rows: Sequence[ActionState]) -> tuple[ActionState, ...]:
    """Return those that people can see, and decide."""
    return tuple(row for row in rows if row.decided is None and row.shown.ts)


def _moves_at(session: Session, spot: _Spot, queued: int, now: datetime, clock: ReminderClock) -> list[Move]:
    state, look = spot.state, _look(session, spot, queued, now, clock)
    news = _is_news(spot, now, clock)
    says = state.ts or (look != OVER and (queued or news or _lacks_people(spot)))
    if not state.posting and (look == state.look or not says):
        return []  # mostly so: what it would show is made only where it is to be shown
    waiting = tuple(session.actions[action_id] for action_id in look.waits)
    notice = CardNotice(tuple(map(card, waiting or spot.rows)), look)
    channel, thread_ts = spot.where
    anew = not state.ts or (news and not all(told_elsewhere(session, row) for row in spot.waiting))
    if state.posting or anew:
        key = PostKey(spot.kind, spot.name, state.number if state.posting else state.number + 1)
        return [Post(key, notice, state.posting, (), channel, thread_ts, instead_of=state.ts)]
    key = PostKey(spot.kind, spot.name, state.number)
    return [ShowNotice(notice, key, channel, state.ts, MoveKey("show", str(key)))]


def _look(session: Session, spot: _Spot, queued: int, now: datetime, clock: ReminderClock) -> NoticeLook:
    """Return what the notice is to say. Messages that are queued stay so for as long as it says that something waits."""
    waiting, before = spot.waiting, spot.state.look or OVER
    if not waiting:
        return OVER
    queued = max(queued, before.queued)
    reminders, escalated = before.reminders, before.escalated
    if spot.reminds:
        reminders = max(reminders, *(max(row.reminders, reminders_due(row, now, clock)) for row in waiting))
        escalated = tuple(row.proposed.action_id for row in waiting if row.escalated)
    named = _visible(tuple(session.actions.values())) if queued else waiting
    waits = tuple(row.proposed.action_id for row in named)
    return NoticeLook(waits=waits, queued=queued, reminders=reminders, escalated=escalated)


def _is_news(spot: _Spot, now: datetime, clock: ReminderClock) -> bool:
    """Return whether somebody is to be notified: a reminder is due, or an escalation is to be told."""
    return spot.reminds and any(
        reminders_due(row, now, clock) > row.reminders or (row.escalated and not row.escalation_told) for row in spot.waiting
    )


def _lacks_people(spot: _Spot) -> bool:
    """Return whether fewer people can approve something than it needs."""
    return spot.kind == "notice" and any(row.shown.too_few for row in spot.waiting)
