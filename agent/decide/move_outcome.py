"""What comes of a move: of its start, and of its effect."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.moves import Settle
from agent.session.steps import Step


@dataclass(frozen=True, slots=True)
class Ended:
    """What an effect brings back: steps, inbox rows that are answered, a click that may be counted, what was found out."""

    steps: tuple[Step, ...] = ()
    inbox_ids: tuple[int, ...] = ()
    settle: Settle | None = None
    facts: Facts = NOTHING_FOUND
    again_seconds: float = 0.0  # until the same move may be made again


Making = Coroutine[Any, Any, Ended]  # an effect, not yet begun


@dataclass(frozen=True, slots=True)
class Begin:
    """The effect begins once these steps are committed; at once if it may be repeated. None: it needs no start, or its start is
    committed already."""

    steps: tuple[Step, ...] = ()
    inbox_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Instead:
    """The move is not made. This step follows instead."""

    step: Step


@dataclass(frozen=True, slots=True)
class NotYet:
    """The move may not begin before so many seconds are over."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Queued:
    """The move waits for its turn: it is asked about again once `until` is over."""

    until: Making


Start = Begin | Instead | NotYet | Queued
