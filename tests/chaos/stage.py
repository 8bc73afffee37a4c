"""What one scenario has to itself: a workspace, a model, a ledger, a database, and bots in separate processes."""

import asyncio
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

from bot.config.manifest import read_manifest
from bot.sandbox.model import Call, Reply, Request, ScriptedModel, call, say
from bot.sandbox.slack.sandbox import SlackSandbox
from tests.chaos import bot_process
from tests.chaos.ledger import Ledger
from tests.chaos.ledger_tools import LEDGER_ADDRESS
from tests.chaos.names import BOT
from tests.chaos.proxies import Proxies
from tests.patience import PATIENCE_SECONDS

LOOK_SECONDS = 0.05  # between two looks at what another process does
# Slack tries again at once, after a minute and after five: too long for a test. What counts is that it does so a few times, and
# longer than a process takes to start on a busy machine.
RETRY_DELAYS_SECONDS = (1.0, 2.0, 4.0, 8.0, 8.0, 15.0, 30.0, 60.0)

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([bot_process.__name__])


def cashier(request: Request) -> Reply | Call:
    """Looks something up, charges a card, and says how it went; holds no state."""
    results = request.turn_results
    if "whose outcome was unknown" in request.last_user_text:
        return say("Thank you, noted.")
    if not results:
        return call("search_product_catalog", query="espresso machine", limit=1)
    if len(results) == 1:
        return call("charge_card", customer="ada@example.com", amount_cents=4900)
    return say("Charged." if results[-1].ok else f"I cannot tell: {results[-1].detail}")


