"""A server for embeddings that is slow, busy, wrong or gone."""

import asyncio
from typing import Any

import pytest

from agent.embeddings.server import BATCH_CHARACTERS, BATCH_TEXTS, EmbeddingServer, batches
from agent.embeddings.wordllama import WordLlama
from agent.errors import BudgetExceededError, UnreachableError
from bot.agents.remembering import embedder
from bot.config import memory_section
from bot.config.refusal import Refusal
from tests.embeddings.embedding_server import DIMENSIONS, Server, serving

ANSWER = {"index": 0, "embedding": [1.0] * DIMENSIONS}


async def embed(server: Server, *texts: str, tries_seconds: float = 5.0, **settings: Any) -> list[Any]:
    """Ask it once."""
    one = EmbeddingServer(server.url, "some-model", DIMENSIONS, tries_seconds=tries_seconds, **settings)
    try:
        return list(await one.embed(texts))
    finally:
        await one.close()


async def test_the_model_the_texts_and_the_key_are_sent() -> None:
    async with serving() as server:
        await embed(server, "one", "two", key="secret")
        assert server.asked == [{"model": "some-model", "input": ["one", "two"], "encoding_format": "float"}]
        await embed(server, "one")
        assert server.keys == ["Bearer secret", None]


async def test_many_texts_go_in_several_requests() -> None:
    async with serving() as server:
        await embed(server, *(["short"] * (BATCH_TEXTS + 1)))
        assert [len(body["input"]) for body in server.asked] == [BATCH_TEXTS, 1]
    assert [len(batch) for batch in batches(["x" * (BATCH_CHARACTERS // 2 + 1)] * 3)] == [1, 1, 1]
    assert [len(batch) for batch in batches(["x" * (2 * BATCH_CHARACTERS), "y"])] == [1, 1]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_busy_server_is_asked_again(status: int) -> None:
    async with serving() as server:
        server.troubles += [(status, {"Retry-After": "0"})] * 3
        assert len(await embed(server, "one")) == 1
        assert len(server.asked) == 4


async def test_it_is_asked_again_when_it_says_and_not_before() -> None:
    async with serving() as server:
        server.troubles.append((429, {"Retry-After": "1"}))
        began = asyncio.get_running_loop().time()
        await embed(server, "one")
        assert asyncio.get_running_loop().time() - began >= 1.0


async def test_a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for() -> None:
    async with serving() as server:
        server.troubles.append((429, {"Retry-After": "3600"}))
        with pytest.raises(UnreachableError, match="status 429"):
            await embed(server, "one")
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404])
async def test_a_refusal_is_not_tried_again(status: int) -> None:
    async with serving() as server:
        server.troubles.append((status, {"Location": "/v1/embeddings"}))
        with pytest.raises(UnreachableError, match=f"status {status}"):
            await embed(server, "one")
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "no"},
        {"data": []},
        {"data": [ANSWER, ANSWER]},
        {"data": [{**ANSWER, "index": 1}]},
        {"data": [{**ANSWER, "embedding": [0.0] * DIMENSIONS}]},
        {"data": [{**ANSWER, "embedding": [float("nan")] * DIMENSIONS}]},
        {"data": [{**ANSWER, "embedding": [1.0] * (DIMENSIONS + 1)}]},
    ],
)
async def test_an_answer_that_cannot_be_meant_is_none(answer: Any) -> None:
    async with serving() as server:
        server.instead = answer
        with pytest.raises(UnreachableError):
            await embed(server, "one")


async def test_a_server_that_is_gone_cannot_be_reached() -> None:
    async with serving() as server:
        pass
    with pytest.raises(UnreachableError, match="ClientConnector"):
        await embed(server, "one", tries_seconds=0.2)


async def test_the_budget_is_asked_before_each_request() -> None:
    reserved: list[int] = []

    async def reserve(tokens: int) -> None:
        reserved.append(tokens)
        if len(reserved) == 2:
            raise BudgetExceededError

    async with serving() as server:
        with pytest.raises(BudgetExceededError):
            await embed(server, *(["x" * 35] * (BATCH_TEXTS + 1)), reserve=reserve)
        assert reserved == [BATCH_TEXTS * 10, 10]
        assert len(server.asked) == 1


async def test_the_key_comes_from_the_variable_that_the_file_names() -> None:
    async with serving() as server:
        section = memory_section.EmbeddingsSection(url=server.url, model="m", dimensions=DIMENSIONS, key_env="KEY")
        async with embedder(section, {"KEY": "secret"}) as one:
            await one.embed(["text"])
        assert server.keys == ["Bearer secret"]
        with pytest.raises(Refusal, match=r"^KEY is not set"):
            async with embedder(section, {"KEY": ""}):
                pass
    async with embedder(None, {}) as one:
        assert isinstance(one, WordLlama)


def test_the_key_is_not_told() -> None:
    assert "secret" not in repr(EmbeddingServer("http://127.0.0.1:1", "m", 8, key="secret"))
