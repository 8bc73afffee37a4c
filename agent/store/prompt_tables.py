"""The tables of prompts: where their labels point, which evals were passed, and what hidden runs came to."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Boolean, Column, Identity, Index, Text, text
from sqlmodel import Field, SQLModel

from agent.store.tables import TIMESTAMP, now_column, text_column


class PromptLabelRow(SQLModel, table=True):
    """A label was moved. The newest row of a prompt and label says where it points; without a version, nowhere.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "prompt_label"
    __table_args__ = (Index("prompt_label_newest", "prompt", "label", "id"),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    key: str = Field(sa_column=Column(Text, nullable=False, unique=True))  # a promotion that is repeated moves it once
    prompt: str = Field(sa_column=Column(Text, nullable=False))
    label: str = Field(sa_column=Column(Text, nullable=False))  # production, canary or shadow
    version: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    digest: str = Field(default="", sa_column=text_column())
    share: int = Field(default=100, sa_column=Column(BigInteger, nullable=False))  # percentage of new sessions
    set_by: str = Field(default="", sa_column=text_column())  # a person's id, `operator:NAME`, or `signoff` itself
    why: str = Field(default="", sa_column=text_column())
    tested: str = Field(default="", sa_column=text_column())  # key of the eval that it passed
    at: datetime = Field(sa_column=now_column())


class EvalRunRow(SQLModel, table=True):
    """An eval that came to its end. `key` names what was tested: prompt, model and tools, each by its hash.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "eval_run"
    __table_args__ = (Index("eval_run_key", "key", "at"),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    key: str = Field(sa_column=Column(Text, nullable=False))
    prompt: str = Field(sa_column=Column(Text, nullable=False))  # NAME@N
    digest: str = Field(sa_column=Column(Text, nullable=False))
    model: str = Field(sa_column=Column(Text, nullable=False))
    golden: str = Field(sa_column=Column(Text, nullable=False))  # name of the set
    passed: bool = Field(sa_column=Column(Boolean, nullable=False))  # it reached each threshold of its set
    figures: Any = Field(sa_column=Column(JSON, nullable=False))
    at: datetime = Field(sa_column=now_column())


class ShadowRunRow(SQLModel, table=True):
    """A hidden run of a version over a turn of a real conversation. It holds ids, names, counts and times.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "shadow_run"
    __table_args__ = (
        Index("shadow_run_once", "session_id", "turn", "digest", unique=True),
        Index("shadow_run_alone", "status", unique=True, postgresql_where=text("status = 'running'")),
        Index("shadow_run_begun", "begun_at"),
    )

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    session_id: str = Field(sa_column=Column(Text, nullable=False))
    turn: int = Field(sa_column=Column(BigInteger, nullable=False))
    prompt: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    digest: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))  # running (one at a time), again, done, given_up
    tries: int = Field(default=1, sa_column=Column(BigInteger, nullable=False, server_default="1"))
    lease_until: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))
    charged_tokens: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))  # by all its tries
    why: str = Field(default="", sa_column=text_column())  # it was given up
    figures: Any = Field(sa_column=Column(JSON, nullable=False, server_default="{}"))  # `agent.store.shadow_runs.ShadowFigures`
    begun_at: datetime = Field(sa_column=now_column())
