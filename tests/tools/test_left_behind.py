"""A thread that a tool left behind, in a process that is to end."""

import subprocess
import sys
from pathlib import Path

STUCK = """
import asyncio, threading
from agent.declare import tool
from agent.tool.definition import ToolContext, run

@tool(time_limit_seconds=0.1)
def stuck() -> str:
    "Wait for ever."
    threading.Event().wait()
    return ""

result = asyncio.run(run(stuck, stuck.arguments(), ToolContext("s", "U1", "key")))
print(result.error)
"""


def test_a_thread_that_never_ends_does_not_keep_the_process() -> None:
    repository = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", STUCK], cwd=repository, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, "timeout\n"), ended.stderr
