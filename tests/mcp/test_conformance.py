"""The official conformance suite's scenarios for clients: each of them either passes, or stands in a table with the reason."""

import asyncio
import os
import re
import sys

import pytest

from tests.mcp.conftest import REPOSITORY, of_node

OURS = ("initialize", "tools_call", "sse-retry", "auth/resource-mismatch")
NO_SIGN_IN = "signing in takes a browser and a person in front of it: a token in the headers of .mcp.json is what there is"
NO_FLOW = "the bot gets no tokens for itself: what it may do at a server is a token that somebody put into .mcp.json"
NOT_OURS = {
    "elicitation-sep1034-client-defaults": "servers cannot ask people back, and the bridge does not say that they can",
    "auth/metadata-default": NO_SIGN_IN,
    "auth/metadata-var1": NO_SIGN_IN,
    "auth/metadata-var2": NO_SIGN_IN,
    "auth/metadata-var3": NO_SIGN_IN,
    "auth/basic-cimd": NO_SIGN_IN,
    "auth/scope-from-www-authenticate": NO_SIGN_IN,
    "auth/scope-from-scopes-supported": NO_SIGN_IN,
    "auth/scope-omitted-when-undefined": NO_SIGN_IN,
    "auth/scope-step-up": NO_SIGN_IN,
    "auth/scope-retry-limit": NO_SIGN_IN,
    "auth/token-endpoint-auth-basic": NO_SIGN_IN,
    "auth/token-endpoint-auth-post": NO_SIGN_IN,
    "auth/token-endpoint-auth-none": NO_SIGN_IN,
    "auth/pre-registration": NO_SIGN_IN,
    "auth/2025-03-26-oauth-metadata-backcompat": NO_SIGN_IN,
    "auth/2025-03-26-oauth-endpoint-fallback": NO_SIGN_IN,
    "auth/offline-access-scope": NO_SIGN_IN,
    "auth/offline-access-not-supported": NO_SIGN_IN,
    "auth/client-credentials-jwt": NO_FLOW,
    "auth/client-credentials-basic": NO_FLOW,
    "auth/cross-app-access-complete-flow": NO_FLOW,
}


async def suite(*arguments: str) -> tuple[int | None, str]:
    """How the suite's program ends, and what it says."""
    program = of_node("conformance")
    process = await asyncio.create_subprocess_exec(
        *(program.command, *program.arguments, *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def played(scenario: str) -> tuple[int | None, str]:
    """One scenario with the bridge as its client."""
    return await suite("client", "--command", f"{sys.executable} -m tests.mcp.conformance_client", "--scenario", scenario)


async def test_there_is_a_line_for_every_scenario() -> None:
    code, said = await suite("list", "--client")
    assert code == 0
    assert sorted(re.findall(r"^ +- (\S+)", said, re.MULTILINE)) == sorted([*OURS, *NOT_OURS])


@pytest.mark.parametrize("scenario", OURS)
async def test_the_suite_is_satisfied(scenario: str) -> None:
    code, said = await played(scenario)
    assert code == 0, said
    assert "OVERALL: PASSED" in said
