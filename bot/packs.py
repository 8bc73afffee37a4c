"""The tool packs that come with the bot, by the names that signoff.yaml knows them by."""

from collections.abc import Sequence
from typing import Any

from psycopg_pool import AsyncConnectionPool

from agent.tool import Tool
from tools.catalog import catalog
from tools.web import web

ON_REQUEST = frozenset({"web"})  # only for agents that name them: "all there are" leaves these out


def tool_packs(pool: AsyncConnectionPool[Any], allowed_hosts: Sequence[str] = ()) -> dict[str, Sequence[Tool]]:
    """All of them. The pool need not be open as long as no tool is run; `allowed_hosts` are policy's."""
    return {"catalog": catalog(pool), "web": web(allowed_hosts)}
