"""How long a program takes from being started to being ready, and how much memory it holds when nobody talks to it."""

import asyncio
from collections import defaultdict
from pathlib import Path
from statistics import median

from rich.console import Console

from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import subject
from tests.bench.rounds import ROUNDS, compared_table, installed, processor, wide

IDLE_SECONDS = 5.0

EXPLAINED = f"""\
Medians of {ROUNDS} starts, the programs in turn, each alone and on a migrated database. Ready: it says so, connected to \
Slack. Then {IDLE_SECONDS:g} s in which nobody talks to it: memory of the process, resident, at their end, with that of \
processes that it started; and the processor's time meanwhile, of the program and of Postgres."""


async def start(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Measure and print."""
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for number in range(ROUNDS):
        for program in installed():
            among = f"_start_{number}"
            async with subject.running(program, "socket", model, servers, folder, among=among) as one:
                async with processor(one) as used:
                    await asyncio.sleep(IDLE_SECONDS)
                own = one.process.memory_info().rss / 2**20
                children = sum(child.memory_info().rss for child in one.process.children(recursive=True)) / 2**20
                found[program].append(
                    (one.start_seconds, own, children, used.own_ms / IDLE_SECONDS, used.postgres_ms / IDLE_SECONDS)
                )
    table = compared_table("How programs start")
    for name in ("", "s until\nready", "MB", "MB of its\nprocesses", "idle CPU\nms a second", "idle Postgres\nCPU ms a second"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for program, starts in found.items():
        seconds, *others = (median(of_one) for of_one in zip(*starts, strict=True))
        table.add_row(program, f"{seconds:.2f}", *(f"{other:.1f}" for other in others))
    wide(console).print(table)
    wide(console).print(EXPLAINED, style="dim")
