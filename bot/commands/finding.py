"""What an examination comes to: a line each."""

from dataclasses import dataclass
from typing import Literal

PATIENCE_SECONDS = 10  # with what is looked at


@dataclass(frozen=True)
class Finding:
    """One line of the examination. `mend` is a sentence that says what to do; empty where nothing is to be done."""

    level: Literal["ok", "warn", "fail"]
    what: str
    mend: str = ""


def first_line(error: BaseException) -> str:
    """Return what an error says first."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
