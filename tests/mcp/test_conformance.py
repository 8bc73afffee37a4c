"""The official conformance suite's scenarios for clients, as far as they are about what the bridge does.

Not among them: signing in with OAuth (a header from the environment is what there is), and servers that ask back (elicitation).
"""

import asyncio
import os
import sys

import pytest

from tests.mcp.conftest import REPOSITORY, of_node


@pytest.mark.parametrize("scenario", ["initialize", "tools_call", "sse-retry"])
async def test_the_suite_is_satisfied(scenario: str) -> None:
    suite = of_node("conformance")
    client = f"{sys.executable} -m tests.mcp.conformance_client"
    process = await asyncio.create_subprocess_exec(
        *(suite.command, *suite.arguments, "client", "--command", client, "--scenario", scenario),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert "OVERALL: PASSED" in out.decode()
