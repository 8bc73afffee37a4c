"""The real bot against the sandbox workspace and a scripted model, with real Postgres and Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from agent.tool import Tool
from bot.app import running
from bot.config import Config
from bot.home import Servers
from bot.manifest import read_manifest
from bot.sandbox.model import ScriptedModel
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.settings import Settings
from tools.catalog import seed_shop


@dataclass
class World:
    """A workspace, a model, stores, and as many bots as a test starts."""

    slack: SlackSandbox
    model: ScriptedModel
    database_url: str
    redis_url: str
    pool: AsyncConnectionPool[Any]
    stack: AsyncExitStack
    config: Config = field(default_factory=Config)
    packs: dict[str, Sequence[Tool]] = field(default_factory=dict[str, Sequence[Tool]])

    def settings(self, *, http: bool = False) -> Settings:
        """What the bot finds in its environment."""
        return Settings(
            slack_bot_token=SecretStr(self.slack.bot_token),
            slack_app_token=None if http else SecretStr(self.slack.app_token),
            slack_signing_secret=SecretStr(self.slack.signing_secret) if http else None,
            slack_api_url=self.slack.api_url,
            anthropic_api_key=SecretStr(self.model.api_key),
            anthropic_base_url=self.model.base_url,
            database_url=self.database_url,
            redis_url=self.redis_url,
            port=0,
        )

    async def start_bot(self, *, http: bool = False) -> Callable[[], Awaitable[None]]:
        """Start a bot in this process; the answer stops it again."""
        stack = AsyncExitStack()
        bot = await stack.enter_async_context(
            running(
                self.settings(http=http),
                self.config,
                Servers(self.database_url, self.redis_url),
                further_packs=self.packs,
            )
        )
        if http:
            self.slack.deliver_over_http(f"http://127.0.0.1:{bot.port}/slack/events")
        self.stack.push_async_callback(stack.aclose)  # closing twice does nothing
        return stack.aclose

    async def rows(self, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        """What stands in Postgres."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()


@pytest.fixture
async def world(database_url: str, redis_url: str) -> AsyncIterator[World]:
    """A workspace with a seeded shop and no bot yet."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackSandbox(read_manifest(), retry_delays_seconds=(0.2, 0.2, 0.2)))
        model = await stack.enter_async_context(ScriptedModel())
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(database_url, min_size=1, open=False)
        await stack.enter_async_context(pool)
        await seed_shop(pool)
        bots = await stack.enter_async_context(AsyncExitStack())
        yield World(slack, model, database_url, redis_url, pool, bots)
        assert model.refusals == []  # every request to the model was valid


@pytest.fixture(params=["socket", "http"])
async def shop(request: pytest.FixtureRequest, world: World) -> World:
    """A workspace with a running bot, over Socket Mode and over HTTP."""
    await world.start_bot(http=request.param == "http")
    return world
