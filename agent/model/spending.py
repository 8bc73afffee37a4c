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
    saved_tokens: int = 0  # that the call is charged less if the cache still holds what it should (`agent.model.caching`)
    first: bool = False  # of its session: nothing was ever counted in that one's own budget
    committed: bool = False  # its start is in Postgres: what is set aside for a call of this number is its own
    last: Charge | None = None  # of the session's call before, to be settled with this one: neither is committed yet

    @property
    def shared(self) -> bool:
        """Return whether others spend from one of the budgets, too."""
        return any(kind != "session" for kind in self.limits)

    def tokens(self, output: int) -> int:
        """Return the tokens to reserve for so much output."""
        return self.input_tokens + output

    def saved_in(self, kind: BudgetKind) -> int:
        """Return how much of the reservation a budget may lack: what the cache saves, in the conversation's own.

        A cache that worked a call ago can be gone before its term. A conversation makes one call at a time, so its budget is
        exceeded by no more than this, and once: nothing is left for a next call. In budgets that many share, all that is under
        way could miss at once; there every call has to fit as if nothing were cached.
        """
        return self.saved_tokens if kind == "session" else 0

    def least(self, kind: BudgetKind, measure: Measure) -> int:
        """Return what a budget must have left for the call to be made at all."""
        if measure == "nano_usd":
            return self.nano_usd(self.least_output)
        return self.tokens(self.least_output) - self.saved_in(kind)

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
    """How one measure of a budget stands: used, and set aside for calls under way, of how much in all. The next call has to have
    `needed` of it."""

    scope: Scope
    measure: Measure
    used: int
    open: int
    limit: int
    needed: int

    @property
    def left(self) -> int:
        """Return what a call could still take."""
        return max(0, self.limit - self.used - self.open)

    @property
    def lacks(self) -> int:
        """Return by how much it would have to be larger for the next call."""
        return self.used + self.open + self.needed - self.limit


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was set aside: these do not allow it. The others do."""

    short: tuple[BudgetStanding, ...]
    busy: bool  # once the calls under way are over there may be enough


@dataclass(frozen=True, slots=True)
class SettleFirst:
    """Nothing was set aside, and nothing settled: the call before has to be settled by itself, once its charge is committed."""


def usd(nano_usd: int) -> str:
    """Return an amount in dollars and cents; less than a cent is spelled out."""
    dollars = Decimal(nano_usd) / NANO_PER_USD
    return f"${dollars.normalize():f}" if nano_usd % (NANO_PER_USD // 100) and dollars < 1 else f"${dollars:,.2f}"


def figure(measure: Measure, value: int) -> str:
    """Return a number of tokens, or money in whole cents and without them where there are none: "26,000", "$0.05", "$1"."""
    if measure == "tokens":
        return f"{value:,}"
    cents = round(Decimal(value) * 100 / NANO_PER_USD)
    if value and not cents:
        return "less than $0.01"
    return f"${cents // 100:,}" if cents % 100 == 0 else f"${Decimal(cents) / 100:,.2f}"


def amount(measure: Measure, value: int) -> str:
    """Return so many tokens, or so much money, with the unit."""
    return figure(measure, value) if measure == "nano_usd" else f"{figure(measure, value)} tokens"
