"""`signoff demo`: the unmodified bot as a separate process, in a Slack workspace and with a model on this machine."""

import asyncio
import os
import signal
import sys
import threading
import webbrowser
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool
from rich.console import Console

from bot.config.file import DEFAULT_PATH
from bot.config.manifest import read_manifest
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.sandbox.model import ScriptedModel
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.sandbox.slack.workspace import TEAM_PREFIX
from bot.stores.database import CONNECT_SECONDS, unusable, upgrade
from bot.stores.embedded_home import Home, Servers
from tools.catalog import seed_shop

SCRIPTED = "A scripted shop assistant is answering; set ANTHROPIC_API_KEY to talk to the real model."
PACE_SECONDS = 0.06  # between some 24 characters of the scripted model: about what a real one takes
POLICY = Path(__file__).with_name("demo.yaml")
ITS_POLICY = "Orders of more than 10 pieces need two approvals here; a signoff.yaml of yours decides that instead."
REAL = "The real model is answering, with your ANTHROPIC_API_KEY."
LOCK = 7_214_633_029  # any number that nothing else in the database locks

console = Console(stderr=True, highlight=False, soft_wrap=True)


async def demonstrate(settings: Settings, port: int, *, open_browser: bool) -> None:
    """Run the demo until it is cancelled. The page's address, and nothing else, goes to standard output.

    Raises Refusal for what a person has to mend, and when the bot ends by itself.
    """
    home = Home(settings.signoff_home / "demo", allow_fake=True)
    with home.servers(settings.database_url, settings.redis_url) as servers:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(await _own_database(servers, settings))
            await _prepare(servers)
            scripted = ScriptedModel(pace_seconds=PACE_SECONDS)
            model = await stack.enter_async_context(scripted) if settings.anthropic_api_key is None else None
            notes = {"model": SCRIPTED if model else REAL}
            slack = await _open_workspace(stack, port, notes)
            policy = None if settings.signoff_config or DEFAULT_PATH.exists() else POLICY
            bot = await _start_bot(_bot_environment(slack, model, servers, policy, home.path))
            stack.push_async_callback(_end_bot, bot)
            console.print("\n  The sandbox workspace:")
            print(slack.page_url, flush=True)
            told = (notes["model"], *([ITS_POLICY] if policy else []), *servers.notes, "Ctrl-C ends it.")
            console.print(*(f"  {line}" for line in told), "", sep="\n")
            if open_browser and _screen():
                await asyncio.to_thread(webbrowser.open, slack.page_url)
            if await bot.wait():
                raise Refusal("The bot has ended by itself: what it said last is above.")


def _screen() -> bool:
    """Return whether there is a screen to open a window on. Without one Python would start a text browser over this terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# ---------------------------------------------------------------------------------------------- stores


async def _own_database(servers: Servers, settings: Settings) -> psycopg.AsyncConnection[Any]:
    """Return a connection that holds the database for this demo alone.

    A bot drives every session in its database, so two demos, or a demo and a real bot, would answer each other's people in
    the wrong workspace. Sessions of demos that are over are put to rest: their workspace is gone.
    """
    connection = await _connected(servers.database_url)
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])).fetchone()
    if row != (True,):
        raise Refusal(
            f"Another demo is running in {settings.signoff_home}: end it, or set SIGNOFF_HOME (or DATABASE_URL) to another place."
        )
    if (await (await connection.execute("SELECT to_regclass('session')")).fetchone()) != (None,):
        real = "SELECT FROM session WHERE NOT starts_with(team, %s) LIMIT 1"
        if settings.database_url is not None and (await connection.execute(real, [TEAM_PREFIX])).rowcount:
            raise Refusal("The database of DATABASE_URL is that of a real workspace: unset DATABASE_URL for the demo.")
        await connection.execute("UPDATE session SET wake_at = NULL, lease_until = NULL, epoch = epoch + 1")
    return connection


async def _connected(database_url: str) -> psycopg.AsyncConnection[Any]:
    try:
        return await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True, connect_timeout=int(CONNECT_SECONDS))
    except psycopg.Error as error:
        raise unusable(error) from None


async def _prepare(servers: Servers) -> None:
    await asyncio.to_thread(upgrade, servers.database_url)
    async with AsyncConnectionPool(servers.database_url, min_size=1, open=False) as pool:
        await seed_shop(pool)


# ---------------------------------------------------------------------------------------------- workspace and bot


async def _open_workspace(stack: AsyncExitStack, port: int, notes: dict[str, str]) -> SlackSandbox:
    try:
        return await stack.enter_async_context(SlackSandbox(read_manifest(), port=port, notes=notes))
    except OSError as error:
        raise Refusal(f"Port {port} cannot be used ({os.strerror(error.errno or 0)}): give --port another one.") from None


def _bot_environment(
    slack: SlackSandbox, model: ScriptedModel | None, servers: Servers, policy: Path | None, home: Path
) -> dict[str, str]:
    scripted = {"ANTHROPIC_API_KEY": model.api_key, "ANTHROPIC_BASE_URL": model.base_url} if model else {}
    return {
        **os.environ,
        **scripted,
        **({"SIGNOFF_CONFIG": str(policy)} if policy else {}),
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "SIGNOFF_HOME": str(home),
        "PORT": "0",
    }


async def _start_bot(environment: dict[str, str]) -> asyncio.subprocess.Process:
    """Run `signoff run` in a separate session: a Ctrl-C reaches us first, and we end it while its workspace is still there."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.sandbox.demo", env=environment, stdin=asyncio.subprocess.PIPE, start_new_session=True
    )


async def _end_bot(bot: asyncio.subprocess.Process) -> None:
    if bot.returncode is None:
        bot.terminate()
        await bot.wait()


def _run_while_the_demo_lives() -> None:
    """Do what the bot's process does: `signoff run`, until it is told to end, or its demo is gone, however that ended."""
    from bot.cli import cli  # which imports this module

    def follow() -> None:
        os.read(0, 1)  # nothing is ever written there: it returns when the process at the other end is gone
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    cli(["run"])


if __name__ == "__main__":
    _run_while_the_demo_lives()
