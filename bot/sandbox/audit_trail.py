"""The audit log as the demo's page shows it: every entry, and whether the chain is whole."""

import json
from datetime import UTC, datetime
from typing import Any

import psycopg

from agent.reports import audit
from agent.reports.audit import Head

ENTRIES_SHOWN = 300
SHOWN = ("seq", "at", "kind", "actor", "tool", "hash")


async def audit_trail(database_url: str, command: str) -> dict[str, Any]:
    """Return the newest entries, what does not fit, and the command that says the same on the command line."""
    async with await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True) as connection:
        found = [finding async for finding in audit.verify(connection)]
        lines = [line async for line in audit.export(connection, datetime(2000, 1, 1, tzinfo=UTC))]
    wrong = [str(finding) for finding in found if not isinstance(finding, Head)]
    entries = [json.loads(line) for line in lines[-ENTRIES_SHOWN:]]
    return {
        "command": command,
        "count": len(lines),
        "wrong": wrong,
        "entries": [{name: entry[name] for name in SHOWN} for entry in reversed(entries)],
    }
