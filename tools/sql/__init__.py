"""SQL on a Postgres that the team names: one tool that can only read, and one whose every statement a person approves."""

from agent.tool.definition import Tool
from tools.sql.database import NamedDatabase
from tools.sql.execute import execute
from tools.sql.query import query

__all__ = ["NamedDatabase", "sql"]


def sql(database: NamedDatabase) -> tuple[Tool, ...]:
    """Return the two tools of one database, NAME__query and NAME__execute."""
    return (query(database), execute(database))
