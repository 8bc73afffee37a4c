"""A turn that is played through from its start at each request: what came back, and what must be called next."""

from dataclasses import dataclass, field

from ..reply import Call, Reply, Text, think
from ..request import Result


class Asks(Exception):
    """The play-through came to calls whose results are not there yet."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("calls to make")
        self.reply = reply


@dataclass
class Turn:
    """The results of this turn that were not looked at yet."""

    left: list[Result]
    made: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def run(self, *wanted: Call, thought: str = "", words: str = "") -> list[Result]:
        """Return the results of these calls, in order. Raises Asks where they must be made first; none is ever made twice."""
        fresh = [one for one in wanted if (one.tool, one.json()) not in self.made]
        self.made.update((one.tool, one.json()) for one in fresh)
        if fresh and not self.left:
            beside = (*([think(thought)] if thought else []), *([Text(words)] if words else []))
            raise Asks(Reply((*beside, *fresh)))
        taken, self.left = self.left[: len(fresh)], self.left[len(fresh) :]
        return taken
