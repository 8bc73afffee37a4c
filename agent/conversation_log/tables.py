"""The tables of the conversation log."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel

from agent.store.tables import TIMESTAMP, text_column


class ConversationMessageRow(SQLModel, table=True):
    """One message of a conversation, masked. A thread's are found by its session's id, which names it.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "conversation_message"
    __table_args__ = (
        Index("conversation_message_agent", "agent", "at"),
        Index("conversation_message_at", "at"),
        Index("conversation_message_trace", "trace_id"),
    )

    session_id: str = Field(sa_column=Column(Text, primary_key=True))  # team:channel:thread_ts
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))  # of its step
    part: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))  # among those of its step
    at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))  # when its step was committed
    turn: int = Field(sa_column=Column(BigInteger, nullable=False))
    trace_id: str = Field(sa_column=Column(Text, nullable=False))
    agent: str = Field(default="", sa_column=text_column())
    prompt: str = Field(default="", sa_column=text_column())  # NAME@N
    prompt_digest: str = Field(default="", sa_column=text_column())
    role: str = Field(sa_column=Column(Text, nullable=False))  # agent.conversation_log.messages.Role
    tool: str = Field(default="", sa_column=text_column())
    outcome: str = Field(default="", sa_column=text_column())
    ids: Any = Field(sa_column=Column(JSON, nullable=False))
    words: Any = Field(sa_column=Column(JSON, nullable=False))  # masked


class ConversationPositionRow(SQLModel, table=True):
    """Up to which step a session's messages are written."""

    __tablename__: ClassVar[Any] = "conversation_position"

    session_id: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
