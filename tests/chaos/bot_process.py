"""The real bot as a separate process, with tools whose effects go to a ledger.

The process is forked from a server that has everything imported (`multiprocessing`'s forkserver): a fresh interpreter would
spend three seconds on imports, for each of the hundreds of processes that a full run kills.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from bot.app.wiring import running
from bot.config.file import load_config
from bot.config.mcp_file import read_servers
from bot.config.settings import read_settings
from bot.stores.embedded_home import Servers
from tests.chaos.ledger_tools import ledger_tools
from tests.chaos.plants import PLANT, plant


def main(environment: Mapping[str, str], folder: Path, log: Path, ready: Connection) -> None:
    """The process: `environment` is what the bot reads its settings from; its port goes to `ready` once it takes in events."""
    os.setsid()  # a Ctrl-C at the terminal ends the test, and the test ends us
    os.chdir(folder)  # no .env, and no signoff.yaml but that of the stage
    os.environ.update(environment)
    plant(environment.get(PLANT, ""))
    with log.open("ab") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_run(ready))


async def _run(ready: Connection) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    test = multiprocessing.parent_process()
    assert test is not None
    loop.add_reader(test.sentinel, os._exit, 1)  # the test is gone, however it ended
    settings = read_settings()
    servers = Servers(str(settings.database_url), str(settings.redis_url))
    config = load_config()
    mcp = read_servers(settings.signoff_config, config.mcp, os.environ)  # of .mcp.json on the stage, if a test has put it there
    packs, logs = {"ledger": ledger_tools(os.environ)}, os.environ.get("LOG_CONVERSATIONS") == "1"
    async with running(settings, config, servers, further_packs=packs, mcp=mcp, log_conversations=logs) as bot:
        ready.send(bot.port)
        await stopped.wait()
