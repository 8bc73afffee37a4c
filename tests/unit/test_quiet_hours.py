"""Nobody is reminded in quiet hours, and everybody as soon as those are over, in any zone, also when its clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.approvals.quiet_hours import QuietHours, remindable_at
from tests.profiles import examples

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"}))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
NIGHTS = QuietHours(time(20), time(8), weekends=True)


@examples(2)
@given(at=MOMENTS, begin=TIMES, end=TIMES, weekends=st.booleans(), zone=ZONES, part=st.floats(0, 1, exclude_max=True))
def test_people_are_reminded_at_the_first_minute_that_is_not_quiet(
    at: datetime, begin: time, end: time, weekends: bool, zone: str, part: float
) -> None:
    assume(begin != end)
    quiet, there = QuietHours(begin, end, weekends), ZoneInfo(zone)
    reminded = remindable_at(at, quiet, zone)
    assert not quiet.hold(reminded, there)
    assert at <= reminded
    if reminded > at:
        assert reminded.astimezone(there).second == 0
        assert quiet.hold(at + (reminded - at) * part, there)  # it was not possible a moment before
        assert reminded - at < timedelta(days=4 if weekends else 2)


@pytest.mark.parametrize(
    ("zone", "due", "reminded"),
    [
        ("Europe/Berlin", "2026-11-24 15:00", "2026-11-24 15:00"),  # 16:00 on a Tuesday
        ("Europe/Berlin", "2026-11-24 19:30", "2026-11-25 07:00"),  # 20:30, until 08:00 the next day
        ("Pacific/Auckland", "2026-11-24 15:00", "2026-11-24 19:00"),  # 04:00 the next day
        ("Europe/Berlin", "2026-11-27 18:59", "2026-11-27 18:59"),  # the last minute of a Friday
        ("Europe/Berlin", "2026-11-27 19:00", "2026-11-30 07:00"),  # until Monday
        ("Europe/Berlin", "2026-03-28 23:00", "2026-03-30 06:00"),  # over the night in which the clocks go forward
        ("", "2026-11-24 21:00", "2026-11-25 08:00"),  # where Slack does not say, by UTC
        ("Mars/Olympus", "2026-11-24 21:00", "2026-11-25 08:00"),
        ("../../etc/passwd", "2026-11-24 21:00", "2026-11-25 08:00"),
    ],
)
def test_evenings_nights_and_weekends_are_those_of_the_person(zone: str, due: str, reminded: str) -> None:
    def utc(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert remindable_at(utc(due), NIGHTS, zone) == utc(reminded)


def test_without_quiet_hours_people_are_reminded_at_any_time() -> None:
    assert remindable_at(datetime(2026, 11, 28, 3, tzinfo=UTC), None, "Europe/Berlin").hour == 3
