"""Who pays for a model call, out of which budgets, and what it costs. Pure.

Money is counted in whole billionths of a dollar, prices in whole trillionths a token: both exact for six decimals of a price
in dollars a million tokens, as providers state them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, get_args

from agent.types import Frozen, Usage

BudgetKind = Literal["session", "user_day", "workspace_day", "workspace_month"]
Measure = Literal["tokens", "nano_usd"]
KINDS: tuple[BudgetKind, ...] = get_args(BudgetKind)
NANO_PER_USD = 10**9
PICO_PER_NANO = 1_000
SESSION_KEPT = timedelta(days=7)  # in Redis; Postgres has it for good
PERIOD_KEPT = timedelta(days=2)  # after its end: a call may settle late


class Price(Frozen):
    """What a model costs, in trillionths of a dollar a token: that is its price in dollars a million tokens, times a million."""

    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int

    def nano_usd(self, usage: Usage) -> int:
        """Return what a call cost, rounded up."""
        for_an_hour = min(usage.cache_creation_1h_input_tokens, usage.cache_creation_input_tokens)
        pico = (
            usage.input_tokens * self.input
            + (usage.cache_creation_input_tokens - for_an_hour) * self.cache_write_5m
            + for_an_hour * self.cache_write_1h
            + usage.cache_read_input_tokens * self.cache_read
            + usage.output_tokens * self.output
        )
        return -(-pico // PICO_PER_NANO)

    def input_nano_usd(self, tokens: int) -> int:
        """Return the most that so many tokens of input may cost: as if all of them were written to the dearest cache."""
        return -(-tokens * max(self.input, self.cache_write_5m, self.cache_write_1h) // PICO_PER_NANO)


class Bill(Frozen):
    """Whom a model call is charged to, and by which prices."""

    payer: str
    agent: str
    model: str
    started_at: datetime  # by the database's clock; decides the day and the month
    nano_usd: int = 0  # reserved
    price: Price | None = None
    notes: tuple[str, ...] = ()  # budgets of which most was used by now: people are told in this thread


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be spent. None: there is no such limit."""

    tokens: int | None = None
    nano_usd: int | None = None


BudgetLimits = Mapping[BudgetKind, Limit]


@dataclass(frozen=True, slots=True)
class Scope:
    """What one budget counts: a session, a person's day with an agent, a day or a month of a workspace."""

    kind: BudgetKind
    team: str
    subject: str = ""  # the session; USER/AGENT; nothing for the whole workspace
    period: str = ""  # 2026-11-26, or 2026-11; in UTC

    @property
    def key(self) -> str:
        """Return where Redis keeps it. The braces keep all budgets of a workspace in one slot of a cluster, for one script to
        see."""
        return f"signoff:budget:{{{self.team}}}:{self.kind}:{self.subject}:{self.period}"

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Return beginning and end of the budget's period; None for a session, which has none."""
        if not self.period:
            return None
        if self.kind == "workspace_month":
            start = datetime.strptime(self.period, "%Y-%m").replace(tzinfo=UTC)
            return start, (start + timedelta(days=31)).replace(day=1)
        start = datetime.strptime(self.period, "%Y-%m-%d").replace(tzinfo=UTC)
        return start, start + timedelta(days=1)

    def kept_until(self, now: datetime) -> datetime:
        """Return when Redis may forget the budget."""
        return now + SESSION_KEPT if self.span is None else self.span[1] + PERIOD_KEPT


def scope(kind: BudgetKind, team: str, now: datetime, *, session_id: str = "", agent: str = "", user: str = "") -> Scope:
    """Return the budget of this kind that is current at a moment."""
    day = now.astimezone(UTC).strftime("%Y-%m-%d")
    match kind:
        case "session":
            return Scope(kind, team, session_id)
        case "user_day":
            return Scope(kind, team, f"{user}/{agent}", day)
        case "workspace_day":
            return Scope(kind, team, "", day)
        case "workspace_month":
            return Scope(kind, team, "", day[:7])


@dataclass(frozen=True, slots=True)
class Spender:
    """Who spends: the call `seq` of a session, begun at `at`, paid by the person who asked first in the turn."""

    team: str
    session_id: str
    agent: str
    user: str
    at: datetime
    seq: int  # of its ModelStarted

    def scopes(self) -> tuple[Scope, ...]:
        """Return every budget that it may count in, whether limited or not."""
        names = {"session_id": self.session_id, "agent": self.agent, "user": self.user}
        return tuple(scope(kind, self.team, self.at, **names) for kind in KINDS)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call that is over is charged; `usage` where the model said it."""

    spender: Spender
    tokens: int
    nano_usd: int
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A model call that is about to be made, and the budgets that it has to fit into."""

    spender: Spender
    input_tokens: int
    least_output: int  # with less to spend on its answer the call is not worth its input
    most_output: int
    limits: BudgetLimits
    price: Price | None = None
    lost_seq: int = 0  # of a call of this session whose process is gone: it is charged as it was reserved

    def tokens(self, output: int) -> int:
        """Return the tokens to reserve for so much output."""
        return self.input_tokens + output

    def nano_usd(self, output: int) -> int:
        """To be reserved for so much output."""
        if self.price is None:
            return 0
        return self.price.input_nano_usd(self.input_tokens) - (-output * self.price.output // PICO_PER_NANO)


@dataclass(frozen=True, slots=True)
class Reserved:
    """Set aside for a call: so much of it for its output. `notes` name budgets of which most is used by now."""

    output: int
    tokens: int
    nano_usd: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """How one measure of a budget stands: used, and set aside for calls under way, of how much in all."""

    scope: Scope
    measure: Measure
    used: int
    open: int
    limit: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was set aside: these do not allow it. The others do."""

    short: tuple[BudgetStanding, ...]
    busy: bool  # once the calls under way are over there may be enough


def usd(nano_usd: int) -> str:
    """Return an amount in dollars and cents; less than a cent is spelled out."""
    dollars = Decimal(nano_usd) / NANO_PER_USD
    return f"${dollars.normalize():f}" if nano_usd % (NANO_PER_USD // 100) and dollars < 1 else f"${dollars:,.2f}"


def amount(measure: Measure, value: int) -> str:
    """Return so many tokens, or so much money, in words."""
    return usd(value) if measure == "nano_usd" else f"{value:,} tokens"
