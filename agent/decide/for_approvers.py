"""Whom a card is told to: direct messages to those whom a rule names, what is said below them later, and how they end."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from agent.decide.facts import Facts
from agent.decide.for_cards import card
from agent.decide.move_keys import MoveKey
from agent.decide.moves import DirectMessage, FindZones, Move, Notice, Post, ShowDirect
from agent.decide.reminders import ReminderClock, deciders_now, nth_reminder, silent
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import ActionState, Direct, Session
from agent.text import mention

MOST_TOLD = 10  # directly, of one action; where a rule names more people they are mentioned on its card


def told_directly(session: Session, action: ActionState) -> tuple[str, ...]:
    """Return who is told by a direct message: those whom the rule names, who may decide now, and have not said yes or no.

    Who asked in a direct message has the card in that very conversation.
    """
    if action.decided is not None or action.proposed.verdict.notify != "dm" or len(action.approvers.users) > MOST_TOLD:
        return ()
    there = action.proposed.requesters if session.place.direct else ()
    return tuple(user for user in silent(action) if user not in there)


def told_by_mention(session: Session, action: ActionState) -> tuple[str, ...]:
    """Return whom a nudge mentions in the thread, as Slack writes it: who is named, may decide now, and is not told directly."""
    if action.proposed.verdict.notify == "none" or action.decided is not None:
        return ()
    deciders = deciders_now(action)
    reached = [user for user in told_directly(session, action) if not _direct(action, user).error]
    users = [user for user in silent(action) if user not in reached]
    return (*map(mention, users), *(f"<!subteam^{group}>" for group in deciders.groups))


def told_elsewhere(session: Session, action: ActionState) -> bool:
    """Return whether the thread need notify nobody: all who may decide are told directly, or none of them is to be."""
    deciders = deciders_now(action)
    others = deciders.groups or deciders.channel_members or deciders.included
    told = told_directly(session, action)
    all_told = not others and set(silent(action)) <= set(told)
    return action.proposed.verdict.notify == "none" or (all_told and not any(_direct(action, user).error for user in told))


def _direct(action: ActionState, user: str) -> Direct:
    return action.shown.directs.get(user, Direct())


def _told_at(action: ActionState, user: str) -> datetime:
    """Return when somebody was told of an action, by Slack's clock: further people are after an escalation."""
    return datetime.fromtimestamp(float(_direct(action, user).ts or "0"), UTC)


# ---------------------------------------------------------------------------------------------- what is due


def approver_moves(session: Session, rules: Rules, now: datetime, facts: Facts) -> list[Move]:
    """Return moves for direct messages that are due or out of date, and for nudges of those whom none reaches."""
    moves: list[Move] = []
    for rows in session.messages():
        moves += [*_first_words(session, rows), *_end_words(session, rows)]
        moves += [*_further_words(session, rows, rules, now, facts), *_mentions(session, rows)]
    return moves


def reminded_at(session: Session, after: datetime, rules: Rules, facts: Facts) -> datetime | None:
    """Return when the clock alone next has somebody reminded directly; None: never."""
    due = [
        at
        for action in session.undecided()
        for user in told_directly(session, action)
        if _direct(action, user).ts
        for at in _reminders(action, user, rules, facts)
    ]
    return min((at for at in due if at > after), default=None)


def _first_words(session: Session, rows: Sequence[ActionState]) -> list[Move]:
    """Tell people once the card is there, and its copy, which they may see where they do not see the card."""
    shown = rows[0].shown
    begun = [user for user, direct in shown.directs.items() if direct.posting]
    waits_for_copy = rows[0].proposed.verdict.post_to and not (shown.copy_ts or shown.copy_error)
    named = dict.fromkeys(user for row in rows for user in told_directly(session, row))
    new = [] if waits_for_copy or not shown.ts else [user for user in named if user not in shown.directs]
    return [
        Post(_direct_key(rows, 0, user), _message(session, rows, user), found=user in begun, to=user) for user in (*begun, *new)
    ]


def _end_words(session: Session, rows: Sequence[ActionState]) -> list[Move]:
    """Bring messages up to date that say of something decided that it waits."""
    over = tuple(row.proposed.action_id for row in rows if row.decided is not None)
    moves: list[Move] = []
    for user in dict.fromkeys(user for row in rows for user in row.looks_open_to):
        key = _direct_key(rows, 0, user)
        ts = _direct(rows[0], user).ts
        moves.append(ShowDirect(key, _message(session, rows, user), user, ts, over, MoveKey("direct", str(key))))
    return moves


