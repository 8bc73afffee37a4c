"""SQL on a Postgres that the team names: one tool that can only read, and one whose every statement a person approves."""

from agent.tool.definition import Tool
from tools.sql.database import Database
from tools.sql.execute import execute
from tools.sql.query import query

__all__ = ["Database", "sql"]


def sql(database: Database) -> tuple[Tool, ...]:
    """Return the two tools of one database, NAME__query and NAME__execute."""
    return (query(database), execute(database))
