"""The real bot against the sandbox workspace and a scripted model, with real Postgres and Redis."""

import functools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from agent.model.limits import PATIENCE, Patience
from agent.tool.definition import Tool, Tools
from bot.app.wiring import running
from bot.config.file import Config
from bot.config.manifest import read_manifest
from bot.config.settings import Settings
from bot.sandbox.model import Request, ScriptedModel
from bot.sandbox.slack.pressing import pressed
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.sandbox.slack.types import Message, SubmitAnswer, View
from bot.stores.embedded_home import Servers
from tests.mcp.conftest import until
from tests.patience import PATIENCE_SECONDS
from tools.catalog import seed_shop
from tools.mcp import Local
from tools.mcp import Server as McpServer
from tools.mcp.names import prefix


@dataclass
class World:
    """A workspace, a model, stores, and as many bots as a test starts.

    Wide because a dialog needs the whole: Slack, the model, the stores, the bot, and how each is set up.
    """

    slack: SlackSandbox
    model: ScriptedModel
    database_url: str
    redis_url: str
    pool: AsyncConnectionPool[Any]
    stack: AsyncExitStack
    home: Path  # SIGNOFF_HOME
    config: Config = field(default_factory=Config)
    packs: dict[str, Sequence[Tool]] = field(default_factory=dict[str, Sequence[Tool]])
    mcp: Sequence[McpServer] = ()
    mask: Callable[[str], str] | None = None  # None: as the configuration says
    patience: Patience = PATIENCE
    log_conversations: bool = False  # each bot that does has a process that masks, which takes seconds to load
    port: int = 0  # of the bot that was started last
    tools: Tools = field(default_factory=dict[str, Tool])  # of that bot, as they are when it is looked at

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
            signoff_home=self.home,
            port=0,
        )

    async def start_bot(self, *, http: bool = False, work: bool = True) -> Callable[[], Awaitable[None]]:
        """Start a bot in this process; the answer stops it again. Without `work` it only takes in what is delivered."""
        stack = AsyncExitStack()
        bot = await stack.enter_async_context(
            running(
                self.settings(http=http),
                self.config,
                Servers(self.database_url, self.redis_url),
                work=work,
                further_packs=self.packs,
                mcp=self.mcp,
                mask=self.mask,
                patience=self.patience,
                log_conversations=self.log_conversations,
            )
        )
        self.port, self.tools = bot.port, bot.tools
        for server in self.mcp:  # a start does not wait long for them, and a busy machine is slow
            if isinstance(server.reach, Local) and shutil.which(server.reach.command):
                await until(functools.partial(_lists, bot.tools, server))
        if http:
            self.slack.deliver_over_http(f"http://127.0.0.1:{bot.port}/slack/events")
        self.stack.push_async_callback(stack.aclose)  # closing twice does nothing
        return stack.aclose

    def last_request(self) -> Request:
        """What the model was asked last."""
        arrived = self.model.requests[-1]
        return Request(arrived, arrived.headers)

    async def rows(self, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        """Return rows of Postgres."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()


def _lists(tools: Tools, server: McpServer) -> bool:
    return any(name.startswith(prefix(server.name)) for name in tools)


class Workspace(Protocol):
    """Where people talk."""

    @property
    def slack(self) -> SlackSandbox:
        """The workspace itself."""
        ...


@dataclass(frozen=True)
class Talk:
    """One thread, as a dialog: who says what, and what is seen.

    Wide because each method is one thing that people do or see in a thread.
    """

    world: Workspace
    channel: str
    ts: str

    @property
    def slack(self) -> SlackSandbox:
        """The workspace."""
        return self.world.slack

    async def says(self, user: str, text: str) -> str:
        """A reply in the thread."""
        return await self.slack.say(user, self.channel, text, thread_ts=self.ts)

    def posts(self) -> list[Message]:
        """What the bot has posted here, in order."""
        return [message for message in self.slack.thread(self.channel, self.ts) if message.bot_id]

    async def sees(self, *words: str, seconds: float = PATIENCE_SECONDS) -> Message:
        """The bot's first message that holds all these words, once it is there."""
        return await self.slack.until(
            lambda: next((m for m in self.posts() if all(word in m.seen_text for word in words)), None), seconds=seconds
        )

    async def card(self, number: int = 1) -> Message:
        """The `number`th open card of the thread."""
        return await self.slack.until(lambda: dict(enumerate(self.open_cards(), 1)).get(number))

    def open_cards(self) -> list[Message]:
        """Cards that wait for a decision."""
        return [message for message in self.posts() if rows(message)]

    async def clicks(self, user: str, card: Message, action_id: str = "approve", *, row: int | None = None) -> None:
        """Press a button of a message, or what its menu offers by this name, of its `row`th row where it has several. What a row
        has no room for is pressed in the dialog that shows them one by one.
        """
        of = None if row is None else rows(card)[row - 1]
        if (found := pressed(card.blocks, action_id, of)) is not None:
            await self.slack.click(user, card.channel, card.ts, **found)
            return
        await self.puts_away(user)
        await self.slack.click(user, card.channel, card.ts, "one_by_one")
        view = await self.slack.until(lambda: self.slack.view(user))
        found = pressed(view.blocks, action_id, of)
        assert found is not None, f"{action_id} is nowhere to be pressed: {view.seen_text}"
        await (await self.slack.click_in_view(user, view.id, **found))  # acked: whatever it opens is open

    async def puts_away(self, user: str) -> None:
        """Close whatever dialogs are open."""
        while (view := self.slack.view(user)) is not None:
            await self.slack.close_view(user, view.id)

    async def reviews(self, user: str, card: Message, *, row: int | None = None) -> View:
        """Open the dialog of a card that is not whole."""
        await self.clicks(user, card, "review", row=row)
        return await self.slack.until(lambda: self.slack.view(user))

    async def details(self, user: str, card: Message, *, row: int | None = None) -> str:
        """What the dialog with everything about an action says."""
        await self.puts_away(user)
        await self.clicks(user, card, "details", row=row)
        view = await self.slack.until(lambda: self.slack.view(user))
        await self.puts_away(user)
        return view.seen_text

    async def approves_whole(self, user: str, card: Message, *, row: int | None = None) -> None:
        """Read a card that is not whole in its dialog, and approve it there."""
        view = await self.reviews(user, card, row=row)
        assert (await self.slack.submit(user, view.id, {})).closed
        await self.puts_away(user)

    async def rejects(self, user: str, card: Message, reason: str = "", *, row: int | None = None) -> None:
        """Reject, with a reason in the modal."""
        await self.clicks(user, card, "reject", row=row)
        view = await self.slack.until(lambda: self.slack.view(user))
        answer = await self.slack.submit(user, view.id, {"reason": reason} if reason else {})
        assert answer.closed
        await self.puts_away(user)

    async def edits(self, user: str, card: Message, *, row: int | None = None, **changes: Any) -> SubmitAnswer:
        """Edit, with these values in the modal's fields, by their labels."""
        await self.clicks(user, card, "edit", row=row)
        view = await self.slack.until(lambda: self.slack.view(user))
        answer = await self.slack.submit(user, view.id, {input_of(view, label): value for label, value in changes.items()})
        if answer.closed:
            await self.puts_away(user)
        return answer

    async def is_told(self, user: str, *words: str) -> Message:
        """What only this person sees."""
        return await self.slack.until(
            lambda: next((m for m in self.slack.ephemerals(user) if all(word in m.seen_text for word in words)), None)
        )

    async def is_told_directly(self, user: str, *words: str) -> Message:
        """What somebody who is not in the channel is told in a direct message."""
        place = self.slack.dm_channel(user)
        return await self.slack.until(
            lambda: next(
                (m for m in self.slack.workspace.messages[place].values() if all(word in m.seen_text for word in words)), None
            )
        )

    async def rests(self, status: str = "active") -> None:
        """Until Slack shows the session in this status."""
        await self.slack.until(lambda: self.slack.status(self.channel, self.ts) == status)


def rows(card: Message) -> list[str]:
    """The actions that a message asks for, in the order of its rows."""
    blocks = [str(block.get("block_id", "")) for block in card.blocks]
    return [block_id.partition(":")[2] for block_id in blocks if block_id.startswith("decide:")]


def input_of(view: View, label: str) -> str:
    """The block_id of a modal's input with this label."""
    found = [block["block_id"] for block in view.blocks if block["type"] == "input" and block["label"]["text"] == label]
    assert len(found) == 1, f"{label} is not one of {[block.get('label') for block in view.blocks]}"
    return found[0]


async def mention(world: Workspace, user: str, text: str, channel: str = "orders") -> Talk:
    """Somebody mentions the bot in a channel."""
    place = world.slack.channels[channel]
    return Talk(world, place, await world.slack.mention(user, place, text))


def told(world: Workspace, user: str) -> list[Message]:
    """What the bot has written to somebody directly."""
    return [one for one in world.slack.workspace.messages[world.slack.dm_channel(user)].values() if one.bot_id]


async def dm(world: Workspace, user: str, text: str) -> Talk:
    """Somebody writes the bot a direct message."""
    ts = await world.slack.dm(user, text)
    return Talk(world, world.slack.dm_channel(user), ts)


@pytest.fixture
async def world(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A workspace with a seeded shop and no bot yet."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(
            SlackSandbox(read_manifest(), retry_delays_seconds=(0.2, 0.2, 0.2), trigger_seconds=PATIENCE_SECONDS)
        )
        model = await stack.enter_async_context(ScriptedModel())
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(database_url, min_size=1, open=False)
        await stack.enter_async_context(pool)
        await seed_shop(pool)
        bots = await stack.enter_async_context(AsyncExitStack())
        yield World(slack, model, database_url, redis_url, pool, bots, tmp_path_factory.mktemp("home"))
        assert model.refusals == []  # every request to the model was valid


@pytest.fixture
async def bot(world: World) -> World:
    """A workspace with a running bot over Socket Mode."""
    await world.start_bot()
    return world


@pytest.fixture(params=["socket", "http"])
async def shop(request: pytest.FixtureRequest, world: World) -> World:
    """A workspace with a running bot, over Socket Mode and over HTTP."""
    await world.start_bot(http=request.param == "http")
    return world
