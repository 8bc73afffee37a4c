"""Figures for those who watch the bot: those of the database are read now and then, and all of them served at /metrics.

/metrics has a separate port, since it is not for the public: what is there tells how much is asked, decided and spent.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout

from agent.metrics import backlog_read
from agent.reports.backlog import backlog
from agent.store.sessions import Pool
from bot.app.exporting import FigureReaders
from bot.config.refusal import Refusal

log = logging.getLogger(__name__)

READ_SECONDS = 10.0  # between two looks at the database


@asynccontextmanager
async def showing(figures: FigureReaders, pool: Pool, port: int | None) -> AsyncGenerator[None]:
    """Show figures for as long as the block runs, if somebody gets them. Raises Refusal where the port cannot be had."""
    if not figures.wanted:
        yield
        return
    reading = asyncio.create_task(_keep_reading(pool), name="figures of the database")
    try:
        async with _serve_page(figures, port):
            yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _keep_reading(pool: Pool) -> None:
    """Read the figures of the database again and again. Those that cannot be read vanish after a minute."""
    while True:
        try:
            async with pool.connection() as connection:
                backlog_read(await backlog(connection))
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("what waits in the database cannot be counted: %s", error)
        await asyncio.sleep(READ_SECONDS)


@asynccontextmanager
async def _serve_page(figures: FigureReaders, port: int | None) -> AsyncGenerator[None]:
    if figures.page is None or port is None:
        yield
        return
    page, one_at_a_time = figures.page, asyncio.Lock()

    async def answer(_: web.Request) -> web.Response:
        async with one_at_a_time:
            text = await asyncio.to_thread(page)
        return web.Response(body=text, headers={"Content-Type": figures.content_type})

    site = web.Application()
    site.add_routes([web.get("/metrics", answer)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "0.0.0.0", port).start()
        except OSError:
            raise Refusal(f"Port {port} cannot be had for /metrics: set METRICS_PORT to another one.") from None
        log.info("metrics on port %d", runner.addresses[0][1])
        yield
    finally:
        await runner.cleanup()
