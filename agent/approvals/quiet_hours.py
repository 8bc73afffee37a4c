"""When people are not reminded: evenings, nights and weekends, each by the clock of the time zone where they are. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when until when nobody is reminded; `weekends`: nor on Saturdays and Sundays. They may go over midnight."""

    begin: time
    end: time
    weekends: bool = False

    def hold(self, at: datetime, zone: tzinfo) -> bool:
        """Return whether they hold at this moment, by what a clock there shows."""
        there = at.astimezone(zone)
        if self.weekends and there.weekday() >= SATURDAY:
            return True
        if self.begin <= self.end:
            return self.begin <= there.time() < self.end
        return there.time() >= self.begin or there.time() < self.end


@lru_cache(maxsize=4096)
def remindable_at(at: datetime, quiet: QuietHours | None, zone: str) -> datetime:
    """Return when somebody is reminded who is due at `at`: then, or at the first minute in which no quiet hours hold.

    `zone`: the name of their time zone; empty or unknown: UTC. It goes from minute to minute, since a zone may leave out or
    repeat any of them.
    """
    if quiet is None:
        return at
    there = time_zone(zone)
    while quiet.hold(at, there):
        at = at.replace(second=0, microsecond=0) + MINUTE
    return at


def time_zone(name: str) -> tzinfo:
    """Return the time zone of this name; UTC where there is none."""
    try:
        return ZoneInfo(name) if name else UTC
    except (LookupError, OSError, ValueError):  # Slack knows zones that this machine does not
        return UTC
