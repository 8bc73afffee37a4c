"""`signoff demo`: the unmodified bot as a separate process, in a Slack workspace and with a model on this machine."""

import asyncio
import os
import shlex
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
from bot.sandbox.audit_trail import audit_trail
from bot.sandbox.bot_process import BotProcess, follow_the_demo
from bot.sandbox.model import ScriptedModel
from bot.sandbox.slack.backstage import Backstage
from bot.sandbox.slack.keeping import UnreadableError
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.sandbox.slack.workspace import TEAM_PREFIX
from bot.sandbox.story import tell, tour
from bot.sandbox.supplier import SupplierPage
from bot.stores.database import CONNECT_SECONDS, unusable
from bot.stores.embedded_home import Home, Servers
from bot.stores.migrating import upgrade
from tools.catalog import seed_shop

SCRIPTED = "A scripted shop assistant is answering; set ANTHROPIC_API_KEY to talk to the real model."
PACE_SECONDS = 0.06  # between some 24 characters of the scripted model: about what a real one takes
POLICY = Path(__file__).with_name("demo.yaml")
ITS_POLICY = "Orders of more than 10 pieces need two people here; a signoff.yaml of yours decides that instead."
COMMAND = (sys.executable, "-m", "bot.sandbox.demo")
# Slack waits a minute before its second retry: too long for somebody who looks on while a killed bot comes back.
RETRY_DELAYS_SECONDS = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 60.0, 300.0)
LAST_PORT = 65_535
REAL = "The real model is answering, with your ANTHROPIC_API_KEY."
LOCK = 7_214_633_029  # any number that nothing else in the database locks

console = Console(stderr=True, highlight=False, soft_wrap=True)


async def demonstrate(settings: Settings, port: int, *, open_browser: bool) -> None:
    """Run the demo until it is cancelled. The page's address, and nothing else, goes to standard output.

    Raises Refusal for what a person has to mend, and when the bot ends by itself.
    """
    if not 0 <= port <= LAST_PORT:
        raise Refusal(f"--port {port} is no port: give a number from 0, which takes any free one, to {LAST_PORT}.")
    home = Home(settings.signoff_home / "demo", allow_fake=True)
    with home.servers(settings.database_url, settings.redis_url) as servers:
        async with AsyncExitStack() as stack:
            lock = await stack.enter_async_context(await _own_database(servers, settings))
            scripted = ScriptedModel(pace_seconds=PACE_SECONDS)
            model = await stack.enter_async_context(scripted) if settings.anthropic_api_key is None else None
            policy = None if settings.signoff_config or DEFAULT_PATH.exists() else POLICY
            supplier = await stack.enter_async_context(SupplierPage()) if policy else None
            notes = {"model": SCRIPTED if model else REAL}
            bot = BotProcess()
            slack = _kept_workspace(home, port, notes, bot, supplier, servers)
            await _rest(lock, slack)
            await _prepare(servers)
            await _listen_on(stack, slack, port)
            environment = _bot_environment(slack, model, servers, policy, home.path)
            if supplier is not None:
                environment["SIGNOFF_DEMO_SUPPLIER"] = supplier.host
            stack.push_async_callback(bot.end)
            console.print("\n  The sandbox workspace:")
            print(slack.page_url, flush=True)
            told = (notes["model"], *([ITS_POLICY] if policy else []), *servers.notes, *_data_lines(home), "Ctrl-C ends it.")
            console.print(*(f"  {line}" for line in told), "", sep="\n")
            if open_browser and _screen():
                await asyncio.to_thread(webbrowser.open, slack.page_url)
            if await bot.run(COMMAND, environment, slack.workspace.changed):
                raise Refusal("The bot has ended by itself: what it said last is above.")


def _data_lines(home: Home) -> tuple[str, ...]:
    """Say where the demo's data lie, and how to look at them."""
    return (
        f"What happens here is kept in {home.path}: the next demo goes on with it, and without that folder it begins anew.",
        f"Its audit log: {_audit_command(home)}",
    )


def _audit_command(home: Home) -> str:
    return f"SIGNOFF_HOME={shlex.quote(str(home.path))} signoff audit verify"


def _screen() -> bool:
    """Return whether there is a screen to open a window on. Without one Python would start a text browser over this terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# ---------------------------------------------------------------------------------------------- stores


async def _own_database(servers: Servers, settings: Settings) -> psycopg.AsyncConnection[Any]:
    """Return a connection that holds the database for this demo alone.

    A bot drives every session in its database, so two demos, or a demo and a real bot, would answer each other's people in
    the wrong workspace.
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
    return connection


async def _rest(connection: psycopg.AsyncConnection[Any], slack: SlackSandbox) -> None:
    """Put sessions of workspaces that are gone to rest: nobody is there to talk to."""
    if (await (await connection.execute("SELECT to_regclass('session')")).fetchone()) == (None,):
        return
    gone = "UPDATE session SET wake_at = NULL, lease_until = NULL, epoch = epoch + 1 WHERE NOT (%s AND team = %s)"
    await connection.execute(gone, [slack.restored, slack.team_id])


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


def _kept_workspace(
    home: Home, port: int, notes: dict[str, str], bot: BotProcess, supplier: SupplierPage | None, servers: Servers
) -> SlackSandbox:
    """Return the workspace of this folder as it was left, or a new one with its story. Raises Refusal."""
    url = supplier.url if supplier is not None else None
    backstage = Backstage(
        tour=lambda: tour(slack.workspace, url),
        process=bot.state,
        kill=bot.kill,
        log=lambda: {"lines": bot.last_lines()},
        audit=lambda: audit_trail(servers.database_url, _audit_command(home)),
    )
    try:
        slack = SlackSandbox(
            read_manifest(),
            port=port,
            notes=notes,
            numbered=True,
            kept_in=home.path,
            retry_delays_seconds=RETRY_DELAYS_SECONDS,
            backstage=backstage,
        )
    except UnreadableError as error:
        raise Refusal(f"{error} is not the workspace of this version: remove it, and the demo begins anew.") from None
    if not slack.restored:
        tell(slack.workspace)
    return slack


async def _listen_on(stack: AsyncExitStack, slack: SlackSandbox, port: int) -> None:
    try:
        await stack.enter_async_context(slack)
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


def _run_while_the_demo_lives() -> None:
    """Do what the bot's process does: `signoff run`, until it is told to end, or its demo is gone, however that ended."""
    from bot.cli import cli  # which imports this module

    threading.Thread(target=follow_the_demo, daemon=True).start()
    cli(["run"])


if __name__ == "__main__":
    _run_while_the_demo_lives()
