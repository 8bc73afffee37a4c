"""Names by which everything in a long run is told apart: tasks that people give, and the calls that the model makes of them."""

import re
from collections.abc import Iterator

TASK = re.compile(r"\btask (\d+) \((\w+)\)")  # in the words of the person who asks
WRITE = re.compile(r"\bw\d+x\d+\b")  # in the arguments of a call: the task, and which write it is
CALL = re.compile(r"\b[lw](\d+)x\d+\b")
LARGE = 50  # an amount from which on it takes two people
BOT = "CHAOS_BOT"  # in the environment of a process: its name, which it gives to the ledgers


def write_of(task: int, number: int) -> str:
    """The name of a write. No two calls of the model have the same."""
    return f"w{task}x{number}"


def look_of(task: int, number: int) -> str:
    """The name of something that is only looked up."""
    return f"l{task}x{number}"


def tasks_in(text: str) -> Iterator[int]:
    """Yield the tasks of the calls that a text is about."""
    yield from map(int, CALL.findall(text))
