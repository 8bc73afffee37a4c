"""What holds of every model that makes vectors."""

import asyncio
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence

import pytest

from agent.embeddings import minilm
from agent.embeddings.minilm import MiniLm
from agent.embeddings.port import Embedder
from agent.embeddings.server import EmbeddingServer
from agent.embeddings.wordllama import WordLlama
from tests.embeddings.embedding_server import DIMENSIONS, serving

TEXTS = ["Ann prefers green tea.", "", " ", "\x00", "日本語 🧑‍🚀", "x" * 20_000, "a\n\nb", *(f"Item {n}" for n in range(200))]
REAL = {"wordllama": WordLlama, "minilm": MiniLm}
WITH_EXTRA = pytest.mark.skipif(not minilm.minilm_installed(), reason="without the packages of signoff[minilm]")
EACH_REAL = ["wordllama", pytest.param("minilm", marks=WITH_EXTRA)]


@pytest.fixture(params=[*EACH_REAL, "server"])
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    """Each of them."""
    if request.param in REAL:
        yield REAL[request.param]()
        return
    async with serving() as server:
        one = EmbeddingServer(server.url, "some-model", DIMENSIONS)
        yield one
        await one.close()


async def test_each_text_has_one_vector_of_length_one_in_its_place(embedder: Embedder) -> None:
    vectors = await embedder.embed(TEXTS)
    assert [len(vector) for vector in vectors] == [embedder.dimensions] * len(TEXTS)
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * len(TEXTS), abs=1e-5)
    for text, vector in zip(TEXTS[:8], vectors, strict=False):
        assert list(*await embedder.embed([text])) == pytest.approx(list(vector), abs=1e-6)


async def test_the_same_texts_have_the_same_vectors_however_many_ask_at_once(embedder: Embedder) -> None:
    first, *others = await asyncio.gather(*(embedder.embed(TEXTS[:20]) for _ in range(8)))
    assert all(other == first for other in others)


async def test_no_text_has_no_vector(embedder: Embedder) -> None:
    assert list(await embedder.embed([])) == []


@pytest.mark.parametrize("name", EACH_REAL)
async def test_texts_that_mean_the_same_lie_closer(name: str) -> None:
    vectors = await REAL[name]().embed(
        ["Where do I buy a car?", "An automobile dealer", "The soup needs more salt", "Season the broth"]
    )
    car, automobile, soup, broth = vectors
    assert min(_cosine(car, automobile), _cosine(soup, broth)) > max(_cosine(car, soup), _cosine(automobile, broth))


@WITH_EXTRA
@pytest.mark.parametrize(
    ("one", "other", "cosine"),
    [
        # As the model's own page and its library's documentation have them, in full precision.
        ("That is a happy person", "That is a happy dog", 0.695),
        ("That is a happy person", "That is a very happy person", 0.943),
        ("That is a happy person", "Today is a sunny day", 0.257),
        ("A man is eating food.", "A man is eating a piece of bread.", 0.755),
    ],
)
async def test_minilm_measures_as_the_original_does(one: str, other: str, cosine: float) -> None:
    assert _cosine(*await MiniLm().embed([one, other])) == pytest.approx(cosine, abs=0.01)  # what integers cost


def _cosine(one: Sequence[float], two: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True))


def test_wordllama_reaches_for_no_network_and_loads_nothing_that_could() -> None:
    program = """
import asyncio, logging, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        sys.exit(f"it used the network: {event}")
sys.addaudithook(refuse)
from agent.embeddings.wordllama import WordLlama
[vector] = asyncio.run(WordLlama().embed(["Ann prefers green tea."]))
assert len(vector) == 256
loaded = {"huggingface_hub", "requests", "wordllama", "urllib3"} & set(sys.modules)
assert not loaded, loaded
assert not logging.getLogger().handlers
"""
    subprocess.run([sys.executable, "-c", program], check=True)
