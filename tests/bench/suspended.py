"""What sessions that wait for people cost the others: a hundred or a hundred thousand, and a thousand reminders at once."""

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from agent.types import Place
from bot.sandbox.model import ScriptedModel
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.stores.embedded_home import Servers
from tests.bench import subject
from tests.bench.conversation import CHANNEL, PERSON, Card
from tests.bench.crowd import suspend
from tests.bench.latency import READING_SECONDS, percentile
from tests.bench.subject import Subject

FEW, MANY = 100, 100_000
TEAMS = 50  # the bot's own among them: a share of the crowd stands in its very workspace
ROUNDS, SAMPLES = 5, 15
IDLE_SECONDS = 3.0  # until a process that nobody talks to counts as idle

REMINDERS = 1_000  # due at once, all in the bot's own workspace
PREPARING_SECONDS = 30.0  # until they are: the bot starts meanwhile, and cards are made that will be clicked
CLICKS, BETWEEN_CLICKS_SECONDS = 25, 0.15

# The approved call's start is on record: from here on it is the tool's time. Postgres and the bench have one clock.
RESUMED = "SELECT extract(epoch FROM started_at)::float8 FROM action WHERE session_id = %s"
HELD = "SELECT count(*) FROM session WHERE lease_until IS NOT NULL"
REMINDED = "SELECT count(*) FROM step WHERE body ->> 'kind' = 'posted' AND body ->> 'key' LIKE 'remind:%'"
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

EXPLAINED = """\
The sessions were suspended by the bot's own store and queue, in {seconds:.0f} s, with the steps of each in one commit instead of
three; over {teams} workspaces of which the bot's is one (a claim looks at each: 1,000 of them would add some 9 ms). Each has a
reminder in an hour and an expiry in a day, and was found due at its reminder, with no lease and nothing untaken. Two bots in
turn, one thread after another; medians of {rounds} rounds of {samples} clicks. Resumed: the start of the approved call is
committed, which takes one question to Slack (may she decide?) and waits for none of its posts. Memory: of the process, resident,
idle after the same conversations. Reminders: all of the clicks' own workspace, in a separate bot."""


@dataclass
class Waits:
    """Of one bot."""

    resumed_ms: list[list[float]] = field(default_factory=list[list[float]])
    answered_ms: list[list[float]] = field(default_factory=list[list[float]])
    megabytes: float = 0
    connections: int = 0

    @staticmethod
    def p50(rounds: Sequence[Sequence[float]]) -> float:
        """The median of the rounds' own."""
        return statistics.median(percentile(samples, 50) for samples in rounds)


