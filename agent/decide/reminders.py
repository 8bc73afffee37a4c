"""When people are reminded: at the times of a rule, and later where quiet hours hold for them. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.approvals.deciders import Deciders, deciders_of
from agent.approvals.quiet_hours import QuietHours, remindable_at
from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.move_keys import MoveKey
from agent.decide.moves import FindZones
from agent.session.rules import Rules
from agent.session.state import ActionState, Session

DAY_SECONDS = 24 * 3600  # between reminders of an unknown outcome where its rule names no other time


@dataclass(frozen=True, slots=True)
class ReminderClock:
    """The hours in which nobody is reminded, and where people are as far as Slack was asked."""

    quiet: QuietHours | None = None
    facts: Facts = NOTHING_FOUND

    @staticmethod
    def of(rules: Rules, facts: Facts) -> "ReminderClock":
        """Return the clock by which a session's people are reminded."""
        return ReminderClock(rules.quiet_hours, facts)

    def reminded_at(self, due: datetime, users: Iterable[str]) -> datetime:
        """Return when the first of these people is reminded of what is due. Until Slack was asked where somebody is, no hours are
        quiet for them; where it does not say, those of UTC are."""
        zones = [self.facts.time_zone(user) for user in users]
        return min((remindable_at(due, self.quiet if zone is not None else None, zone or "") for zone in zones), default=due)

    def of_unknown_zone(self, users: Iterable[str]) -> list[str]:
        """Return those of whom Slack is to be asked where they are before they are reminded."""
        return [] if self.quiet is None else [user for user in users if self.facts.time_zone(user) is None]


AT_ANY_HOUR = ReminderClock()


def deciders_now(action: ActionState) -> Deciders:
    """Return who may decide an action by now."""
    return deciders_of(action.approvers, action.proposed.requesters)


def silent(action: ActionState) -> list[str]:
    """Return those whom the rule names who may decide, and have not said yes or no."""
    who, said = deciders_now(action), (*action.votes.approved_by, *action.votes.rejected_by)
    return [user for user in who.users if user not in who.excluded and user not in said]


def reminded_in_thread(action: ActionState) -> list[str]:
    """Return those by whose clocks a thread is reminded: of whom the rule names, the first who is awake; else those who asked."""
    return silent(action) or list(action.proposed.requesters)


def _schedule(action: ActionState) -> tuple[datetime, int] | None:
    """Return since when a thread is reminded of an action, and after how many seconds first; None: it is not.

    It waits for a decision and is reminded of at the rule's times; or for people's word on what became of it.
    """
    every, decided = action.proposed.verdict.remind_seconds, action.decided
    if decided is None:
        return (action.proposed.proposed_at, every) if every is not None and action.shown.ts else None
    asked = action.run.outcome == "unknown" and action.run.asked_ts
    return (decided.decided_at, every or DAY_SECONDS) if asked else None


def reminders_due(action: ActionState, now: datetime, clock: ReminderClock) -> int:
    """Return how many reminders of an action are due in its thread by now; none before it is known where all of them are whom it
    waits for."""
    users, schedule, number = reminded_in_thread(action), _schedule(action), 0
    if schedule is None or clock.of_unknown_zone(users):
        return 0
    while now >= clock.reminded_at(nth_reminder(*schedule, number + 1), users):
        number += 1
    return number


def nth_reminder(since: datetime, every_seconds: int, number: int) -> datetime:
    """Return when the `number`th reminder is due, counted from 1: the first after `every_seconds`, each further one after twice
    the wait before it."""
    return since + timedelta(seconds=every_seconds * (2**number - 1))


def _next_reminder(action: ActionState) -> datetime | None:
    """Return when the next reminder that people have not had is due by its rule."""
    done = action.reminders if action.decided is None else action.run.reminders - action.run.reminders_before
    schedule = _schedule(action)
    return nth_reminder(*schedule, done + 1) if schedule is not None else None


def next_reminder_at(action: ActionState, clock: ReminderClock) -> datetime | None:
    """Return when people are next reminded of an action in its thread; None: never."""
    due = _next_reminder(action)
    return clock.reminded_at(due, reminded_in_thread(action)) if due is not None else None


def zone_moves(session: Session, now: datetime, clock: ReminderClock) -> Iterator[FindZones]:
    """Yield a move that finds out where those are by whose clocks a thread is to be reminded."""
    for action in session.actions.values():
        due = _next_reminder(action)
        if due is not None and now >= due and (users := clock.of_unknown_zone(reminded_in_thread(action))):
            yield FindZones(tuple(users), MoveKey("zones", f"thread:{action.proposed.action_id}"))
