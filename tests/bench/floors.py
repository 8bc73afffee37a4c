"""The bot beside what it is compared with, on one task: how long people wait, and what a session takes."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import rounds
from tests.bench.counts import Counted, Counts, counted, of_the_tools, without
from tests.bench.rounds import Crowd, Waits, all_running, compared_table, crowds, installed, waits, wide

COLUMNS = (
    *("ask to\ncard ms", "approve to\nanswer ms", f"sessions/s\nat {rounds.AT_ONCE}", "CPU\nms", "Postgres\nCPU ms", "commits"),
    *("state-\nments", "round\ntrips", "Redis\ncalls", "Slack\ncalls", "WAL kB\nturn 1", "WAL kB\nturn 100"),
)

EXPLAINED = f"""\
One task: search, an order waits, approve, done; the model takes no time. The programs are separate processes and hold their \
sessions in turns; medians of {rounds.ROUNDS} rounds after one that warms up. Waits: medians of {rounds.SAMPLES} threads, one \
after another, until Slack has the post. Sessions/s and both CPU figures: {rounds.SESSIONS} sessions, {rounds.AT_ONCE} at \
once. Postgres CPU: of the program's own backends, and of all that the server does in the background meanwhile.
The counts are medians of the sessions of a program that runs alone, behind proxies that read the protocols. Commits: of \
transactions that wrote, by the ids they were given. Statements: as executed, BEGIN and COMMIT too. Round trips: times that \
something was sent to Postgres after an answer; a pipeline is one. Redis calls: commands; a script is one. WAL: of the \
write-ahead log, without full-page images.
safe floor, least floor: bare loops that never order twice, streamed; the latter with as few commits as that takes; plain: not \
streamed (tests/bench/floor.py). PydanticAI: not streamed, history in Postgres, two clicks are two orders; no row for events \
(tests/bench/pydantic_ai_loop.py)."""
OF_THE_TOOLS = """\
Not counted are {0.commits:g} commits, {0.statements:g} statements and {0.round_trips:g} round trips of the two tools, the \
same for all. They are in all that is timed, and in the WAL."""


async def floors(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Measure and print."""
    tools = await of_the_tools(servers)
    counts = [await counted(program, model, servers, folder) for program in installed()]
    async with all_running(model, servers, folder) as subjects:
        waited, crowded = await waits(subjects), await crowds(subjects)
    found = [_figures(tools, *of_one) for of_one in zip(waited, crowded, counts, strict=True)]
    wide(console).print(_table(found))
    wide(console).print(f"{EXPLAINED}\n{OF_THE_TOOLS.format(tools)}", style="dim")


def _figures(tools: Counts, waited: Waits, crowded: Crowd, count: Counted) -> Sequence[float]:
    """Return the values of COLUMNS."""
    session = without(count.session, tools)
    return (
        *(waited.card_ms, waited.answer_ms, crowded.per_second, crowded.cpu_ms, crowded.postgres_ms),
        *(session.commits, session.statements, session.round_trips, session.redis_calls, session.slack_calls, *count.log_kb),
    )


def _table(found: Sequence[Sequence[float]]) -> Table:
    table = compared_table("The bot and its floors, a session")
    table.add_column("", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for program, figures in zip(installed(), found, strict=True):
        table.add_row(program, *(f"{figure:.1f}" for figure in figures))
    table.add_section()
    bot, *others = found
    for program, figures in zip(installed()[1:], others, strict=True):
        table.add_row(
            f"bot / {program}", *(f"{own / other:.2f}" if other else "" for own, other in zip(bot, figures, strict=True))
        )
    return table
