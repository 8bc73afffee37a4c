"""WordLlama: a real model out of a wheel, which works offline. A query takes 0.2 ms, 4,000 short texts a second.

The home of `safetensors`, which comes with `wordllama`, as do `numpy` and `tokenizers`. Only the files of that package are read:
to import it would set up logging for the whole process, and load an HTTP client that downloads what it misses.
"""

import asyncio
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.embeddings.port import Vector
from agent.first_use import Once

if TYPE_CHECKING:  # loaded with the model: a bot whose memory nobody asks holds none of it
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

MODEL = "wordllama-l2-supercat-256"
DIMENSIONS = 256
WEIGHTS, TOKENS = "weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json"
AT_ONCE_CHARACTERS = 4_000  # below that it takes some 2 ms, less than a thread is worth
EMPTY = "\n"  # embedded in place of a text with nothing in it, so that each vector has a length


@dataclass(frozen=True, slots=True)
class _Files:
    """What was read from the wheel: a row of the matrix is the vector of a token."""

    tokenizer: "Tokenizer"
    matrix: "NDArray[np.float32]"

    @classmethod
    def read(cls) -> "_Files":
        """Read them, in 0.2 s with the libraries."""
        import numpy as np
        from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]  # of its PathLike
        from tokenizers import Tokenizer

        spec = importlib.util.find_spec("wordllama")
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent
        tokenizer = Tokenizer.from_file(str(folder / TOKENS))
        matrix = load_file(folder / WEIGHTS)["embedding.weight"].astype(np.float32)
        return cls(tokenizer, matrix)

    def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return the mean of each text's tokens, brought to length 1. One text after the other: for many at once the
        tokenizer would start threads."""
        import numpy as np

        vectors: list[Vector] = []
        for text in texts:
            tokens = self.tokenizer.encode(text or EMPTY, add_special_tokens=False).ids
            mean = self.matrix[tokens].mean(axis=0)
            vectors.append((mean / np.linalg.norm(mean)).tolist())
        return vectors


@dataclass(slots=True)
class WordLlama:
    """The model, read when the first text comes."""

    model: str = MODEL
    dimensions: int = DIMENSIONS
    _files: Once[_Files] = field(default_factory=lambda: Once(_Files.read))

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return a vector a text; many texts are embedded beside the event loop."""
        files = await self._files.get()
        if sum(map(len, texts)) <= AT_ONCE_CHARACTERS:
            return files.embed(texts)
        return await asyncio.to_thread(files.embed, texts)
