"""The tool packs that come with the bot, by the names that signoff.yaml knows them by."""

from collections.abc import Sequence
from typing import Any

from psycopg_pool import AsyncConnectionPool

from agent.tool import Tool
from tools.catalog import catalog


def tool_packs(pool: AsyncConnectionPool[Any]) -> dict[str, Sequence[Tool]]:
    """All of them. The pool need not be open as long as no tool is run."""
    return {"catalog": catalog(pool)}
