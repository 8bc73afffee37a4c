"""The table of candidate cases."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from agent.store.tables import TIMESTAMP, text_column


class CandidateCaseRow(SQLModel, table=True):
    """An answer that somebody calls wrong. What was said and done before it is read from the steps (`agent.cases.candidate`).

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "candidate_case"
    __table_args__ = (Index("candidate_case_state", "state", "at"), Index("candidate_case_trace", "trace_id"))

    session_id: str = Field(sa_column=Column(Text, primary_key=True))  # team:channel:thread_ts
    turn: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    filed_by: str = Field(sa_column=Column(Text, primary_key=True))
    team: str = Field(sa_column=Column(Text, nullable=False))
    trace_id: str = Field(sa_column=Column(Text, nullable=False))  # of the turn
    at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))  # when they said so
    agent: str = Field(default="", sa_column=text_column())
    prompt: str = Field(default="", sa_column=text_column())  # NAME@N
    prompt_digest: str = Field(default="", sa_column=text_column())
    model: str = Field(default="", sa_column=text_column())
    words: Any = Field(sa_column=Column(JSON, nullable=False))  # masked: `wrong`, and what it should have said, `instead`
    state: str = Field(default="new", sa_column=Column(Text, nullable=False, server_default="new"))  # new, finished, dismissed
