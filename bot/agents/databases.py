"""The databases that signoff.yaml names, as tool packs: their addresses come from the environment, and stay there."""

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from agent.tool.definition import Tool
from bot.config.refusal import Refusal
from bot.config.sections import Database
from bot.config.settings import PostgresAddress
from tools import sql

ADDRESS: TypeAdapter[str] = TypeAdapter(PostgresAddress)


def sql_packs(databases: Mapping[str, Database], environment: Mapping[str, str]) -> dict[str, Sequence[Tool]]:
    """Return a pack `sql:NAME` for each database. Raises Refusal for a variable that is not set or holds no address."""
    return {f"sql:{name}": _pack(name, database, address(name, database, environment)) for name, database in databases.items()}


def look_at_sql(databases: Mapping[str, Database]) -> dict[str, Sequence[Tool]]:
    """Return the same packs without addresses, to see what there is; none of their tools can be run."""
    return {f"sql:{name}": _pack(name, database, "") for name, database in databases.items()}


def _pack(name: str, database: Database, url: str) -> Sequence[Tool]:
    return sql.sql(sql.NamedDatabase(name, url, database.rows, database.seconds, database.connections))


def address(name: str, database: Database, environment: Mapping[str, str]) -> str:
    """Return the database's address from the variable that is named for it. Raises Refusal, whose sentence does not hold it."""
    variable = database.url[2:-1]
    found = environment.get(variable, "")
    if not found:
        raise Refusal(
            f"{variable} is not set, but `databases.{name}.url` in signoff.yaml names it: set it, or remove that database."
        )
    try:
        return ADDRESS.validate_python(found)
    except ValidationError:  # whose text has the address in it
        raise Refusal(f"{variable} is not an address like postgresql://user:password@host:5432/name: correct it.") from None
