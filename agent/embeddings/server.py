"""Embeddings from a server that speaks `/v1/embeddings`, in batches, tried again as the server wants it."""

import math
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp
from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_before_delay

from agent.embeddings.port import Vector
from agent.errors import UnreachableError
from agent.retry_after import retry_after_seconds

BATCH_TEXTS, BATCH_CHARACTERS = 64, 60_000  # of one request; servers take some 8,000 tokens a text and 2,048 texts
SILENCE_SECONDS = 20.0  # of one request
TRIES_SECONDS = 30.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.25, 5.0
CHARACTERS_PER_TOKEN = 3.5

Reserve = Callable[
    [int], Awaitable[None]
]  # told the tokens of a request, roughly, before it is made; raises where they are too many


async def without_limit(tokens: int) -> None:
    """Let every request pass."""


class _Answered(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Answered]


class _TryAgainError(Exception):
    """The server is busy or out of reach."""

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


def _wait_seconds(state: RetryCallState) -> float:
    """Return what the server asks for, else exponential with full jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _TryAgainError) and error.wait_seconds is not None:
        return error.wait_seconds
    return random.uniform(0, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**state.attempt_number))


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in order, as many at a time as one request takes; at least one."""
    batch: list[str] = []
    for text in texts:
        if batch and (len(batch) == BATCH_TEXTS or sum(map(len, batch)) + len(text) > BATCH_CHARACTERS):
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


@dataclass(slots=True)
class EmbeddingServer:
    """One model of one server. `close` gives up its connections."""

    url: str  # the whole address, with /v1/embeddings
    model: str
    dimensions: int
    key: str = field(default="", repr=False)
    reserve: Reserve = without_limit
    tries_seconds: float = TRIES_SECONDS
    _http: aiohttp.ClientSession | None = None

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return a vector a text. Raises UnreachableError when the server gives none in time, or others than it should."""
        vectors: list[Vector] = []
        for batch in batches(texts):
            await self.reserve(math.ceil(sum(map(len, batch)) / CHARACTERS_PER_TOKEN))
            retrying = AsyncRetrying(
                retry=retry_if_exception_type(_TryAgainError),
                wait=_wait_seconds,
                stop=stop_before_delay(self.tries_seconds),
                reraise=True,
            )
            try:
                answered: Sequence[Vector] = await retrying(self._try_once, batch)
                vectors += answered
            except _TryAgainError as error:
                raise UnreachableError(f"the server for embeddings gave none: {error}") from error
        return vectors

    async def close(self) -> None:
        """Give up the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _try_once(self, batch: Sequence[str]) -> Sequence[Vector]:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SILENCE_SECONDS))
        # Of a text with nothing in it servers make an error.
        body = {"model": self.model, "input": [text or "\n" for text in batch], "encoding_format": "float"}
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            async with self._http.post(self.url, json=body, headers=headers, allow_redirects=False) as response:
                if response.status in (408, 409, 429) or response.status >= 500:
                    raise _TryAgainError(f"status {response.status}", retry_after_seconds(response.headers))
                if response.status != 200:
                    raise UnreachableError(f"the server for embeddings refuses: status {response.status}")
                return self._vectors(await response.read(), len(batch))
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _TryAgainError(type(error).__name__) from error

    def _vectors(self, body: bytes, expected: int) -> Sequence[Vector]:
        """Return the vectors in the order of the texts, each of length 1. Raises UnreachableError where they cannot be meant."""
        try:
            answered = sorted(_Answer.model_validate_json(body).data, key=lambda one: one.index)
        except ValidationError as invalid:
            raise UnreachableError("the server for embeddings answers with something else") from invalid
        lengths = [math.hypot(*one.embedding) for one in answered]
        if [one.index for one in answered] != list(range(expected)) or not all(0 < each < math.inf for each in lengths):
            raise UnreachableError("the server for embeddings did not answer with one vector a text")
        if sizes := {len(one.embedding) for one in answered} - {self.dimensions}:
            raise UnreachableError(f"the server's vectors have {sizes.pop()} dimensions instead of {self.dimensions}")
        return [[number / length for number in one.embedding] for one, length in zip(answered, lengths, strict=True)]
