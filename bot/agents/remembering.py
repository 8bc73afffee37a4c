"""What a process remembers with: the stores, who reads along, and the model of the vectors, brought together."""

from psycopg_pool import AsyncConnectionPool
from slack_sdk.web.async_client import AsyncWebClient

from agent.embeddings.port import Embedder
from agent.run.memory_effects import LongTerm
from agent.store.chores import Chore
from agent.store.fenced import Pool
from agent.store.instructions import Instructions
from agent.store.memory_items import Items
from agent.store.memory_search import MemorySearch
from agent.store.memory_values import Values
from bot.slack.readers import SlackReaders
from tools.memory import Memory

PURGE_SECONDS = 600.0


def remembering(pool: Pool, redis_url: str, client: AsyncWebClient, team: str, embedder: Embedder | None) -> Memory:
    """Return what the memory of a bot is. `client` reads in the workspace `team`."""
    readers = SlackReaders(client, team)
    long_term = LongTerm(readers, MemorySearch(pool), Values(pool, redis_url), Items(pool), embedder)
    return Memory(long_term, Instructions(pool), readers.administers)


def unconnected() -> Memory:
    """Return a memory whose tools can be looked at, and not run."""
    return remembering(AsyncConnectionPool(open=False), "redis://", AsyncWebClient(), "", None)


def purging(memory: Memory) -> Chore:
    """Return the chore that deletes what has outlived its term."""

    async def work(_: float) -> None:
        await memory.items.purge()
        await memory.long_term.values.purge()

    return Chore("memory_purge", PURGE_SECONDS, 0.0, work)
