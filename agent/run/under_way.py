"""What is being made: each move with its task."""

import asyncio
from collections.abc import Callable, Sequence

from agent.decide.move_keys import Key
from agent.decide.move_outcome import Ended, Making
from agent.decide.moves import Outward

EffectTask = asyncio.Task[Ended]


class UnderWay:
    """The moves of one claim that have begun and whose outcome was not taken in yet. Of one key there is one at most."""

    def __init__(self) -> None:
        self._made: dict[Key, tuple[Outward, EffectTask]] = {}

    def __len__(self) -> int:
        return len(self._made)

    def __contains__(self, move: Outward) -> bool:
        return move.key in self._made

    def begin(self, move: Outward, making: Making) -> EffectTask:
        """Make a move."""
        task = asyncio.create_task(making, name=str(move.key))
        self._made[move.key] = (move, task)
        return task

    @property
    def moves(self) -> Sequence[Outward]:
        """Return what is being made."""
        return [move for move, _ in self._made.values()]

    @property
    def tasks(self) -> Sequence[EffectTask]:
        """Return the tasks that can be waited for."""
        return [task for _, task in self._made.values()]

    def ended(self) -> Sequence[tuple[Outward, EffectTask]]:
        """Return what is over, and forget it here."""
        over = [made for made in self._made.values() if made[1].done()]
        for move, _ in over:
            del self._made[move.key]
        return over

    def give_up(self, unless: Callable[[Outward], bool] = lambda move: False) -> None:
        """Cancel and forget every move but some."""
        for key, (move, task) in list(self._made.items()):
            if not unless(move):
                del self._made[key]
                task.cancel()
