"""Alembic runs this file: from `migrations.upgrade`, or from its own command line with DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlmodel import SQLModel

import migrations
from agent.cases import tables as cases
from agent.conversation_log import tables as conversations
from agent.store import memory_tables as memory
from agent.store import prompt_tables as prompts
from agent.store import tables as core
from tools.catalog import tables as shop

__all__ = [
    "cases",
    "conversations",
    "core",
    "memory",
    "prompts",
    "shop",
]  # imported for the tables that they register with SQLModel
target_metadata = SQLModel.metadata
LOCK = 7_214_633_028  # any number that nothing else in the database locks


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=target_metadata, include_schemas=True)
    with context.begin_transaction():
        # Processes that start together: the first one migrates, the others wait here and find nothing left to do.
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = create_engine(migrations.sqlalchemy_url(os.environ["DATABASE_URL"]), poolclass=NullPool)
    with engine.connect() as opened:
        migrate(opened)
