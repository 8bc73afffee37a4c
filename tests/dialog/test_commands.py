"""The commands as processes: what they do, how they end."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import psycopg
import pytest

from bot.config.manifest import read_manifest
from bot.sandbox import SlackSandbox
from bot.sandbox.model import ScriptedModel
from tests.mcp.conftest import HERE
from tests.patience import PATIENCE_SECONDS
from tests.signoff import REPOSITORY, Environment, refused, signoff


@pytest.fixture
async def slack() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(read_manifest()) as slack:
        yield slack


@pytest.fixture
async def environment(slack: SlackSandbox, database_url: str, redis_url: str) -> AsyncIterator[Environment]:
    """Everything that the bot needs; no PORT."""
    async with ScriptedModel() as model:
        yield {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.api_url,
            "ANTHROPIC_API_KEY": model.api_key,
            "ANTHROPIC_BASE_URL": model.base_url,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
        }


async def said_until(process: asyncio.subprocess.Process, pattern: str) -> str:
    """What it says on standard error until there is something of this form in it."""
    said = ""
    while re.search(pattern, said) is None:
        assert process.stderr is not None
        line = (await process.stderr.readline()).decode()
        assert line, said
        said += line
    return said


async def port_of(process: asyncio.subprocess.Process) -> int:
    """Where it serves /healthz, once it is ready."""
    ready = re.search(r"ready on port (\d+)", await said_until(process, r"ready on port \d+"))
    assert ready is not None
    return int(ready[1])


async def end(process: asyncio.subprocess.Process) -> int:
    """SIGTERM, and its exit status."""
    process.terminate()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await process.communicate()
    assert process.returncode is not None
    return process.returncode


async def answered(slack: SlackSandbox) -> str:
    """Somebody asks, and is answered; the thread's ts."""
    ts = await slack.mention("ann", "orders", "what is the status of ORD-1042?")
    await slack.until(
        lambda: (
            any("ORD-1042" in one.seen_text for one in slack.thread("orders", ts)[1:]) and slack.status("orders", ts) == "active"
        ),  # an answer grows where people watch it
    )
    return ts


