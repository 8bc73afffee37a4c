"""`python -m tests.house.tables`: the tables of ARCHITECTURE.md, made from the code; `--write` puts them into that file, and
writes the reference in `docs/reference` anew.

In the file each table lies between two comments: `<!-- table: NAME -->` and `<!-- end of NAME -->`.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from agent.decide.moves import Move, Outward, Record
from agent.decide.ways import Gated, way
from agent.session.machine import ALLOWED
from agent.session.state import Status
from agent.session.steps import Step
from tests.house import reference
from tests.house.markdown import table
from tests.unit.test_house import FLOORS, REPOSITORY
from tests.unit.test_ways import MOVES, RUN, SESSION

DOCUMENT = REPOSITORY / "ARCHITECTURE.md"
STATUSES: tuple[Status, ...] = get_args(Status)


class Named:
    """A stand-in for a port: each method answers with its own name."""

    def __getattr__(self, name: str) -> Callable[..., str]:
        return lambda *_: name


PORT: Any = Named()


def floors() -> str:
    """Return the floors of each package, highest first, each with its rooms."""
    rows: list[tuple[str, ...]] = []
    for package in ("agent", "bot"):
        rooms = {room: floor for room, floor in FLOORS.items() if room.startswith(f"{package}/") and floor}
        for floor in sorted(set(rooms.values()), reverse=True):
            rows.append((package, str(floor), ", ".join(f"`{room}`" for room in rooms if rooms[room] == floor)))
    return table(("package", "floor", "rooms"), rows)


def rooms() -> str:
    """Return what each room says of itself in its first line."""
    paths = [REPOSITORY / room / "__init__.py" if (REPOSITORY / room).is_dir() else REPOSITORY / room for room in FLOORS]
    opened = [(room, path) for room, path in zip(FLOORS, paths, strict=True) if FLOORS[room]]
    return table(("room", "what it is"), [(f"`{room}`", _opening(path)) for room, path in opened])


def _opening(path: Path) -> str:
    found = re.match(r'"""(.+?)(?:"""|\n\n)', path.read_text(), re.DOTALL)
    assert found is not None, path
    return " ".join(found[1].split())


def statuses() -> str:
    """Return how many kinds of step may follow each status, and those that may follow no other."""
    return table(
        ("status", "kinds of step that may follow", "only here"),
        [(f"`{status}`", str(len(ALLOWED[status])), _kinds(_only_in(status))) for status in STATUSES],
    )


def _only_in(status: Status) -> frozenset[str]:
    others = [ALLOWED[other] for other in STATUSES if other != status]
    return ALLOWED[status].difference(*others)


def _kinds(kinds: frozenset[str]) -> str:
    return ", ".join(f"`{kind}`" for kind in sorted(kinds))


def steps() -> str:
    """Return each kind of step with what it says, and the statuses that it may follow."""
    models: tuple[type[BaseModel], ...] = get_args(get_args(Step)[0])
    rows: list[tuple[str, ...]] = []
    for model in models:
        kind = str(model.model_fields["kind"].default)
        after = [status for status in STATUSES if kind in ALLOWED[status]]
        rows.append((f"`{kind}`", _says(model), ", ".join(after)))
    return table(("step", "what it says", "may follow"), rows)


def moves() -> str:
    """Return each kind of move with what it does, what comes before its effect, and who makes that effect."""
    rows: list[tuple[str, ...]] = [("`Record`", _says(Record), "nothing: it is the commit itself", "")]
    for kind in _outward():
        examples: list[Outward] = [move for move in (*MOVES, replace(RUN, digest="d")) if isinstance(move, kind)]
        makes = {way(move, SESSION, ()).make for move in examples[:1]}
        effects = [f"`{make(PORT)}`" for make in makes if make is not None]
        rows.append(
            (f"`{kind.__name__}`", _says(kind), " or ".join(_starts(examples)), *(effects or ["none: its gate does it all"]))
        )
    return table(("move", "what it does", "before its effect", "effect (`World`)"), rows)


def _outward() -> Iterator[type[Move]]:
    """Yield each class of move that has an effect; unions within the union are taken apart."""
    for each in get_args(Outward):
        yield from get_args(each) or (each,)


def _starts(examples: Sequence[Outward]) -> Iterator[str]:
    for move in examples:
        start = way(move, SESSION, ()).start
        if isinstance(start, Gated):
            yield f"gate `{start.ask(PORT)}`{', alone' if start.alone else ''}"
        elif start.steps:
            yield ", ".join(f"step `{step.kind}`" for step in start.steps)
        else:
            yield "nothing: it may be repeated"


def _says(thing: type[Any]) -> str:
    """Return the first paragraph of a docstring, in one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


TABLES: Mapping[str, Callable[[], str]] = {
    "floors": floors,
    "rooms": rooms,
    "statuses": statuses,
    "steps": steps,
    "moves": moves,
}


def written(text: str) -> str:
    """Return a document with each table as the code has it now. Raises ValueError where the place of one is missing."""
    for name, make in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            raise ValueError(f"{DOCUMENT.name} has no place for the table {name}: add {begin.strip()} and {end.strip()}")
        text = f"{before}{begin}{make()}\n{end}{after}"
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        DOCUMENT.write_text(written(DOCUMENT.read_text()))
        reference.write()
    else:
        print("\n\n".join(make() for make in TABLES.values()))
