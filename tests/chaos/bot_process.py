"""The real bot as a process of its own, with one tool more: a charge in a ledger that stands behind no database of ours.

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

from pydantic import BaseModel, Field

from agent import fence
from agent.tool import Effect, Tool, ToolContext
from bot.app import running
from bot.config import Config
from bot.home import Servers
from bot.settings import read_settings

LEDGER_ADDRESS = "CHAOS_LEDGER_ADDRESS"  # host:port, in the environment
CHARGED = b"charged\n"
CHARGE_LIMIT_SECONDS = 3.0


class ChargeCard(BaseModel, frozen=True, extra="forbid"):
    """What is charged to whom."""

    customer: str = Field(description="The customer's e-mail address.")
    amount_cents: int = Field(gt=0, description="In cents.")


async def charge_card(arguments: ChargeCard, context: ToolContext) -> Mapping[str, int]:
    """One line to the ledger, and its word that it is written."""
    host, port = os.environ[LEDGER_ADDRESS].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        fence.begin()  # as for every effect: once the connection is there, right before the bytes leave
        writer.write(f"{arguments.customer} {arguments.amount_cents}\n".encode())
        if await reader.readline() != CHARGED:
            raise ConnectionError("the ledger hung up before it answered")
    finally:
        writer.close()
    return {"charged_cents": arguments.amount_cents}


CHARGE = Tool(
    name="charge_card",
    description="Charges a customer's card. Call it once; calling it again charges again.",
    arguments=ChargeCard,
    handler=charge_card,
    effect=Effect.WRITE,
    time_limit_seconds=CHARGE_LIMIT_SECONDS,
    verb="Charge card",
    consequence="The customer's card is charged.",
    undo="A refund takes days.",
)


def main(environment: Mapping[str, str], folder: Path, log: Path, ready: Connection) -> None:
    """The process: `environment` is what the bot reads its settings from; its port goes to `ready` once it takes in events."""
    os.setsid()  # a Ctrl-C at the terminal ends the test, and the test ends us
    os.chdir(folder)  # no .env and no signoff.yaml
    os.environ.update(environment)
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
    async with running(settings, Config(), servers, further_packs={"ledger": (CHARGE,)}) as bot:
        ready.send(bot.port)
        await stopped.wait()
