"""A process that spends: a real worker with real budgets, and a model that takes no more than moments and costs what it likes."""

import asyncio
import logging
import multiprocessing
import os
import random
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from psycopg_pool import AsyncConnectionPool

from agent.decide.moves import Content
from agent.memory.token_estimate import json_characters
from agent.model.port import CHARACTERS_PER_TOKEN, DEAF, Listener, Reply, Request
from agent.model.spending import Ask, Charge, Limit, Refused, Reserved, SettleFirst
from agent.run.effects import Effects
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.rules import Rules
from agent.store.chores import Chores
from agent.store.queue import Queue
from agent.store.redis_budgets import RedisBudget
from agent.store.sessions import Pool, Store
from agent.store.usage import Ledger
from agent.tool.definition import registry
from agent.types import Pinned, Place, Usage
from tests.stores.world import World

LEASE_SECONDS, RENEW_SECONDS = 2.0, 0.4
PINNED = Pinned(model="m", system="You help.", tools=(), agent="assistant")


@dataclass(frozen=True)
class Spending:
    """What all processes are started with."""

    database_url: str
    redis_url: str
    user_tokens: int
    more_input: int  # tokens that each call takes beyond its estimate
    log: Path
    times: Path


class Timed(RedisBudget):
    """Writes down when Redis was asked to set something aside and did, and when it had heard what a call took."""

    def __init__(self, spending: Spending, ledger: Ledger) -> None:
        super().__init__(spending.redis_url, ledger)
        self._times = spending.times.open("a", buffering=1)

    async def reserve(self, ask: Ask) -> Reserved | Refused | SettleFirst:
        """As it does."""
        asked_at = time.time()
        answer = await super().reserve(ask)
        if isinstance(answer, Reserved) and ask.last is not None:
            self._times.write(f"settled {ask.last.spender.session_id} {ask.last.spender.seq} {time.time()}\n")
        if isinstance(answer, Reserved):
            self._times.write(f"reserved {ask.spender.session_id} {ask.spender.seq} {asked_at}\n")
        return answer

    async def settle(self, charge: Charge) -> None:
        """As it does."""
        await super().settle(charge)
        self._times.write(f"settled {charge.spender.session_id} {charge.spender.seq} {time.time()}\n")


class Shopfront(World):
    """Takes every message, and answers with as many tokens as it may."""

    def __init__(self, more_input: int) -> None:
        super().__init__()
        self._more_input = more_input

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Nobody reads it."""
        return "9.9"

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """After some thought."""
        await asyncio.sleep(random.uniform(0.01, 0.1))
        [only] = request.messages
        estimated = int((json_characters(only["content"]) + len(request.pinned.model_dump_json())) / CHARACTERS_PER_TOKEN)
        usage = Usage(input_tokens=estimated + self._more_input, output_tokens=request.max_tokens)
        return Reply(({"type": "text", "text": "Done."},), "end_turn", usage)


def main(spending: Spending, ready: Connection) -> None:
    """The process; it says when it works, and ends when the test does."""
    os.setsid()
    with spending.log.open("ab") as output:
        os.dup2(output.fileno(), sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_work(spending, ready))


async def _work(spending: Spending, ready: Connection) -> None:
    test = multiprocessing.parent_process()
    assert test is not None
    asyncio.get_running_loop().add_reader(test.sentinel, os._exit, 1)
    pool: Pool = AsyncConnectionPool[Any](spending.database_url, min_size=1, max_size=10, open=False, kwargs={"autocommit": True})
    async with pool:
        store, queue, front = Store(pool), Queue(pool, lease_seconds=LEASE_SECONDS), Shopfront(spending.more_input)
        budget = Timed(spending, Ledger(pool))
        effects = Effects(front, front, budget, store, registry([]))
        agent = Agent(
            PINNED, Rules(registry([]), limits={"user_day": Limit(tokens=spending.user_tokens)}, max_output_tokens=4_096)
        )
        runner = Runner(store, queue, effects, lambda place: agent)
        async with (
            Chores(pool, [budget.upkeep()]),
            Worker(spending.database_url, queue, runner, renew_seconds=RENEW_SECONDS, poll_seconds=0.2),
        ):
            ready.send("ready")
            await asyncio.Event().wait()
