"""How long the model is waited for, and how much is asked of it at once."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Patience:
    """Of one process. A person who waits hears of an outage after `tries_seconds`; then the turn waits by itself."""

    tries_seconds: float = 60.0  # for all tries of a call together; a wait that would pass it is not begun
    silence_seconds: float = 60.0  # between two events of a stream
    first_open_seconds: float = 5.0  # that a model is left alone after a call was given up; doubled with each probe that fails
    longest_open_seconds: float = 30.0
    outage_time: timedelta = timedelta(hours=1)  # until a turn whose model is out of reach gives up
    calls_at_once: int = 16


PATIENCE = Patience()
