"""`signoff demo`: the unmodified bot as a process of its own, in a Slack workspace and with a model on this machine."""

import asyncio
import logging
import os
import signal
import sys
import webbrowser
from contextlib import AsyncExitStack

from psycopg_pool import AsyncConnectionPool
from rich.console import Console

import migrations
from bot.home import Home, Servers
from bot.manifest import read_manifest
from bot.sandbox.model import ScriptedModel
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.settings import Settings
from tools.catalog import seed_shop

log = logging.getLogger(__name__)

SCRIPTED = "A scripted shop assistant is answering; set ANTHROPIC_API_KEY to talk to the real model."
REAL = "The real model is answering, with your ANTHROPIC_API_KEY."


async def demonstrate(settings: Settings, port: int, *, open_browser: bool) -> None:
    """Run the demo until it is interrupted."""
    home = Home(settings.signoff_home / "demo", allow_fake=True)
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    with home.servers(settings.database_url, settings.redis_url) as servers:
        async with AsyncExitStack() as stack:
            await _prepare(servers)
            model = await stack.enter_async_context(ScriptedModel()) if settings.anthropic_api_key is None else None
            notes = {"model": SCRIPTED if model else REAL}
            slack = await stack.enter_async_context(SlackSandbox(read_manifest(), port=port, notes=notes))
            bot = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.cli", "run", env=_environment(slack, model, servers), start_new_session=True
            )
            stack.push_async_callback(_end, bot)
            Console(stderr=True, highlight=False).print(
                f"\n  The sandbox workspace: [bold]{slack.page_url}[/]\n  {notes['model']}\n  Ctrl-C ends it.\n"
            )
            if open_browser:
                await asyncio.to_thread(webbrowser.open, slack.page_url)
            await asyncio.wait(
                [asyncio.create_task(stopped.wait()), asyncio.create_task(bot.wait())], return_when=asyncio.FIRST_COMPLETED
            )


async def _prepare(servers: Servers) -> None:
    await asyncio.to_thread(migrations.upgrade, servers.database_url)
    async with AsyncConnectionPool(servers.database_url, min_size=1, open=False) as pool:
        await seed_shop(pool)


def _environment(slack: SlackSandbox, model: ScriptedModel | None, servers: Servers) -> dict[str, str]:
    scripted = {"ANTHROPIC_API_KEY": model.api_key, "ANTHROPIC_BASE_URL": model.base_url} if model else {}
    return {
        **os.environ,
        **scripted,
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "PORT": "0",
    }


async def _end(bot: asyncio.subprocess.Process) -> None:
    if bot.returncode is None:
        bot.terminate()
        await bot.wait()
