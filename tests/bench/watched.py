"""What it costs that a bot is watched: processor time of a session with traces, figures and the conversation log, and without.

Bots that differ in nothing else hold the same sessions in turns, round after round, and each is given time to write its log.
Counted is all that a bot and the processes that it started use, the one that masks first of all; what the collector uses is not.
Lines of the log are masked in all of them.
"""

import asyncio
import statistics
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from rich.console import Console
from rich.table import Table

from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import subject
from tests.bench.latency import READING_SECONDS
from tests.bench.subject import Subject

ROUNDS, SESSIONS = 5, 12  # of each bot, in a round
REST_SECONDS = 6.0  # after a round: the chore that writes the log comes every 5 seconds
PATTERNS = "log without names"  # the conversation log where only patterns are masked
WATCHED = ("nothing", "traces and figures", PATTERNS, "conversation log", "all of it")
GOAL = 0.05

EXPLAINED = f"""\
A session is a mention, a search, a card, an approval, an order and an answer. Medians over {ROUNDS} rounds of {SESSIONS} of them,
the bots in turn after a round that warms them up; the goal for all of it is {GOAL:.0%} more than nothing."""


@dataclass
class Watch:
    """A bot, and what was found of it: the processor's time of a session, by round, and how long people waited, by session."""

    bot: Subject
    cpu_ms: list[float] = field(default_factory=list[float])
    own_ms: list[float] = field(default_factory=list[float])  # of the bot's process alone
    waited_ms: list[float] = field(default_factory=list[float])


async def watched(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Measure and print."""
    async with AsyncExitStack() as stack:
        collector = await stack.enter_async_context(_collecting())
        watches = {
            name: Watch(await stack.enter_async_context(_running(name, collector, model, servers, folder))) for name in WATCHED
        }
        for number in range(ROUNDS + 1):
            for watch in watches.values():
                await _one_round(watch, counts=number > 0)
    console.print(_table(watches))
    console.print(EXPLAINED, style="dim")


def _running(
    name: str, collector: str, model: ScriptedModel, servers: Servers, folder: Path
) -> AbstractAsyncContextManager[Subject]:
    """Return a bot that is watched in this way, to be run."""
    logs, traces = name in (PATTERNS, "conversation log", "all of it"), name in ("traces and figures", "all of it")
    place = folder / name.replace(" ", "-")
    place.mkdir()
    masking = "masking: {names: off}\n" if name == PATTERNS else ""
    (place / "signoff.yaml").write_text(f"{subject.CONFIG}conversation_log: {{write: {str(logs).lower()}}}\n{masking}")
    further: Mapping[str, str] = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "METRICS_PORT": "0"} if traces else subject.NOTHING
    return subject.running("bot", "socket", model, servers, place, among=f"_{name.replace(' ', '_')}", further=further)


async def _one_round(watch: Watch, *, counts: bool) -> None:
    bot, waited = watch.bot, list[float]()
    before, before_own = bot.cpu_seconds_of_all(), bot.cpu_seconds()
    for _ in range(SESSIONS):
        card = await bot.conversations.mention()
        await asyncio.sleep(READING_SECONDS)
        answered = await bot.conversations.approve(card)
        await asyncio.sleep(READING_SECONDS)
        waited.append(1_000 * (card.seconds + answered.seconds))
    await asyncio.sleep(REST_SECONDS)
    if counts:
        watch.cpu_ms.append(1_000 * (bot.cpu_seconds_of_all() - before) / SESSIONS)
        watch.own_ms.append(1_000 * (bot.cpu_seconds() - before_own) / SESSIONS)
        watch.waited_ms += waited


def _table(watches: Mapping[str, Watch]) -> Table:
    table = Table(title="\nWhat it costs to be watched, a session", title_justify="left")
    table.add_column("watched by")
    for name in ("CPU ms", "times", "of the bot itself", "times", "until card and answer, ms p50", "times"):
        table.add_column(name, justify="right")
    nothing = watches["nothing"]
    for name, watch in watches.items():
        cells = list[str]()
        for found, bare in (
            (watch.cpu_ms, nothing.cpu_ms),
            (watch.own_ms, nothing.own_ms),
            (watch.waited_ms, nothing.waited_ms),
        ):
            median = statistics.median(found)
            cells += [f"{median:.1f}", f"{median / statistics.median(bare):.3f}"]
        table.add_row(name, *cells)
    return table


@asynccontextmanager
async def _collecting() -> AsyncGenerator[str]:
    """A collector that takes whatever it is sent; its address."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    site = web.Application(client_max_size=2**26)
    site.add_routes([web.post("/{path:.*}", take)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
