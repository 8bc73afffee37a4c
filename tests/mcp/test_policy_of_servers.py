"""`signoff policy check` where rules name tools of MCP servers, as a separate process."""

import json
import sys
from pathlib import Path

from tests.signoff import signoff


async def policy_check(here: Path, *arguments: str) -> tuple[int | None, list[str]]:
    """Exit status and lines of the command."""
    async with signoff("policy", "check", *arguments, folder=here, environment={}) as process:
        out, _ = await process.communicate()
    return process.returncode, out.decode().splitlines()


async def test_tools_of_mcp_servers_are_known_and_those_of_one_that_is_down_are_not_complained_about(tmp_path: Path) -> None:
    servers = {"time": {"command": sys.executable, "args": ["-m", "mcp_server_time"]}, "gone": {"command": "no-such-program"}}
    mcp_file = json.dumps({"mcpServers": servers})
    (tmp_path / ".mcp.json").write_text(mcp_file)
    rules = ["time__convert_time", "time__convert_tme", "gone__anything", "other__anything"]
    (tmp_path / "signoff.yaml").write_text("\n".join(["policy:", *(f"  - {{tool: {name}}}" for name in rules)]))
    status, out = await policy_check(tmp_path)
    assert status == 1
    assert [line.partition(":")[0] for line in out] == ["signoff.yaml, line 3", "signoff.yaml, line 5"]
    status, out = await policy_check(tmp_path, "--tool", "time__get_current_time", "--args", '{"timezone": "UTC"}')
    assert "verdict: allow: it runs, and nobody is asked" in out
