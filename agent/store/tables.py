"""The tables of the core. Truth and queue are one: the session row is its own queue entry.

Long because each table's fields stand here, a column a line.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ARRAY, JSON, BigInteger, Boolean, Column, Computed, DateTime, Identity, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from agent.session.step_text import is_kind

TIMESTAMP: Any = DateTime(timezone=True)
KIND = r"""substring(body::text, '^\s*\{\s*"kind"\s*:\s*"([a-z_]+)"')"""


def now_column() -> Column[Any]:
    return Column(TIMESTAMP, nullable=False, server_default=text("now()"))


def text_column() -> Column[Any]:
    return Column(Text, nullable=False, server_default="")


class SessionRow(SQLModel, table=True):
    """One Slack thread, and its place in the queue.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "session"
    __table_args__ = (
        # What a claim reads: due sessions, a workspace at a time; those that people wait for, a channel at a time (to be fair).
        Index("session_due", "team", "woken_at", "wake_at", postgresql_where=text("wake_at IS NOT NULL")),
        Index("session_woken", "team", "channel", "woken_at", "wake_at", postgresql_where=text("woken_at IS NOT NULL")),
        Index("session_failing", "id", postgresql_where=text("failures > 0")),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))  # team:channel:thread_ts
    team: str = Field(sa_column=Column(Text, nullable=False))
    channel: str = Field(sa_column=Column(Text, nullable=False))
    thread_ts: str = Field(sa_column=Column(Text, nullable=False))
    pin_id: str | None = Field(default=None, sa_column=Column(Text, nullable=True))  # what the session is run with
    epoch: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))  # raised by each claim
    lease_until: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    wake_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))  # when it is due
    woken_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))  # by people, until a release
    wakes: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))  # raised by each waking
    # Claims in a row that ended without a step; where the log stood then; since when it is set aside (`agent.store.aside`).
    failures: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    claimed_seq: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    aside_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    created_at: datetime = Field(sa_column=now_column())


class PinRow(SQLModel, table=True):
    """Model, prompt and rendered tools, by their hash: a deploy never changes what a session was started with."""

    __tablename__: ClassVar[Any] = "pin"

    id: str = Field(sa_column=Column(Text, primary_key=True))
    body: Any = Field(sa_column=Column(JSON, nullable=False))


class InboxRow(SQLModel, table=True):
    """What was received and acknowledged. `key` makes a retried delivery change nothing."""

    __tablename__: ClassVar[Any] = "inbox"
    __table_args__ = (Index("inbox_open", "session_id", "id", postgresql_where=text("taken_at IS NULL")),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    session_id: str = Field(sa_column=Column(Text, nullable=False))
    body: Any = Field(sa_column=Column(JSON, nullable=False))
    received_at: datetime = Field(sa_column=now_column())
    taken_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))


class StepRow(SQLModel, table=True):
    """One step of a session's log. `body` is json, not jsonb: transcript blocks stay byte for byte."""

    __tablename__: ClassVar[Any] = "step"
    __table_args__ = (
        Index("step_asked", text("made_at DESC"), postgresql_where=text(is_kind("body", "asked"))),
        Index("step_made", "made_at", postgresql_using="brin"),  # what the conversation log has not seen yet
    )

    session_id: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    epoch: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: Any = Field(sa_column=Column(JSON, nullable=False))
    made_at: datetime = Field(sa_column=now_column())
    # The body's first field: what decides whether a step is audited (migration 0010).
    kind: str = Field(sa_column=Column(Text, Computed(KIND, persisted=True), nullable=False))


class OutputRow(SQLModel, table=True):
    """A result that was too long for the model, whole. `id` is the handle. One that no step names is of a run that was lost."""

    __tablename__: ClassVar[Any] = "output"

    session_id: str = Field(sa_column=Column(Text, primary_key=True))
    id: str = Field(sa_column=Column(Text, primary_key=True))
    text: str = Field(sa_column=Column(Text, nullable=False))
    made_at: datetime = Field(sa_column=now_column())


