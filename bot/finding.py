"""What an examination comes to: a line each."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One line of the examination. `mend` is a sentence that says what to do; empty where nothing is to be done."""

    level: Literal["ok", "warn", "fail"]
    what: str
    mend: str = ""
