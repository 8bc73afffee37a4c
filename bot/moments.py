"""Moments and spans of time as people type them on the command line."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bot.config.policy_section import SECONDS

YEARS = range(1970, 9999)  # what every clock and database here can hold, in each time zone
MOMENT = "should be a day, a time or a duration, such as 2026-11-01, 2026-11-01T12:30, 3h or 7d"


def typed_moment(text: str, now: datetime | None = None) -> datetime:
    """Return the moment that is meant: a day or a time (of UTC, unless it names another zone), or so long ago.

    Raises typer.BadParameter, a sentence with the mend.
    """
    now = now or datetime.now(UTC)
    ago = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    try:
        if ago is not None:
            found = now - timedelta(seconds=int(ago[1]) * SECONDS[ago[2]])
        else:
            named = datetime.fromisoformat(text)
            found = named.replace(tzinfo=UTC) if named.tzinfo is None else named
        if found.year not in YEARS:
            raise ValueError
    except (ValueError, OverflowError):
        raise typer.BadParameter(MOMENT) from None
    return found.astimezone(UTC)


WHEN = typer.Option("--since", parser=typed_moment, metavar="WHEN", help="A day or a time in UTC, or how long ago: 3h, 7d.")
Since = Annotated[datetime, WHEN]
MaybeSince = Annotated[datetime | None, WHEN]