class AttachmentRow(SQLModel, table=True):
    """The bytes of a file that people attached, once the model is to see it. A step names them by `id`, the handle."""

    __tablename__: ClassVar[Any] = "attachment"

    session_id: str = Field(sa_column=Column(Text, primary_key=True))
    id: str = Field(sa_column=Column(Text, primary_key=True))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_at: datetime = Field(sa_column=now_column())


class ActionRow(SQLModel, table=True):
    """A call that waits for people, found by its own id. `status` is what the conditional statements settle.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "action"
    __table_args__ = (
        Index("action_open", "session_id", postgresql_where=text("status = 'pending'")),
        Index("action_due", "expires_at", postgresql_where=text("status IN ('pending', 'unknown')")),
        Index("action_asker", "asker", postgresql_where=text("status = 'pending'")),
        Index("action_decided", text("decided_at DESC"), postgresql_where=text("decided_at IS NOT NULL")),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    session_id: str = Field(sa_column=Column(Text, nullable=False))
    # pending, approved, rejected, expired, withdrawn, undeliverable, edited, running, succeeded, failed, unknown, refused
    status: str = Field(sa_column=Column(Text, nullable=False, server_default="pending"))
    digest: str = Field(sa_column=Column(Text, nullable=False))
    quorum: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="1"))
    rejections: int = Field(default=1, sa_column=Column(BigInteger, nullable=False, server_default="1"))
    body: Any = Field(sa_column=Column(JSON, nullable=False))  # the ProposedAction, as it was shown
    expires_at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))
    decided_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    decided_by: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    started_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    created_at: datetime = Field(sa_column=now_column())
    asker: str = Field(default="", sa_column=text_column())  # the first of its requesters
    # It ran without a card; people are asked only about its outcome.
    ran: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))


class GrantRow(SQLModel, table=True):
    """A standing permission for one thread and tool. The statement that starts a run under it counts `uses`.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "grant"
    __table_args__ = (Index("grant_by", "team", "granted_by"),)

    id: str = Field(sa_column=Column(Text, primary_key=True))
    session_id: str = Field(sa_column=Column(Text, nullable=False))
    team: str = Field(sa_column=Column(Text, nullable=False))
    tool: str = Field(sa_column=Column(Text, nullable=False))
    granted_by: str = Field(sa_column=Column(Text, nullable=False))
    body: Any = Field(sa_column=Column(JSON, nullable=False))  # the Granted, as it was confirmed
    most_uses: int = Field(sa_column=Column(BigInteger, nullable=False))
    uses: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    expires_at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))
    granted_at: datetime = Field(sa_column=now_column())
    revoked_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    revoked_by: str = Field(default="", sa_column=text_column())


class VoteRow(SQLModel, table=True):
    """What one person said of one action: once."""

    __tablename__: ClassVar[Any] = "vote"

    action_id: str = Field(sa_column=Column(Text, primary_key=True))
    user: str = Field(sa_column=Column("user", Text, primary_key=True))
    decision: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    voted_at: datetime = Field(sa_column=now_column())