class BotProcess:
    """A bot that can be killed, frozen and thawed."""

    def __init__(self, environment: Mapping[str, str], folder: Path, name: str) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self._ready, ready = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(target=bot_process.main, args=(environment, folder, self.log, ready), name=name)
        self._process.start()
        ready.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.port = 0
        self.ready_at = 0.0  # seconds on the monotonic clock

    async def ready(self) -> None:
        """Until it takes in events. Fails with its log when it does not come to that."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._ready.fileno(), told.set)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await told.wait()
            self.port = self._ready.recv()
        except (EOFError, TimeoutError):
            raise AssertionError(f"The bot did not start:\n{self.log.read_text()}") from None
        finally:
            loop.remove_reader(self._ready.fileno())
        self.ready_at = time.monotonic()

    def kill(self) -> None:
        """kill -9; returns when it is dead."""
        os.kill(self.pid, signal.SIGKILL)
        self._process.join()

    def freeze(self) -> None:
        """SIGSTOP; returns when every thread of it stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        while self._states() != {"T"}:  # a matter of microseconds, in which nothing else may happen here
            os.sched_yield()

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM, as a deploy does it; returns when it has ended."""
        os.kill(self.pid, signal.SIGTERM)
        await asyncio.to_thread(self._process.join)
        assert self._process.exitcode == 0, self.log.read_text()

    def end(self) -> None:
        """Whatever state it is in: nothing is left of it."""
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._ready.close()

    def _states(self) -> set[str]:
        stats = [path.read_text() for path in Path(f"/proc/{self.pid}/task").glob("*/stat")]
        return {stat.rpartition(")")[2].split()[0] for stat in stats}


@dataclass
class Stage:
    """A scenario's own world."""

    slack: SlackSandbox
    model: ScriptedModel
    ledger: Ledger
    database: psycopg.AsyncConnection[Any]
    database_url: str
    redis_url: str
    folder: Path
    _stack: AsyncExitStack
    _started: int = 0
    further_environment: Mapping[str, str] = field(default_factory=dict[str, str])

    async def proxies(self) -> tuple[Proxies, Mapping[str, str]]:
        """Proxies for one process, and the environment that leads it through them."""
        proxies = await self._stack.enter_async_context(Proxies())
        environment: dict[str, str] = dict(self.environment)
        for name, wire in (("SLACK_API_URL", "slack"), ("ANTHROPIC_BASE_URL", "model"), (LEDGER_ADDRESS, "ledger")):
            host, _, port = urlsplit(f"//{environment[name].rpartition('//')[2]}").netloc.partition(":")
            proxy = await proxies.in_front_of(wire, partial(asyncio.open_connection, host, int(port)))
            environment[name] = environment[name].replace(f"{host}:{port}", f"127.0.0.1:{proxy}")
        path = f"{parse_qs(urlsplit(self.database_url).query)['host'][0]}/.s.PGSQL.5432"
        proxy = await proxies.in_front_of("postgres", partial(asyncio.open_unix_connection, path))
        name = urlsplit(self.database_url).path
        environment["DATABASE_URL"] = f"postgresql://postgres@127.0.0.1:{proxy}{name}?sslmode=disable&gssencmode=disable"
        return proxies, environment

    @property
    def environment(self) -> Mapping[str, str]:
        """What a bot finds in its environment."""
        return {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "ANTHROPIC_API_KEY": self.model.api_key,
            "ANTHROPIC_BASE_URL": self.model.base_url,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PORT": "0",
            LEDGER_ADDRESS: f"127.0.0.1:{self.ledger.port}",
            **self.further_environment,
        }

    def policy(self, *rules: str) -> None:
        """The rules for bots that start from now on, each a YAML mapping. People are written as @ann, channels as #support."""
        text = "\n".join(["policy:", *(f"  - {rule}" for rule in rules)])
        for mark, names in (("@", self.slack.people), ("#", self.slack.channels)):
            for name, id in names.items():
                text = text.replace(f"{mark}{name}", id)
        (self.folder / "signoff.yaml").write_text(text)

    async def start(self, environment: Mapping[str, str] | None = None) -> BotProcess:
        """Start a bot that ends with the stage; returns when it takes in events."""
        self._started += 1
        name = f"bot-{self._started}"
        its = {**(environment or self.environment), BOT: name}
        bot = await asyncio.to_thread(BotProcess, its, self.folder, name)
        self._stack.callback(bot.end)
        await bot.ready()
        return bot

    async def start_two(self) -> tuple[BotProcess, BotProcess]:
        """Two bots, side by side; what Slack delivers goes to them in turn."""
        two = await asyncio.gather(self.start(), self.start())
        await self.slack.until(lambda: self.slack.connections == 2)
        return two

    async def rows(self, query: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """Return rows of Postgres."""
        return await (await self.database.execute(query, values)).fetchall()

    async def at_rest(self, seconds: float) -> None:
        """Until there is a session, and nothing is to be done in it before people or the clock do something."""
        query: LiteralString = "SELECT lease_until IS NULL AND (wake_at IS NULL OR wake_at > now()) FROM session"

        async def resting() -> bool:
            return await self.rows(query) == [(True,)]

        await until(resting, seconds)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again at what another process does; nobody tells us of a change. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # there is no event of ours in that process
            await asyncio.sleep(LOOK_SECONDS)


_numbers = itertools.count(1)


@asynccontextmanager
async def staged(
    database_url: str, redis_url: str, template: str, folder: Path, *, delay_seconds: float = 0.0
) -> AsyncGenerator[Stage]:
    """A stage whose database is a copy of `template`. At its end every process of it is gone."""
    name = f"chaos_{next(_numbers)}"
    folder = folder / name
    folder.mkdir()
    url = database_url.replace("/postgres?", f"/{name}?")
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True))
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        await desk.execute(made)
        stack.push_async_callback(desk.execute, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        slack = await stack.enter_async_context(SlackSandbox(read_manifest(), retry_delays_seconds=RETRY_DELAYS_SECONDS))
        model = await stack.enter_async_context(ScriptedModel(cashier))
        ledger = await stack.enter_async_context(Ledger(folder / "ledger", delay_seconds))
        database = await stack.enter_async_context(await psycopg.AsyncConnection[Any].connect(url, autocommit=True))
        bots = await stack.enter_async_context(AsyncExitStack())
        yield Stage(slack, model, ledger, database, url, redis_url, folder, bots)
        assert model.refusals == []  # every request to the model was valid
