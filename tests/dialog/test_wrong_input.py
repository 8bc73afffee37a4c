"""What a person has to mend, said by the real command: one sentence on standard error, exit status 2, no traceback."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

import migrations
from bot.config.manifest import read_manifest
from bot.sandbox import SlackSandbox
from bot.stores.embedded_home import Servers
from tests.signoff import Environment, refused

SET_UP = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1",
    "ANTHROPIC_API_KEY": "sk-ant-1",
    "SLACK_API_URL": "http://127.0.0.1:1/api/",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SLACK_BOT_TOKEN": ""}, ("SLACK_BOT_TOKEN is not set", "OAuth & Permissions")),
        ({"SLACK_APP_TOKEN": ""}, ("Neither SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "Basic Information")),
        ({"SLACK_BOT_TOKEN": "xoxp-hush"}, ("SLACK_BOT_TOKEN is not a bot token", "xoxb-")),
        ({"SLACK_APP_TOKEN": "hush"}, ("SLACK_APP_TOKEN is not an app-level token", "xapp-")),
        ({"ANTHROPIC_API_KEY": ""}, ("ANTHROPIC_API_KEY is not set", "Anthropic Console")),
        ({"DATABASE_URL": "mysql://u:hush@host/db"}, ("DATABASE_URL is not", "postgresql://")),
        ({"SIGNOFF_CONFIG": "elsewhere.yaml"}, ("elsewhere.yaml does not exist", "SIGNOFF_CONFIG")),
    ],
)
async def test_settings_that_are_missing_or_cannot_be_meant(changes: Environment, words: tuple[str, ...], tmp_path: Path) -> None:
    said = await refused("run", tmp_path, {**SET_UP, **changes})
    assert all(word in said for word in words)
    assert "hush" not in said
    assert not (tmp_path / ".signoff").exists()  # it says so before it starts anything


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("agents: [", ("signoff.yaml, line 1", "not YAML")),
        ("agents:\n  assistant:\n    modell: x\n", ("signoff.yaml, line 3", "`agents.assistant.modell` is not a setting")),
    ],
)
async def test_a_signoff_yaml_that_cannot_be_read(text: str, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "signoff.yaml").write_text(text)
    said = await refused("run", tmp_path, SET_UP)
    assert all(word in said for word in words)


async def test_an_mcp_json_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"git": {}}}')
    said = await refused("run", tmp_path, SET_UP)
    assert said == ".mcp.json: `mcpServers.git` needs either a `command` or a `url`."
    assert not (tmp_path / ".signoff").exists()


async def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    nowhere = {**SET_UP, "DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    for command in ("run", "migrate"):
        said = await refused(command, tmp_path, nowhere)
        assert "The database of DATABASE_URL cannot be used" in said
        assert "Connection refused" in said
        assert "hush" not in said


async def test_a_database_that_is_not_migrated(stores: Servers, empty_database_url: str, tmp_path: Path) -> None:
    said = await refused("run", tmp_path, {**SET_UP, "DATABASE_URL": empty_database_url, "REDIS_URL": stores.redis_url})
    assert "not migrated: run `signoff migrate`" in said


async def test_a_database_of_a_newer_version(stores: Servers, database_url: str, tmp_path: Path) -> None:
    with migrations.connected(database_url) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    said = await refused("migrate", tmp_path, {"DATABASE_URL": database_url})
    assert "belongs to a newer Signoff" in said


# ---------------------------------------------------------------------------------------------- with stores that are well


@pytest.fixture
def stored(database_url: str, redis_url: str) -> Environment:
    return {**SET_UP, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": "0"}


@pytest.fixture
async def with_slack(stored: Environment) -> AsyncIterator[Environment]:
    async with SlackSandbox(read_manifest()) as slack:
        tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}
        yield {**stored, **tokens, "SLACK_API_URL": slack.api_url}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("prompt: imagined", ("Agent assistant", "imagined", "assistant")),
        ("tools: [imagined]", ("Agent assistant", "tool pack 'imagined'", "catalog")),
    ],
)
async def test_an_agent_that_wants_what_is_not_there(
    with_slack: Environment, setting: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "signoff.yaml").write_text(f"agents: {{assistant: {{{setting}}}}}")
    said = await refused("run", tmp_path, with_slack)
    assert all(word in said for word in words)


async def test_a_slack_that_cannot_be_reached(stored: Environment, tmp_path: Path) -> None:
    said = await refused("run", tmp_path, stored)
    assert "Slack cannot be reached at http://127.0.0.1:1/api/" in said


async def test_something_else_where_slack_should_be(stored: Environment, tmp_path: Path) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="<h1>It works!</h1>", content_type="text/html")

    site = web.Application()
    site.add_routes([web.post("/api/{method}", hello)])
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    said = await refused("run", tmp_path, {**stored, "SLACK_API_URL": address})
    await runner.cleanup()
    assert f"What answers at {address} is not Slack" in said


@pytest.mark.parametrize(
    ("variable", "value", "page"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-of-another-app", "OAuth & Permissions"),
        ("SLACK_APP_TOKEN", "xapp-of-another-app", "Basic Information"),
    ],
)
async def test_a_token_that_slack_refuses(with_slack: Environment, variable: str, value: str, page: str, tmp_path: Path) -> None:
    said = await refused("run", tmp_path, {**with_slack, variable: value})
    assert f"Slack refuses {variable} (invalid_auth)" in said
    assert page in said


async def test_a_demo_on_a_port_in_use(stored: Environment, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = await refused("demo", tmp_path, stored, "--port", str(port))
        assert f"Port {port} cannot be used (Address already in use)" in said


async def test_a_port_in_use(with_slack: Environment, tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        said = await refused("run", tmp_path, {**with_slack, "PORT": str(port)})
        assert f"Port {port} is in use" in said
