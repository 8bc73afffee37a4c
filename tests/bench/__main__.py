"""`python -m tests.bench`: measures and prints the table. It asserts nothing: figures are for people to read."""

import asyncio
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.home import Home, Servers
from bot.sandbox.model import ScriptedModel, fast
from tests.bench import subject
from tests.bench.footprint import TURNS, Written, footprint
from tests.bench.latency import Figure, throughput, waits
from tests.bench.subject import Subject

ROUNDS, SAMPLES = 5, 20
AT_ONCE, SESSIONS, THROUGHPUT_ROUNDS = 32, 192, 3
THREADS = 3

EXPLAINED = """\
The bot and its floor are processes of their own; the workspace, the scripted model (which takes no time) and the clock are
in this one. p50 and p95 are medians over {rounds} rounds of {samples} threads, the bot and the floor in turn.
Floor of acks: bare Bolt with one row inserted. Floor of card and answer: that, then the same streamed model calls on the
anthropic SDK with a commit after each, the same two tools, and one chat.postMessage; tests/bench/floor.py is the whole of it."""

TURNS_EXPLAINED = """\
A turn is a mention, a search, a card, an approval, an order and an answer. Medians of three threads, full-page images off.
The first turn also writes the session's row; the model and prompt it is pinned to are one row for all sessions."""


async def measure(servers: Servers, folder: Path, console: Console) -> None:
    """Every figure, printed as soon as it is known."""
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ScriptedModel(fast))

        async def pair(transport: subject.Transport) -> tuple[Subject, Subject]:
            bot = await stack.enter_async_context(subject.running("bot", transport, model, servers, folder))
            floor = await stack.enter_async_context(subject.running("floor", transport, model, servers, folder))
            return bot, floor

        socket, http = await pair("socket"), await pair("http")
        figures: list[Figure] = []
        for transport, subjects in (("Socket Mode", socket), ("HTTP", http)):
            await waits(subjects, transport, 1, 5)  # warms up caches, pools and plans
            figures += await waits(subjects, transport, ROUNDS, SAMPLES)
        figures += await throughput(socket, AT_ONCE, THROUGHPUT_ROUNDS, SESSIONS)
        console.print(figures_table(figures))
        console.print(EXPLAINED.format(rounds=ROUNDS, samples=SAMPLES), style="dim")
        console.print(footprint_table(*await footprint(socket, THREADS)))
        console.print(TURNS_EXPLAINED, style="dim")
        if model.refusals:
            raise RuntimeError(f"the model refused a request: {model.refusals[0].message}")


def figures_table(figures: list[Figure]) -> Table:
    """Times and rates."""
    table = Table(title="\nHow long people wait", title_justify="left")
    for name in ("", "bot p50", "p95", "floor p50", "p95", "times the floor"):
        table.add_column(name, justify="left" if not name else "right")
    for figure in figures:
        numbers = (figure.bot, figure.bot_p95, figure.floor, figure.floor_p95)
        table.add_row(figure.what, *("" if number is None else f"{number:.1f}" for number in numbers), f"{figure.ratio:.2f}")
    return table


def footprint_table(bot: dict[int, Written], floor: dict[int, Written]) -> Table:
    """What a turn writes."""
    table = Table(title="\nWhat one turn of a thread writes", title_justify="left")
    for name in ("", "turn", "rows", "bytes of rows", "bytes of write-ahead log", "rows by table"):
        table.add_column(name, justify="right" if name and name != "rows by table" else "left")
    for name, written in (("bot", bot), ("floor", floor)):
        for turn in TURNS:
            one = written[turn]
            tables = ", ".join(f"{table} {rows}" for table, rows in one.rows.items())
            table.add_row(name, str(turn), str(sum(one.rows.values())), f"{one.row_bytes:,}", f"{one.log_bytes:,}", tables)
    return table


def main() -> None:
    """On stores of its own in a temporary folder, which are gone afterwards."""
    console, started = Console(), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="signoff-bench-"))
    folder.chmod(0o711)  # for root, whose Postgres runs as another user
    (folder / "signoff.yaml").write_text(subject.CONFIG)
    try:
        with Home(folder / "home").servers() as servers:
            asyncio.run(measure(servers, folder, console))
    finally:
        shutil.rmtree(folder)
    console.print(f"took {time.monotonic() - started:.0f} s", style="dim")


if __name__ == "__main__":
    main()
