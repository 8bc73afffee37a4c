"""What is asked of whatever makes vectors of texts."""

from collections.abc import Sequence
from typing import Protocol

Vector = Sequence[float]  # of length 1


class Embedder(Protocol):
    """Makes vectors. Those of one model can be compared, those of two cannot."""

    @property
    def model(self) -> str:
        """Return the name that stands beside every vector of this model."""
        ...

    @property
    def dimensions(self) -> int:
        """Return how many numbers a vector has."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return a vector a text, in their order. Raises UnreachableError when the model cannot be had now."""
        ...