async def suspended(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Measures and prints."""
    started = time.monotonic()
    async with _among(FEW, model, servers, folder) as few, _among(MANY, model, servers, folder) as many:
        seconds = time.monotonic() - started
        found = [Waits(), Waits()]
        for number in range(ROUNDS + 1):
            for waits in found:
                waits.resumed_ms.append([])
                waits.answered_ms.append([])
            for _ in range(SAMPLES):
                for one, waits in zip((few, many), found, strict=True):
                    await _one_thread(one, waits)
            if number == 0:  # it warmed up caches, pools and plans
                found = [Waits(), Waits()]
        for one, waits in zip((few, many), found, strict=True):
            await _idle(one, waits)
    console.print(_table(*found))
    console.print(_reminders_table(found[0], *await _reminders(model, servers, folder)))
    explained = EXPLAINED.format(seconds=seconds, teams=TEAMS, rounds=ROUNDS, samples=SAMPLES)
    console.print(explained, style="dim")


@asynccontextmanager
async def _among(number: int, model: ScriptedModel, servers: Servers, folder: Path) -> AsyncGenerator[Subject]:
    """A bot whose database holds so many suspended sessions."""

    async def crowd(slack: SlackSandbox, database_url: str) -> None:
        teams = [slack.team_id, *(f"T0CROWD{team}" for team in range(1, TEAMS))]
        places = (Place(team=teams[n % TEAMS], channel="C0CROWD", thread_ts=f"{1_700_000_000 + n}.0001") for n in range(number))
        await suspend(database_url, places)

    async with subject.running("bot", "socket", model, servers, folder, among=f"_{number}", prepare=crowd) as one:
        yield one


async def _one_thread(one: Subject, into: Waits) -> None:
    card = await one.conversations.mention()
    await asyncio.sleep(READING_SECONDS)
    resumed, answered = await _click(one, card)
    into.resumed_ms[-1].append(resumed)
    into.answered_ms[-1].append(answered)
    await asyncio.sleep(READING_SECONDS)


async def _click(one: Subject, card: Card) -> tuple[float, float]:
    """Milliseconds until the session is resumed, and until the answer stands."""
    clicked = time.time()
    answered = await one.conversations.approve(card)
    session_id = f"{one.slack.team_id}:{one.slack.channels[CHANNEL]}:{card.thread_ts}"
    return 1000 * (await _value(one, RESUMED, session_id) - clicked), 1000 * answered.seconds


async def _value(one: Subject, statement: Any, *values: Any) -> Any:
    async with await psycopg.AsyncConnection[Any].connect(one.database_url, autocommit=True) as connection:
        [(value,)] = await (await connection.execute(statement, values or None)).fetchall()
        return value


async def _idle(one: Subject, into: Waits) -> None:
    """What the process holds when nobody talks to it. Raises RuntimeError if a session is still held."""
    await asyncio.sleep(IDLE_SECONDS)
    if held := await _value(one, HELD):
        raise RuntimeError(f"{held} sessions are held by an idle bot.")
    into.megabytes = one.process.memory_info().rss / 2**20
    into.connections = await _value(one, CONNECTED)


async def _reminders(model: ScriptedModel, servers: Servers, folder: Path) -> tuple[list[float], float]:
    """Milliseconds from click to resumed while reminders go out, and the seconds that they all took."""
    due_at = datetime.now(UTC) + timedelta(seconds=PREPARING_SECONDS)

    async def crowd(slack: SlackSandbox, database_url: str) -> None:
        channel, ann = slack.channels[CHANNEL], slack.people[PERSON]
        roots = [slack.workspace.add_message(channel, ann, "please order a desk lamp") for _ in range(REMINDERS)]
        await suspend(database_url, [Place(team=slack.team_id, channel=channel, thread_ts=root.ts) for root in roots], due_at)

    async with subject.running("bot", "socket", model, servers, folder, among="_reminders", prepare=crowd) as one:
        cards = [await one.conversations.mention() for _ in range(CLICKS)]
        early = (due_at - datetime.now(UTC)).total_seconds()
        if early < 0:
            raise RuntimeError(f"The reminders fell due {-early:.1f} s too early: this machine is too slow for the bench.")
        await asyncio.sleep(early + BETWEEN_CLICKS_SECONDS)
        clicks: list[asyncio.Task[tuple[float, float]]] = []
        for card in cards:
            clicks.append(asyncio.create_task(_click(one, card)))
            await asyncio.sleep(BETWEEN_CLICKS_SECONDS)
        resumed_ms = [resumed for resumed, _ in await asyncio.gather(*clicks)]
        while await _value(one, REMINDED) < REMINDERS:  # noqa: ASYNC110  # the database sends no event for it
            await asyncio.sleep(0.2)
        return resumed_ms, (datetime.now(UTC) - due_at).total_seconds()


def _table(few: Waits, many: Waits) -> Table:
    table = Table(title="\nWhat sessions that wait for people cost", title_justify="left")
    for name in ("", f"among {FEW:,}", f"among {MANY:,}", "times"):
        table.add_column(name, justify="right" if name else "left")
    for what, one, other in (
        ("click to resumed, p50, ms", few.p50(few.resumed_ms), many.p50(many.resumed_ms)),
        ("click to answer, p50, ms", few.p50(few.answered_ms), many.p50(many.answered_ms)),
        ("memory of the idle process, MB", few.megabytes, many.megabytes),
        ("its connections to the database", few.connections, many.connections),
    ):
        table.add_row(what, f"{one:,.1f}", f"{other:,.1f}", f"{other / one:.3f}")
    return table


def _reminders_table(calm: Waits, resumed_ms: list[float], seconds: float) -> Table:
    table = Table(title=f"\nA click amid {REMINDERS:,} due reminders (out after {seconds:.1f} s)", title_justify="left")
    for name in ("", "p50", "p95", "longest"):
        table.add_column(name, justify="right" if name else "left")
    quiet = [ms for samples in calm.resumed_ms for ms in samples]
    for what, all_ms in (("click to resumed, ms", resumed_ms), (f"with none due, among {FEW}", quiet)):
        table.add_row(what, *(f"{ms:.1f}" for ms in (percentile(all_ms, 50), percentile(all_ms, 95), max(all_ms))))
    return table
