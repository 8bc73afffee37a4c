"""What the bot answers over HTTP: /healthz, /readyz, and Slack's deliveries where they come that way."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout
from slack_bolt.async_app import AsyncApp

from agent.errors import UnreachableError
from agent.store.fenced import Pool
from agent.store.redis_budgets import RedisBudget
from bot.app.bolt import over_http
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.slack.surface import SlackSurface

MOST_DELIVERED_BYTES = 16 * 2**20  # of one delivery: a click brings its whole message along, spelled out three times as long


class Health:
    """What /readyz answers from."""

    def __init__(self, pool: Pool, budget: RedisBudget, surface: SlackSurface) -> None:
        self._pool = pool
        self._budget = budget
        self._surface = surface
        self.connected: Any = None  # Socket Mode's own answer, where there is a socket

    async def trouble(self) -> str | None:
        """Return what is missing; None: nothing."""
        if self.connected is not None and not await self.connected():
            return "slack"
        if self._surface.not_accepted:
            return f"slack does not accept our credentials: {self._surface.not_accepted}"
        try:
            async with asyncio.timeout(2), self._pool.connection() as connection:
                await connection.execute("SELECT 1")
        except (psycopg.Error, PoolTimeout, TimeoutError):
            return "database"
        try:
            await self._budget.ping()
        except UnreachableError:
            return "redis"
        return None


async def serve_http(stack: AsyncExitStack, settings: Settings, health: Health, app: AsyncApp | None) -> int:
    """Serve /healthz, /readyz and, over HTTP, /slack/events; the port."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        trouble = await health.trouble()
        return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)

    async def events(request: web.Request) -> web.Response:
        assert app is not None
        secret = settings.slack_signing_secret
        return await over_http(app, secret.get_secret_value() if secret is not None else "", request)

    site = web.Application(client_max_size=MOST_DELIVERED_BYTES)
    site.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    if app is not None:
        site.add_routes([web.post("/slack/events", events)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, "0.0.0.0", settings.port).start()
    except PermissionError:
        raise Refusal(f"Port {settings.port} needs more rights than this user has: set PORT to one above 1023.") from None
    except OSError:
        raise Refusal(f"Port {settings.port} is in use: stop what uses it, or set PORT to another one.") from None
    return int(runner.addresses[0][1])
