"""When moves that had to wait may be made. A frozen value without a clock: `now` is given, in monotonic seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.decide.move_keys import Key

# A wait that is longer than this is a due time of the released session, not a task.
LONGEST_WAIT_SECONDS = 2.0
FIRST_TROUBLE_SECONDS = 0.5  # doubled with each try
TROUBLE_SECONDS = 15.0  # until a session is tried again after the outside, or our own code, failed


@dataclass(frozen=True, slots=True)
class Retries:
    """Of one claim, by the keys of moves."""

    not_before: Mapping[Key, float] = field(default_factory=dict[Key, float])
    troubles: Mapping[Key, int] = field(default_factory=dict[Key, int])  # tries whose answer was lost
    held_back: tuple[float, ...] = ()  # when the moves that had to wait at the last look may be made

    def later(self, key: Key, at: float) -> "Retries":
        """Return these, with a move that may not be made before `at`."""
        return replace(self, not_before={**self.not_before, key: at})

    def troubled(self, key: Key, now: float) -> "Retries":
        """Return these after a try whose answer was lost: each further wait is twice as long, and a long one is all the same."""
        tries = self.troubles.get(key, 0) + 1
        pause = FIRST_TROUBLE_SECONDS * 2 ** (tries - 1)
        pause = pause if pause <= LONGEST_WAIT_SECONDS else TROUBLE_SECONDS
        return replace(self.later(key, now + pause), troubles={**self.troubles, key: tries})

    def free(self, key: Key, now: float) -> bool:
        """Return whether a move need not wait."""
        return self.not_before.get(key, 0.0) <= now

    def looked(self, keys: Iterable[Key], now: float) -> "Retries":
        """Return these after a look at everything that could be made: whatever of it has to wait is held back."""
        return replace(self, held_back=tuple(self.not_before[key] for key in keys if not self.free(key, now)))

    def held(self, at: float) -> "Retries":
        """Return these with something more that is held back until then."""
        return replace(self, held_back=(*self.held_back, at))

    def pause_seconds(self, now: float, due_seconds: float | None = None) -> float | None:
        """Return the seconds until something may be made again, or is due by the clock. None: nothing waits or is due."""
        waits = [at - now for at in self.held_back]
        if due_seconds is not None:
            waits.append(due_seconds)
        return max(0.0, min(waits)) if waits else None

    def released_seconds(self, now: float, due_seconds: float | None, *, unfinished: bool) -> float | None:
        """Return after how many seconds a session that is released is due again.

        `unfinished`: something is to be done. Where nothing of it waits here, it is found anew under the next epoch.
        """
        pause = self.pause_seconds(now, due_seconds)
        if not unfinished or self.held_back:
            return pause
        return TROUBLE_SECONDS if pause is None else min(pause, TROUBLE_SECONDS)