def _further_words(session: Session, rows: Sequence[ActionState], rules: Rules, now: datetime, facts: Facts) -> list[Move]:
    """Remind people below their message: at the times of the rule but for their quiet hours, and whenever somebody nudges."""
    moves: list[Move] = []
    clock, unknown = ReminderClock.of(rules, facts), list[str]()
    for user in dict.fromkeys(user for row in rows for user in told_directly(session, row)):
        direct = _direct(rows[0], user)
        waiting = [row for row in rows if user in told_directly(session, row)]
        times = max(_times_told(row, user, rules, now, facts) for row in waiting)
        if not direct.ts or times <= direct.times:
            continue
        if of_unknown_zone := clock.of_unknown_zone((user,)):
            unknown += of_unknown_zone
            continue
        key = _direct_key(rows, times, user)
        message = _message(session, waiting, user, again=True, nudged_by=_nudged_by(waiting, user, rules, now, facts))
        moves.append(Post(key, message, found=key in session.posts, to=user, thread_ts=direct.ts))
    return [*moves, FindZones(tuple(unknown), MoveKey("zones", str(rows[0].message.of)))] if unknown else moves


def _times_told(action: ActionState, user: str, rules: Rules, now: datetime, facts: Facts) -> int:
    """Return how often somebody is to be told again of an action by now, since they were told first."""
    nudges = sum(nudge.nudged_at > _told_at(action, user) for nudge in action.nudges)
    return nudges + sum(at <= now for at in _reminders(action, user, rules, facts))


def _nudged_by(waiting: Sequence[ActionState], user: str, rules: Rules, now: datetime, facts: Facts) -> str:
    """Return whose nudge it is that somebody is told again for; empty where it is the clock."""
    nudge = max((nudge for row in waiting for nudge in row.nudges), key=lambda nudge: nudge.nudged_at, default=None)
    reminders = [at for row in waiting for at in _reminders(row, user, rules, facts) if at <= now]
    return nudge.by if nudge is not None and all(nudge.nudged_at >= at for at in reminders) else ""


def _reminders(action: ActionState, user: str, rules: Rules, facts: Facts) -> Iterator[datetime]:
    """Yield when somebody is reminded of an action until it ends, but for what was due before they were told of it at all."""
    every, since = action.proposed.verdict.remind_seconds, action.proposed.proposed_at
    clock, told_at = ReminderClock.of(rules, facts), _told_at(action, user)
    number = 1
    while every is not None and (at := nth_reminder(since, every, number)) < action.proposed.expires_at:
        if at > told_at:
            yield clock.reminded_at(at, (user,))
        number += 1


def _mentions(session: Session, rows: Sequence[ActionState]) -> list[Move]:
    """Mention in the thread those whom no direct message reaches: once they could not be told, and when somebody nudges."""
    directs, waiting = rows[0].shown.directs, [row for row in rows if row.decided is None]
    nudge = max((nudge for row in waiting for nudge in row.nudges), key=lambda nudge: nudge.nudged_at, default=None)
    number = max((len(row.nudges) for row in waiting), default=0)
    if nudge is not None:
        whom = dict.fromkeys(each for row in waiting for each in told_by_mention(session, row))
        text = f"{mention(nudge.by)} asks again for a decision on the card above: {', '.join(whom)}."
    else:
        refused = [user for row in waiting for user in told_directly(session, row) if _direct(row, user).error]
        whom = dict.fromkeys(map(mention, refused))
        text = f"I could not write to you directly, {', '.join(whom)}: the card above waits for your decision."
    key = PostKey("nudged", str(rows[0].message.of), number)
    if not whom or session.posts.get(key) is not None or any(direct.posting for direct in directs.values()):
        return []
    return [Post(key, Notice("told", text=text), found=key in session.posts)]


# ---------------------------------------------------------------------------------------------- what they read


def _direct_key(rows: Sequence[ActionState], times: int, user: str) -> PostKey:
    return PostKey("dm", str(rows[0].message.of), times, user)


def _message(
    session: Session, rows: Sequence[ActionState], user: str, *, again: bool = False, nudged_by: str = ""
) -> DirectMessage:
    shown, post_to = rows[0].shown, rows[0].proposed.verdict.post_to
    if shown.copy_ts:
        card_at = (post_to, shown.copy_ts)
    else:
        card_at = ("", "") if session.place.direct else (session.place.channel, shown.ts)
    own = tuple(card(row) for row in rows if user in row.approvers.users)
    return DirectMessage(user, own, session.place, card_at, again=again, nudged_by=nudged_by)
