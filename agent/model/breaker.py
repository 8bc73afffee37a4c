"""A breaker for one model: while it is out of reach, calls are not begun, and one probe at a time finds out when it is back.

It has no clock: every moment comes from the caller, in seconds of one monotonic clock.
"""

from dataclasses import dataclass, field

MOST_DOUBLINGS = 16  # of the pause: an outage may last for days
LOOK_SECONDS = 3.0  # until a session that waits for another one's probe looks again: long enough for a session to be let go


@dataclass(slots=True)
class Breaker:
    """Closed: calls pass. Open: none does, for a while. Half-open, after that: one passes, and its outcome decides."""

    first_open_seconds: float
    longest_open_seconds: float
    _failures: int = 0  # in a row
    _open_until: float | None = None
    _probe: str | None = None  # who makes it
    _succeeded_at: float = field(default=float("-inf"))

    @property
    def open(self) -> bool:
        """Return whether the model counts as out of reach, a probe that is under way included."""
        return self._open_until is not None

    def wait_seconds(self, who: str, now: float) -> float:
        """Return how long `who` has to wait before a call, in seconds; 0 for not at all."""
        if self._open_until is None:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        return 0.0 if self._probe in (None, who) else LOOK_SECONDS

    def begin(self, who: str) -> bool:
        """Begin a call that need not wait. Returns whether it is the probe."""
        if self._open_until is not None:
            self._probe = who
        return self._open_until is not None

    def succeeded(self, now: float) -> None:
        """Note that the model answered, if only to refuse."""
        self._failures, self._open_until, self._probe, self._succeeded_at = 0, None, None, now

    def failed(self, began_at: float, now: float, retry_seconds: float | None = None) -> float:
        """Note that a call that began then was given up; the model may have said when to come back. Returns the seconds to
        wait."""
        pause = min(self.longest_open_seconds, self.first_open_seconds * 2 ** min(self._failures, MOST_DOUBLINGS))
        pause = pause if retry_seconds is None else max(pause, retry_seconds)
        reached_since = self._succeeded_at > began_at  # by another call: then it was this one alone
        if reached_since or (self._open_until is not None and now < self._open_until):
            return pause
        self._failures, self._open_until, self._probe = self._failures + 1, now + pause, None
        return pause

    def leave(self, who: str) -> None:
        """Note that `who` is done, or was stopped: another one may make the probe."""
        if self._probe == who:
            self._probe = None
