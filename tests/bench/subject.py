"""What is measured: the bot or its floor, as a separate process, with its own workspace and database."""

import asyncio
import os
import re
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

import migrations
from bot.config.manifest import read_manifest
from bot.sandbox.model import ScriptedModel
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.stores.embedded_home import Servers
from tests.bench.conversation import Conversations
from tools.catalog import seed_shop

Program = Literal["bot", "floor", "safe floor", "least floor", "plain least floor", "one insert", "PydanticAI"]
Transport = Literal["socket", "http"]

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 30.0
# PydanticAI has a separate environment, which `make pydantic-ai` fills; all else it takes from the one here.
PYDANTIC_AI = REPOSITORY / ".venv" / "pydantic-ai" / "bin" / "python"
PROGRAMS: Mapping[Program, tuple[str | Path, ...]] = {
    "bot": (sys.executable, "-m", "bot.cli", "run"),
    "floor": (sys.executable, "-m", "tests.bench.floor"),
    "safe floor": (sys.executable, "-m", "tests.bench.floor", "safe"),
    "least floor": (sys.executable, "-m", "tests.bench.floor", "safe", "least"),
    "plain least floor": (sys.executable, "-m", "tests.bench.floor", "safe", "least", "plain"),
    "one insert": (sys.executable, "-m", "tests.bench.floor", "deaf"),
    "PydanticAI": (PYDANTIC_AI, "-m", "tests.bench.pydantic_ai_loop"),
}
# The budget is no limit here: a hundred turns of one thread are to be measured.
CONFIG = "agents: {assistant: {budget: {session_tokens: 1000000000}}}\n"
# Never a reason why an order fails: every run is to do the same.
STOCK = "UPDATE shop.product SET stock = 1000000000"


@dataclass(frozen=True, slots=True)
class Subject:
    """A running program with the conversations that are held with it."""

    name: str
    slack: SlackSandbox
    conversations: Conversations
    database_url: str
    processes: Sequence[psutil.Process]
    start_seconds: float  # until the first said that it is ready

    @property
    def process(self) -> psutil.Process:
        """The first, and mostly the only one."""
        return self.processes[0]

    def cpu_seconds(self) -> float:
        """That its processes have used so far, user and system."""
        return sum(times.user + times.system for times in (process.cpu_times() for process in self.processes))

    def cpu_seconds_of_all(self) -> float:
        """That its process and all that it started have used, those too that have ended."""
        total = 0.0
        for process in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total


NOTHING: Mapping[str, str] = {}
Prepare = Callable[[SlackSandbox, str], Awaitable[None]]
Told = Callable[[str], Awaitable[str]]


async def _nothing(slack: SlackSandbox, database_url: str) -> None:
    """An empty database will do."""


async def straight(url: str) -> str:
    """Nothing stands between a program and its stores."""
    return url


@asynccontextmanager
async def running(
    program: Program,
    transport: Transport,
    model: ScriptedModel,
    servers: Servers,
    folder: Path,
    *,
    among: str = "",
    prepare: Prepare = _nothing,
    further: Mapping[str, str] = NOTHING,
    told: Told = straight,
    processes: int = 1,
) -> AsyncGenerator[Subject]:
    """The program for as long as the block runs, in so many processes. Raises RuntimeError with the last words of one that does
    not start.

    `prepare` fills its database before it starts, with what `among` names. `further` is added to its environment.
    `told` makes of the URL of each store what the program is told instead.
    """
    name = f"{program}_{transport}{among}".replace(" ", "_")
    with database(servers, name) as database_url:
        await seed(database_url)
        async with SlackSandbox(read_manifest()) as slack:
            await prepare(slack, database_url)
            stores = (await told(database_url), await told(servers.redis_url))
            variables = {**environment(slack, model, *stores, transport), **further}
            async with AsyncExitStack() as stack:
                started = [
                    await stack.enter_async_context(_process(PROGRAMS[program], variables, folder)) for _ in range(processes)
                ]
                if transport == "http":
                    slack.deliver_over_http(f"http://127.0.0.1:{started[0].port}/slack/events")
                conversations = await stack.enter_async_context(Conversations(slack))
                found = [psutil.Process(one.pid) for one in started]
                yield Subject(name, slack, conversations, database_url, found, started[0].seconds)


@dataclass(frozen=True, slots=True)
class Started:
    """A process that is ready."""

    pid: int
    port: int
    seconds: float  # since it was begun


@asynccontextmanager
async def _process(command: Sequence[str | Path], variables: Mapping[str, str], folder: Path) -> AsyncGenerator[Started]:
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command, env=variables, cwd=folder, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    words = Sentences(process)
    try:
        yield Started(process.pid, await words.port(), time.monotonic() - began)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await words.end()


class Sentences:
    """What a program writes to stderr: read all the time, so that it never waits for us; the last lines are kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._lines: deque[str] = deque(maxlen=80)
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(process))

    async def port(self) -> int:
        """The port that it says it is ready on."""
        await asyncio.wait([self._port, self._reading], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not self._port.done():
            raise RuntimeError("A program under measure did not start. Its last words:\n" + "".join(self._lines))
        return self._port.result()

    async def end(self) -> None:
        """Everything is read; trouble that it told of is shown, since then the figures mean nothing."""
        await self._reading
        if any("ERROR" in line or "Traceback" in line for line in self._lines):
            raise RuntimeError("A program under measure had trouble:\n" + "".join(self._lines))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._lines.append(line.decode())
            if not self._port.done() and (ready := re.search(r"ready on port (\d+)", line.decode())):
                self._port.set_result(int(ready[1]))


def environment(
    slack: SlackSandbox, model: ScriptedModel, database_url: str, redis_url: str, transport: Transport
) -> dict[str, str]:
    """What the program finds; nothing of the caller's own but where programs and libraries are."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")}
    return {
        **kept,
        "PYTHONPATH": str(REPOSITORY),
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_APP_TOKEN": slack.app_token if transport == "socket" else "",
        "ANTHROPIC_API_KEY": model.api_key,
        "ANTHROPIC_BASE_URL": model.base_url,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PORT": "0",
    }


@contextmanager
def database(servers: Servers, name: str) -> Generator[str]:
    """A migrated database."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = servers.database_url.replace("/postgres?", f"/{name}?")
    migrations.upgrade(url)
    yield url


async def seed(database_url: str) -> None:
    """Products and customers."""
    async with AsyncConnectionPool[Any](database_url, min_size=1, open=False) as pool:
        await seed_shop(pool)
        async with pool.connection() as connection:
            await connection.execute(STOCK)
