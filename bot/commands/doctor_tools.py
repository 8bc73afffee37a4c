"""The doctor's look at a team's own tools: the databases that signoff.yaml names, and its Python files."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from bot.agents.databases import address, look_at_sql
from bot.agents.packs import all_tools, is_file, tool_packs
from bot.agents.tool_files import load_tool_file
from bot.cards.harmless_text import visible
from bot.commands.finding import Finding
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.sections import Database

CONNECT_SECONDS = 5
SEPARATE_ROLE = "Give the bot a separate role that may do no more than it should (docs/guide/tools.md, Databases)."

ROLE = """
SELECT rolname, rolsuper, current_setting('default_transaction_read_only') = 'on',
    (SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
       AND (has_table_privilege(pg_class.oid, 'INSERT') OR has_table_privilege(pg_class.oid, 'UPDATE')
         OR has_table_privilege(pg_class.oid, 'DELETE') OR has_table_privilege(pg_class.oid, 'TRUNCATE')))
FROM pg_roles WHERE rolname = current_user
"""


async def databases(named: Mapping[str, Database], environment: Mapping[str, str]) -> Sequence[Finding]:
    """Return a line for each: whether it can be reached, and what its role may do. Addresses are not in them."""
    return await asyncio.gather(*(_database(name, database, environment) for name, database in named.items()))


async def _database(name: str, database: Database, environment: Mapping[str, str]) -> Finding:
    what = f"Database {name}"
    try:
        url = address(name, database, environment)
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            cursor = await connection.cursor(row_factory=tuple_row).execute(ROLE)
            row = await cursor.fetchone()
    except Refusal as refusal:
        return Finding("fail", f"{what}: it has no address.", str(refusal))
    except psycopg.Error as error:  # whose text has the address in it
        why = error.sqlstate or type(error).__name__
        return Finding("fail", f"{what}: it cannot be reached ({why}).", f"Start it, or correct {database.url[2:-1]}.")
    assert row is not None
    role, superuser, read_only, writable = row
    if superuser:
        return Finding("warn", visible(f"{what}: reachable, as {role}, a superuser whom nothing stops."), SEPARATE_ROLE)
    if read_only or not writable:
        return Finding("ok", visible(f"{what}: reachable, as {role}, who may only read: {name}__execute would be refused."))
    told = f"{what}: reachable, as {role}, who may write to {writable} of its tables: {name}__execute asks before it does."
    return Finding("ok", visible(told))


def tool_files(config: Config) -> Sequence[Finding]:
    """Return a line for each Python file that an agent names, which is run for that, and one for tools that share a name."""
    named = [pack for agent in config.agents.values() for pack in agent.tools or () if is_file(pack)]
    found = [_tool_file(name) for name in dict.fromkeys(named)]
    if all(finding.level == "ok" for finding in found):
        try:
            all_tools(tool_packs(AsyncConnectionPool(open=False), config, look_at_sql(config.databases)))
        except Refusal as refusal:
            return [*found, Finding("fail", "Tools: two of them share a name.", str(refusal))]
    return found


def _tool_file(name: str) -> Finding:
    try:
        tools = load_tool_file(Path(name))
    except Refusal as refusal:
        return Finding("fail", f"Tool file {Path(name).name}: it cannot be used.", str(refusal))
    return Finding("ok", visible(f"Tool file {Path(name).name}: {', '.join(tool.name for tool in tools)}."))
