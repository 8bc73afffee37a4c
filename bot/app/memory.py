"""What the bot remembers with, as signoff.yaml names it: the model that makes the vectors, and what is done now and then."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from slack_sdk.web.async_client import AsyncWebClient

from agent.store.chores import Chore
from agent.store.fenced import Pool
from agent.store.instructions import Instruction, of_the_file
from agent.store.memory_embedding import embedding
from agent.types import Place
from bot.agents.remembering import embedder, purging, remembering
from bot.config.file import Config
from bot.config.settings import environment
from tools.memory import Memory


async def open_memory(
    stack: AsyncExitStack, config: Config, pool: Pool, redis_url: str, reader: AsyncWebClient, team: str
) -> Memory | None:
    """Return what the bot remembers with; None where signoff.yaml names no memory. Raises Refusal."""
    if config.memory is None:
        return None
    model = await stack.enter_async_context(embedder(config.memory.embeddings, environment()))
    memory = remembering(pool, redis_url, reader, team, model, config.memory.terms())
    stack.push_async_callback(memory.long_term.values.close)
    return memory


def instructions(config: Config, memory: Memory | None) -> Callable[[Place], Awaitable[Instruction | None]]:
    """Return what looks up the instructions of a channel: the newest that were set in Slack, or else those of signoff.yaml."""

    async def look(place: Place) -> Instruction | None:
        told = await memory.instructions.now(place.team, place.channel) if memory is not None else None
        written = config.instructions.get(place.channel, "")
        return told or (of_the_file(written) if written else None)

    return look


def memory_chores(pool: Pool, memory: Memory, team: str) -> Sequence[Chore]:
    """Return what is to be done now and then: vectors made, and deleted what has outlived its term."""
    model = memory.long_term.embedder
    return [purging(memory, team), *([embedding(pool, model)] if model is not None else [])]
