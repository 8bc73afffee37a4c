"""All MCP servers of this process: started together, ended together, and their tools as packs."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Self

from agent.tool.definition import Tool
from tools.mcp.connection import Connection
from tools.mcp.names import prefix
from tools.mcp.server import Server

log = logging.getLogger(__name__)

START_SECONDS = 10.0  # so long a start waits for the servers; who is later than that appears for new sessions
END_SECONDS = 15.0


class Bridge:
    """The servers, for as long as the block runs. One that is down is no reason for anything else to stop."""

    def __init__(self, servers: Sequence[Server], *, start_seconds: float = START_SECONDS) -> None:
        self.version = 0  # goes up whenever a list of tools changes
        self.connections = [Connection(server, self._changed) for server in servers]
        self._start_seconds = start_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def _changed(self) -> None:
        self.version += 1

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._end_connections)
            for one in self.connections:
                if one.server.reach is None:
                    log.warning("MCP server %s: %s", one.server.name, one.trouble)
            started = [one for one in self.connections if one.server.reach is not None]
            self._tasks = {asyncio.create_task(one.keep(), name=f"mcp:{one.server.name}") for one in started}
            tried = [asyncio.create_task(one.tried.wait()) for one in started]
            if tried:
                await asyncio.wait(tried, timeout=self._start_seconds)
            for wait in tried:
                wait.cancel()
            stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end_connections()

    async def _end_connections(self) -> None:
        """Ask programs to end, and kill those that do not."""
        for one in self.connections:
            one.close()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=END_SECONDS)
            for task in left:
                task.cancel()

    def unseen(self) -> Sequence[str]:
        """Return how the names of tools would begin whose servers have not listed any yet."""
        return [prefix(one.server.name) for one in self.connections if not one.offer.tools]

    def packs(self) -> Mapping[str, Sequence[Tool]]:
        """Return the tools of each server, as far as they are known, by the name that signoff.yaml knows the server by."""
        return {f"mcp:{one.server.name}": [tool for tool, _ in one.offer.tools] for one in self.connections}
