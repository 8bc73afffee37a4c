"""What may follow `--since`."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from bot.moments import typed_moment

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:30", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11-01 12:30:05", datetime(2026, 11, 1, 12, 30, 5, tzinfo=UTC)),
        ("2026-11-01T12:30:00+02:00", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ("3h", datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 13, 12, 0, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 20, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_day_a_time_and_a_duration_are_taken(typed: str, meant: datetime) -> None:
    assert typed_moment(typed, NOW) == meant


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "3", "h", "-3h", "999999d", "0001-01-01", "2026-13-01", "9999-12-31T23:00-12:00"]
)
def test_what_is_none_of_them_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"such as 2026-11-01, 2026-11-01T12:30, 3h or 7d$"):
        typed_moment(typed, NOW)


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,6}[smhd]") | st.datetimes().map(str))
def test_anything_is_a_moment_or_refused(typed: str) -> None:
    with suppress(typer.BadParameter):
        assert typed_moment(typed).tzinfo == UTC
