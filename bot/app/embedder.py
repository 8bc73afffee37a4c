"""The model that makes the vectors of memory, as signoff.yaml names it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from agent.embeddings.port import Embedder
from agent.embeddings.server import EmbeddingServer, Reserve, without_limit
from agent.embeddings.wordllama import WordLlama
from bot.config import memory_section
from bot.config.refusal import Refusal


@asynccontextmanager
async def embedder(
    of: memory_section.EmbeddingServer | None, environment: Mapping[str, str], reserve: Reserve = without_limit
) -> AsyncGenerator[Embedder]:
    """Hold the model while the block runs. `reserve` is asked before each request to a server. Raises Refusal where its key is
    not there."""
    if of is None:
        yield WordLlama()
        return
    key = environment.get(of.key_env, "") if of.key_env else ""
    if of.key_env and not key:
        raise Refusal(f"{of.key_env} is not set: `memory.embeddings.key_env` of signoff.yaml says that it holds a key.")
    server = EmbeddingServer(of.url, of.model, of.dimensions, key, reserve)
    try:
        yield server
    finally:
        await server.close()
