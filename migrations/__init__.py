"""The database's schema, forward only: `upgrade` brings a database to it, `pending` says whether it is there yet.

The version files are in `versions/`; alembic.ini beside pyproject.toml is for writing new ones.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, make_url

HERE = Path(__file__).parent
CONNECT_SECONDS = 10


class NewerError(Exception):
    """The database stands at a revision that this version does not have."""


def upgrade(database_url: str, revision: str = "head") -> None:
    """Brings the database forward to `revision`, in one transaction; several processes may call it at once.

    Blocks. Raises sqlalchemy.exc.OperationalError if the database is unreachable, NewerError if it is ahead.
    """
    if applied(database_url) - set(revisions()):
        raise NewerError
    with connected(database_url) as connection:
        command.upgrade(_config(connection), revision)


def pending(database_url: str) -> bool:
    """True if the database lacks a migration. Blocks. Raises sqlalchemy.exc.OperationalError if it is unreachable."""
    return applied(database_url) != set(ScriptDirectory.from_config(_config()).get_heads())


def applied(database_url: str) -> set[str]:
    """Return the revisions that the database is at: none in an empty one."""
    with connected(database_url) as connection:
        return set(MigrationContext.configure(connection).get_current_heads())


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def sqlalchemy_url(database_url: str) -> str:
    """Return the same database for SQLAlchemy: with psycopg 3 as its driver, whichever of the usual spellings was given."""
    return make_url(database_url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def connected(database_url: str) -> Connection:
    """Return a connection, for the caller to close. Raises sqlalchemy.exc.OperationalError if the database is unreachable."""
    waiting = {"connect_timeout": CONNECT_SECONDS}
    return create_engine(sqlalchemy_url(database_url), poolclass=NullPool, connect_args=waiting).connect()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
