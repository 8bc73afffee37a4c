"""What a process remembers with: the stores, who reads along, and the model of the vectors, brought together."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool
from slack_sdk.web.async_client import AsyncWebClient

from agent.embeddings.port import Embedder
from agent.embeddings.server import EmbeddingServer, Reserve, without_limit
from agent.embeddings.wordllama import WordLlama
from agent.memory.terms import FOR_GOOD, Terms
from agent.run.memory_effects import LongTerm
from agent.store.chores import Chore
from agent.store.fenced import Pool
from agent.store.instructions import Instructions
from agent.store.memory_documents import Documents
from agent.store.memory_items import Items
from agent.store.memory_search import MemorySearch
from agent.store.memory_values import Values
from bot.config import memory_section
from bot.config.refusal import Refusal
from bot.slack.files import SlackFiles
from bot.slack.readers import SlackReaders
from tools.memory import Memory

PURGE_SECONDS = 600.0
NOT_INSTALLED = (
    "The packages of MiniLM are not installed, which `memory.embeddings` of signoff.yaml names: "
    "`pip install 'signoff[minilm]'`, or write wordllama there."
)


def remembering(
    pool: Pool, redis_url: str, client: AsyncWebClient, team: str, embedder: Embedder | None, terms: Terms = FOR_GOOD
) -> Memory:
    """Return what the memory of a bot is. `client` reads in the workspace `team`."""
    readers = SlackReaders(client, team)
    long_term = LongTerm(readers, MemorySearch(pool), Values(pool, redis_url, terms), Items(pool, terms), embedder)
    return Memory(long_term, Documents(pool, terms), SlackFiles(client), Instructions(pool), readers.administers)


def unconnected() -> Memory:
    """Return a memory whose tools can be looked at, and not run."""
    return remembering(AsyncConnectionPool(open=False), "redis://", AsyncWebClient(), "", None)


def purging(memory: Memory, team: str) -> Chore:
    """Return the chore that deletes what has outlived its term. What a process finds there it first holds to the terms that it
    was started with."""
    items, values = memory.items, memory.long_term.values
    held = False

    async def work(_: float) -> None:
        nonlocal held
        if not held:
            await items.apply_terms(team)
            await values.apply_terms(team)
            held = True
        await items.purge()
        await values.purge()

    return Chore("memory_purge", PURGE_SECONDS, 0.0, work)


@asynccontextmanager
async def embedder(
    of: memory_section.Embeddings, variables: Mapping[str, str], reserve: Reserve = without_limit
) -> AsyncGenerator[Embedder]:
    """Hold the model while the block runs. `reserve` is asked before each request to a server. Raises Refusal where its key or
    its packages are not there."""
    if of is None:
        yield WordLlama()
        return
    if of == memory_section.EXTRA:
        from agent.embeddings import minilm  # an extra

        if not minilm.minilm_installed():
            raise Refusal(NOT_INSTALLED)
        yield minilm.MiniLm()
        return
    key = variables.get(of.key_env, "") if of.key_env else ""
    if of.key_env and not key:
        raise Refusal(f"{of.key_env} is not set: `memory.embeddings.key_env` of signoff.yaml says that it holds a key.")
    server = EmbeddingServer(of.url, of.model, of.dimensions, key, reserve)
    try:
        yield server
    finally:
        await server.close()