class FeedbackRow(SQLModel, table=True):
    """What one person says of the answer of one turn, and what made it.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "feedback"
    __table_args__ = (
        Index("feedback_of_prompt", "prompt_digest", "at"),
        Index("feedback_untold", "at", postgresql_where=text("told_at IS NULL")),
    )

    session_id: str = Field(sa_column=Column(Text, primary_key=True))
    turn: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    user: str = Field(sa_column=Column("user", Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, nullable=False))  # good, bad
    reason: str = Field(default="", sa_column=text_column())
    prompt: str = Field(default="", sa_column=text_column())  # NAME@N
    prompt_digest: str = Field(default="", sa_column=text_column())
    model: str = Field(default="", sa_column=text_column())
    at: datetime = Field(sa_column=now_column())
    # What they say is wrong with it, in their own words, until it is filed with personal data masked (`agent.cases.filing`).
    wrong: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    told_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))  # to who watches; null: not yet


class UsageRow(SQLModel, table=True):
    """One model call: reserved when it starts, charged when it is over. `settled_at` is null while it is under way.

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "usage"
    __table_args__ = (
        Index("usage_team", "team", "started_at"),
        Index("usage_payer", "team", "payer", "started_at"),
        Index("usage_settled", "settled_at"),
    )

    session_id: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))  # of its ModelStarted
    team: str = Field(sa_column=Column(Text, nullable=False))
    payer: str = Field(sa_column=Column(Text, nullable=False))  # the person who asked first in the turn
    agent: str = Field(sa_column=Column(Text, nullable=False))
    model: str = Field(sa_column=Column(Text, nullable=False))
    purpose: str = Field(sa_column=Column(Text, nullable=False, server_default="reply"))  # or compact
    iteration: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="1"))  # 1: a turn began with it
    started_at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))  # decides in which day and month it counts
    reserved_tokens: int = Field(sa_column=Column(BigInteger, nullable=False))
    reserved_nano_usd: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    settled_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))
    tokens: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))  # charged
    nano_usd: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    input_tokens: int | None = Field(
        default=None, sa_column=Column(BigInteger, nullable=True)
    )  # as the model counted; null: no reply
    output_tokens: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    cache_creation_input_tokens: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    cache_read_input_tokens: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    notes: Any = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default="{}"))  # budgets that people were told of
    capped: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default="false")
    )  # its turn may make no more


class BudgetRaiseRow(SQLModel, table=True):
    """More that an admin allowed to be spent of one budget, until its period is over. A trigger audits it (migration 0006)."""

    __tablename__: ClassVar[Any] = "budget_raise"
    __table_args__ = (Index("budget_raise_period", "team", "period", "kind", "subject"),)

    key: str = Field(sa_column=Column(Text, primary_key=True))  # of the dialog that it was entered in
    team: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))  # agent.model.spending.BudgetKind
    subject: str = Field(sa_column=Column(Text, nullable=False))
    period: str = Field(sa_column=Column(Text, nullable=False))
    tokens: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    nano_usd: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    raised_by: str = Field(sa_column=Column(Text, nullable=False))
    raised_at: datetime = Field(sa_column=now_column())


class ChoreRow(SQLModel, table=True):
    """What one of all processes does, once or now and then, and when that was begun and done last (`agent.store.chores`)."""

    __tablename__: ClassVar[Any] = "chore"

    key: str = Field(sa_column=Column(Text, primary_key=True))
    begun_at: datetime = Field(sa_column=now_column())
    done_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP, nullable=True))


class AuditRow(SQLModel, table=True):
    """One entry of a workspace's hash chain. Triggers write, number and chain it, and refuse to change it (migration 0003).

    Wide because it is a table, a field a column.
    """

    __tablename__: ClassVar[Any] = "audit"
    __table_args__ = (
        Index("audit_ask", "action_id", postgresql_where=text("kind = 'ask'")),
        Index("audit_call", "session_id", "call_id"),
    )

    team: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_column=Column(TIMESTAMP, nullable=False))
    # ask, view, vote, edit, escalation, decision, grant, revoke, claim, outcome, outcome_told, raise, forget, correct, erase
    kind: str = Field(sa_column=Column(Text, nullable=False))
    actor: str = Field(default="", sa_column=text_column())  # a person; empty: Signoff itself, or the clock
    session_id: str = Field(default="", sa_column=text_column())
    action_id: str = Field(default="", sa_column=text_column())
    call_id: str = Field(default="", sa_column=text_column())
    tool: str = Field(default="", sa_column=text_column())
    digest: str = Field(default="", sa_column=text_column())
    rule: str = Field(default="", sa_column=text_column())
    body: Any = Field(sa_column=Column(JSON, nullable=False, server_default="{}"))  # json: the hash is over its very text
    previous_hash: str = Field(sa_column=Column(Text, nullable=False))
    hash: str = Field(sa_column=Column(Text, nullable=False))


class AuditHeadRow(SQLModel, table=True):
    """The last entry of a workspace's chain: what the next one follows, and what a chain cut short is compared with."""

    __tablename__: ClassVar[Any] = "audit_head"

    team: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: str = Field(sa_column=Column(Text, nullable=False))