async def test_run_over_http_listens_to_everybody_and_ends_when_it_is_told_to(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    over_http = {**environment, "SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": slack.signing_secret, "PORT": "0"}
    async with signoff("run", folder=tmp_path, environment=over_http) as process, aiohttp.ClientSession() as http:
        port = await port_of(process)
        slack.deliver_over_http(f"http://127.0.0.1:{port}/slack/events")
        for path in ("healthz", "readyz"):
            async with http.get(f"http://127.0.0.1:{port}/{path}") as answer:
                assert (answer.status, await answer.text()) == (200, "ok\n")
        sockets = psutil.Process(process.pid).net_connections("inet")
        assert [one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN] == ["0.0.0.0"]
        await answered(slack)
        assert await end(process) == 0


async def test_what_strangers_send_to_the_http_edge_is_not_in_the_log(environment: Environment, tmp_path: Path) -> None:
    forged = "\n2026-11-28 19:00:00,000 INFO agent.audit: action A1 approved by U0CFO\n"
    over_http = {**environment, "SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": "0" * 32, "PORT": "0"}
    async with signoff("run", folder=tmp_path, environment=over_http) as process, aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{await port_of(process)}/slack/events"
        for body in (forged * 14_000, forged, f'{{"type": "event_callback", "x": "{"y" * 1_000_000}"}}'):
            headers = {
                "X-Slack-Signature": f"v0={'0' * 64}",
                "X-Slack-Request-Timestamp": "1",
                "Content-Type": "application/json",
            }
            async with http.post(url, data=body, headers=headers) as answer:
                assert answer.status >= 400
            async with http.post(url, data=body) as answer:
                assert answer.status >= 400
        process.terminate()
        assert process.stderr is not None
        log = (await process.stderr.read()).decode()
    assert "agent.audit" not in log
    assert len(log) < 20_000
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ", line) for line in log.splitlines()), log


async def test_a_bot_without_a_worker_and_a_worker_share_the_job(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    # Neither worker asks for the bot's port, nor for the other's, though PORT is not set.
    async with (
        signoff("run", "--no-worker", folder=tmp_path, environment={**environment, "PORT": "0"}) as bot,
        signoff("worker", folder=tmp_path, environment=environment) as one,
        signoff("worker", folder=tmp_path, environment=environment) as other,
    ):
        ports = {await port_of(process) for process in (bot, one, other)}
        assert len(ports) == 3
        await answered(slack)
        assert [await end(process) for process in (bot, one, other)] == [0, 0, 0]


async def test_without_redis_events_are_taken_in_and_it_is_said_what_is_missing(environment: Environment, tmp_path: Path) -> None:
    without = {**environment, "REDIS_URL": "redis://127.0.0.1:1/0", "PORT": "0"}
    async with signoff("run", folder=tmp_path, environment=without) as process, aiohttp.ClientSession() as http:
        assert process.stderr is not None
        warning = (await process.stderr.readline()).decode()
        assert "Redis does not answer; nothing is spent until it does. Check REDIS_URL." in warning
        async with http.get(f"http://127.0.0.1:{await port_of(process)}/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "redis\n")
        assert await end(process) == 0


async def test_a_signal_ends_a_bot_that_still_waits_for_slack(environment: Environment, tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    silent = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/"
    async with signoff("run", folder=tmp_path, environment={**environment, "SLACK_API_URL": silent}) as process:
        await asked.wait()
        assert await end(process) == 0
    server.close()
    await server.wait_closed()


async def test_the_demos_bot_ends_with_its_demo_however_that_ended(environment: Environment, tmp_path: Path) -> None:
    async with signoff(folder=tmp_path, environment={**environment, "PORT": "0"}, module="bot.sandbox.demo") as process:
        await port_of(process)
        assert process.stdin is not None
        process.stdin.close()  # as the kernel does for a demo that was killed
        assert await process.wait() == 0


async def test_migrate_brings_a_database_to_this_version_once_and_for_all(empty_database_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        async with signoff("migrate", folder=tmp_path, environment={"DATABASE_URL": empty_database_url}) as process:
            _, err = await process.communicate()
        assert (process.returncode, err.decode()) == (0, "The database is at the newest schema.\n")
    with psycopg.connect(empty_database_url) as database:
        assert database.execute("SELECT count(*) FROM session").fetchone() == (0,)


async def test_doctor_says_what_is_well_and_what_is_not(environment: Environment, tmp_path: Path) -> None:
    async with signoff("doctor", folder=tmp_path, environment={**environment, "PORT": "0"}) as process:
        _, err = await process.communicate()
    assert process.returncode == 0
    assert {line[:4] for line in err.decode().splitlines()} == {"ok  "}

    worse = {**environment, "PORT": "0", "SLACK_BOT_TOKEN": "xoxb-wrong"}
    async with signoff("doctor", folder=tmp_path, environment=worse) as process:
        _, err = await process.communicate()
    assert process.returncode == 2
    (line,) = (line for line in err.decode().splitlines() if not line.startswith("ok"))
    assert line.startswith("fail Slack: SLACK_BOT_TOKEN is refused (invalid_auth). → Copy SLACK_BOT_TOKEN again")


async def test_help_names_the_commands(tmp_path: Path) -> None:
    async with signoff("--help", folder=tmp_path, environment={}) as process:
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert all(command in out.decode() for command in ("run", "worker", "migrate", "doctor", "demo"))


async def test_a_start_waits_for_no_library_that_only_some_need(tmp_path: Path) -> None:
    tell = "import sys, bot.app.wiring; print(*{name.split('.')[0] for name in sys.modules})"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", tell), cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert {*out.decode().split()} & {"mcp", "presidio_analyzer", "spacy", "pypdf", "onnxruntime", "fakeredis"} == set()


async def test_a_demo_keeps_away_from_the_database_of_a_real_workspace(
    environment: Environment, database_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url) as database:
        database.execute("INSERT INTO session (id, team, channel, thread_ts) VALUES ('T1:C1:1', 'T1', 'C1', '1')")
    said = await refused("demo", tmp_path, environment)
    assert "The database of DATABASE_URL is that of a real workspace" in said
    with psycopg.connect(database_url) as database:
        assert database.execute("SELECT count(*) FROM shop.product").fetchone() == (0,)


async def test_a_bot_starts_its_mcp_servers_says_no_secret_and_takes_them_along_when_it_ends(
    environment: Environment, tmp_path: Path
) -> None:
    own = [sys.executable, str(HERE / "own_server.py"), str(tmp_path / "ledger")]
    chatty = "import os; print('not JSON', os.environ['TOKEN'])"
    servers = {
        "own": {"command": own[0], "args": own[1:]},
        "chatty": {"command": sys.executable, "args": ["-c", chatty], "env": {"TOKEN": "${TOKEN}"}},
        "gone": {"command": "no-such-program"},
        "unset": {"command": "x", "env": {"Y": "${NO_SUCH_VARIABLE}"}},
    }
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    (tmp_path / ".env").write_text("TOKEN=hunter2-hunter2\n")
    async with signoff("run", folder=tmp_path, environment={**environment, "PORT": "0"}) as process:
        said = await said_until(process, r"ready on port \d+")
        child = psutil.Process(int((tmp_path / "ledger").read_text().split()[1]))
        process.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            _, err = await process.communicate()
    said += err.decode()
    assert not child.is_running()
    assert "MCP server own:" in said
    assert "MCP server gone: there is no program 'no-such-program' here" in said
    assert "MCP server unset: it is not started, because NO_SUCH_VARIABLE is not set" in said
    assert "hunter2" not in said
