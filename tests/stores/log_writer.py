"""A process that writes the conversation log of a database until somebody ends it: `python -m tests.stores.log_writer URL`."""

import asyncio
import sys

from psycopg_pool import AsyncConnectionPool

from agent.conversation_log.writing import FIRST_SECONDS, ConversationLog
from agent.masking import Masker, WantedMasks
from agent.store.fenced import Pool


async def write(url: str) -> None:
    """Catch up, again and again."""
    pool: Pool = AsyncConnectionPool(url, min_size=1, max_size=2, open=False, kwargs={"autocommit": True})
    async with pool:
        log = ConversationLog(pool, Masker(WantedMasks()))
        while True:
            await log.catch_up(FIRST_SECONDS)
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
