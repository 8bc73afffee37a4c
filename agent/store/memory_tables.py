"""The tables of what is remembered beyond a conversation (`agent.memory.items`)."""

from datetime import datetime
from typing import Any, ClassVar

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

from agent.store.tables import TIMESTAMP, now_column, text_column


class MemoryRow(SQLModel, table=True):
    """One item. It is true until `valid_until`; what is forgotten is deleted.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "memory"
    __table_args__ = (
        # One row of what is true now, however often and by however many at once it is said.
        Index(
            "memory_once",
            "team",
            "channel",
            "kind",
            "digest",
            unique=True,
            postgresql_where=text("valid_until IS NULL AND kind = 'fact'"),
        ),
        Index("memory_source", "team", "source"),
        Index("memory_neighbours", "team", "channel", "grouped", "position"),
        Index("memory_expires", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index("memory_model", "model", postgresql_where=text("valid_until IS NULL")),
    )

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    team: str = Field(sa_column=Column(Text, nullable=False))
    channel: str = Field(sa_column=Column(Text, nullable=False))  # that it was learnt in; empty: for every full member
    kind: str = Field(sa_column=Column(Text, nullable=False))  # agent.memory.items.ItemKind
    subject: str = Field(default="", sa_column=text_column())
    body: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(sa_column=Column(Text, nullable=False))
    source: str = Field(sa_column=Column(Text, nullable=False))  # the key of its message, session or document
    quote: str = Field(sa_column=Column(Text, nullable=False))  # taken from it word for word
    said_by: str = Field(default="", sa_column=text_column())
    link: str = Field(default="", sa_column=text_column())
    grouped: str = Field(default="", sa_column=text_column())  # items of one group are neighbours
    position: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    confirmed: int = Field(default=1, sa_column=Column(BigInteger, nullable=False, server_default="1"))
    learnt_at: datetime = Field(sa_column=now_column())
    valid_until: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    expires_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    model: str = Field(default="", sa_column=text_column())  # that made the embedding; empty: none was made yet
    embedding: Any = Field(default=None, sa_column=Column(VECTOR(), nullable=True))
    words: Any = Field(
        default=None,
        sa_column=Column(TSVECTOR, Computed("to_tsvector('english'::regconfig, body)", persisted=True), nullable=False),
    )


class MemoryScopeRow(SQLModel, table=True):
    """How much of what is true was learnt in a channel. Triggers on `memory` keep it up."""

    __tablename__: ClassVar[Any] = "memory_scope"
    __table_args__ = (Index("memory_scope_once", "team", "channel", unique=True),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    team: str = Field(sa_column=Column(Text, nullable=False))
    channel: str = Field(sa_column=Column(Text, nullable=False))
    items: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    words: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))  # different ones an item


class MemoryNarrowRow(SQLModel, table=True):
    """What a look at all items needs of one that is true, in as few bytes as can be. Triggers on `memory` keep it up."""

    __tablename__: ClassVar[Any] = "memory_narrow"
    __table_args__ = (Index("memory_narrow_place", "scope", "place"),)

    item: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    scope: int = Field(sa_column=Column(BigInteger, nullable=False))
    place: int = Field(sa_column=Column(BigInteger, nullable=False))  # neighbours are as far apart as their positions
    expires_at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))  # infinity: never
    length: int = Field(sa_column=Column(Integer, nullable=False))  # different words
    embedding: Any = Field(default=None, sa_column=Column(VECTOR(), nullable=True))
    model: str = Field(sa_column=Column(Text, nullable=False))


class MemoryWordRow(SQLModel, table=True):
    """How often a word stands in an item that is true, and where that is. Triggers on `memory` keep it up."""

    __tablename__: ClassVar[Any] = "memory_word"
    __table_args__ = (
        PrimaryKeyConstraint(
            "word", "scope", "item", name="memory_word_pkey", postgresql_include=["expires_at", "times", "place"]
        ),
    )

    word: str = Field(sa_column=Column(Text(collation="C"), primary_key=True))
    scope: int = Field(sa_column=Column(BigInteger, primary_key=True))
    item: int = Field(sa_column=Column(BigInteger, primary_key=True))
    expires_at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))  # infinity: never
    times: int = Field(sa_column=Column(BigInteger, nullable=False))
    place: int = Field(sa_column=Column(BigInteger, nullable=False))


class MemorySaidRow(SQLModel, table=True):
    """A source that says what an item says: the first one, and each that confirmed it."""

    __tablename__: ClassVar[Any] = "memory_said"

    item: int = Field(sa_column=Column(BigInteger, ForeignKey("memory.id", ondelete="CASCADE"), primary_key=True))
    source: str = Field(sa_column=Column(Text, primary_key=True))


class MemoryGoneRow(SQLModel, table=True):
    """A tombstone: nothing is learnt from this source any more, since what was learnt from it was forgotten or corrected."""

    __tablename__: ClassVar[Any] = "memory_gone"

    team: str = Field(sa_column=Column(Text, primary_key=True))
    source: str = Field(sa_column=Column(Text, primary_key=True))
    gone_at: datetime = Field(sa_column=now_column())


class MemoryValueRow(SQLModel, table=True):
    """One value of a person, a channel or the workspace, by its key. Redis has a copy, which may be lost at any time.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "memory_value"
    __table_args__ = (Index("memory_value_expires", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),)

    team: str = Field(sa_column=Column(Text, primary_key=True))
    owner: str = Field(sa_column=Column(Text, primary_key=True))  # user:U1, channel:C1, workspace
    key: str = Field(sa_column=Column(Text, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))  # agent.memory.values.ValueKind
    channel: str = Field(sa_column=Column(Text, nullable=False))  # that it was said in: whose readers may know it
    value: Any = Field(sa_column=Column(JSON, nullable=False))
    set_by: str = Field(sa_column=Column(Text, nullable=False))
    set_at: datetime = Field(sa_column=now_column())
    expires_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))


class ChannelInstructionRow(SQLModel, table=True):
    """What people of a channel want the agent to do there, a row a version: the newest is that of new sessions."""

    __tablename__: ClassVar[Any] = "channel_instruction"

    team: str = Field(sa_column=Column(Text, primary_key=True))
    channel: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    text: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(sa_column=Column(Text, nullable=False))
    set_by: str = Field(sa_column=Column(Text, nullable=False))
    set_at: datetime = Field(sa_column=now_column())
