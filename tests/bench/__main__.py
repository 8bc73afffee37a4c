"""`python -m tests.bench`: measures and prints the tables. It asserts nothing: figures are for people to read.

`python -m tests.bench turns` measures one part of PARTS alone. `masking PATH` measures what is masked of the labelled set in a
file (`tests.bench.masking`), `recording` what recording figures costs (`tests.bench.recording`): these need no store. `memory
PATH` measures recall on the set in a folder (`tests.bench.memory`), `memory-scale ITEMS` how long a search takes among much.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.sandbox.model import ScriptedModel, fast
from bot.stores.embedded_home import Home, Servers
from tests.bench import subject
from tests.bench.calls import calls
from tests.bench.cost import cost
from tests.bench.floors import floors
from tests.bench.footprint import TURNS, Written, footprint
from tests.bench.ingress import ingress
from tests.bench.latency import Figure, Value, throughput, value, waits
from tests.bench.masking import masking
from tests.bench.memory import memory
from tests.bench.memory_scale import ITEMS, memory_scale
from tests.bench.paraphrases import paraphrases
from tests.bench.recording import recording
from tests.bench.several import several
from tests.bench.slow import slow
from tests.bench.start import start
from tests.bench.subject import Subject
from tests.bench.suspended import suspended
from tests.bench.watched import watched

ROUNDS, HTTP_ROUNDS, SAMPLES = 5, 3, 9
AT_ONCE, SESSIONS, THROUGHPUT_ROUNDS = 32, 96, 3

EXPLAINED = """\
The bot and its floors are separate processes; the workspace, the scripted model (which takes no time) and the clock are in
this one. p50 and p95 are medians over rounds of {samples} threads, the bot and the floors in turn.
floor: bare Bolt with one row inserted, then the same streamed model calls on the anthropic SDK with a commit after each, the same
two tools, and one chat.postMessage. safe floor: with the three further commits that it takes to never order twice, also after a
crash. Both are tests/bench/floor.py, which says what they leave out."""
TURNS_EXPLAINED = """\
A turn is a mention, a search, a card, an approval, an order and an answer. Medians of six to nine turns; full-page images off.
The first turn also writes the session's row; the model and prompt it is pinned to are one row for all sessions."""


async def measure(parts: Sequence[str], servers: Servers, folder: Path, console: Console) -> None:
    """Each part in turn."""
    for part in parts:
        async with ScriptedModel(fast) as model:
            await PARTS[part](model, servers, folder, console)
            if model.refusals:
                raise RuntimeError(f"the model refused a request: {model.refusals[0].message}")


async def turns(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """How long people wait, and what is written."""
    async with AsyncExitStack() as stack:

        async def start(program: subject.Program, transport: subject.Transport) -> Subject:
            return await stack.enter_async_context(subject.running(program, transport, model, servers, folder))

        http = [await start("bot", "http"), await start("floor", "http")]
        socket = [await start("bot", "socket"), await start("floor", "socket"), await start("safe floor", "socket")]
        bot, floor = await footprint(socket[:2])  # first: later there would be dead rows of others to prune
        figures: list[Figure] = []
        for transport, subjects, rounds in (("Socket Mode", socket, ROUNDS), ("HTTP", http, HTTP_ROUNDS)):
            await waits(subjects, transport, 1, 5)  # warms up caches, pools and plans
            figures += await waits(subjects, transport, rounds, SAMPLES)
        figures += await throughput(socket, AT_ONCE, THROUGHPUT_ROUNDS, SESSIONS)
        cards = tuple(value([of_one.late_cards_ms]) for of_one in (bot, floor))
        figures.append(Figure("event to card, turns 91 to 100 of a thread, ms", cards))
        console.print(figures_table(figures))
        console.print(EXPLAINED.format(samples=SAMPLES), style="dim")
        console.print(footprint_table(bot.written, floor.written))
        console.print(TURNS_EXPLAINED, style="dim")


FURTHER = "`masking PATH`, `memory PATH`, `memory-scale ITEMS`, `paraphrases` and `recording`"
PARTS = {
    "floors": floors,
    "slow": slow,
    "ingress": ingress,
    "start": start,
    "processes": several,
    "turns": turns,
    "suspended": suspended,
    "calls": calls,
    "cost": cost,
    "watched": watched,
}


def figures_table(figures: list[Figure]) -> Table:
    """Times and rates."""
    table = Table(title="\nHow long people wait", title_justify="left")
    table.add_column("")
    for name in ("bot p50", "p95", "floor p50", "p95", "times", "safe floor p50", "p95", "times"):
        table.add_column(name, justify="right")
    for figure in figures:
        cells = _cells(figure.values[0])
        for floor in figure.values[1:]:
            cells += [*_cells(floor), f"{figure.times(floor):.2f}"]
        table.add_row(figure.what, *cells)
    return table


def _cells(one: Value) -> list[str]:
    return [f"{one.p50:.1f}", "" if one.p95 is None else f"{one.p95:.1f}"]


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


def chosen(arguments: Sequence[str]) -> Callable[[Servers, Path, Console], Coroutine[Any, Any, None]]:
    """Return what the command line asks for. Raises SystemExit where there is no such part."""
    match arguments:
        case ["memory", path]:
            return lambda servers, folder, console: memory(servers, Path(path), console)
        case ["paraphrases"]:
            return lambda servers, folder, console: paraphrases(servers, console)
        case ["memory-scale", *items] if all(map(str.isdigit, items)):
            return lambda servers, folder, console: memory_scale(servers, console, int(items[0]) if items else ITEMS)
        case _:
            parts = arguments or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"There is no part {unknown.pop()!r}; there are: {', '.join(PARTS)}, {FURTHER}.")
    return lambda servers, folder, console: measure(parts, servers, folder, console)


def main() -> None:
    """On new stores in a temporary folder, which are gone afterwards."""
    console, started = Console(), time.monotonic()
    if len(sys.argv) == 3 and sys.argv[1] == "masking":
        masking(Path(sys.argv[2]), console)
        return
    if sys.argv[1:] == ["recording"]:
        recording(console)
        return
    work = chosen(sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="signoff-bench-"))
    folder.chmod(0o711)  # for root, whose Postgres runs as another user
    (folder / "signoff.yaml").write_text(subject.CONFIG)
    try:
        with Home(folder / "home").servers() as servers:
            asyncio.run(work(servers, folder, console))
    finally:
        shutil.rmtree(folder)
    console.print(f"took {time.monotonic() - started:.0f} s", style="dim")


if __name__ == "__main__":
    main()
