"""`signoff doctor` against the sandbox's Slack, a scripted model and real stores: what it says when something is wrong.

Long because each thing that doctor looks at has its dialog.
"""

import json
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

import migrations
from bot.commands.doctor import Finding, examine
from bot.config.manifest import read_manifest
from bot.config.settings import Settings
from bot.sandbox import SlackSandbox
from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Home
from tests.mcp.conftest import HERE


@dataclass(frozen=True)
class Clinic:
    """A bot's surroundings, all well, and the examination of them with some settings changed."""

    slack: SlackSandbox
    model: ScriptedModel
    database_url: str
    redis_url: str
    config: Path | None = None

    async def findings(self, **changes: Any) -> list[Finding]:
        well = {
            "slack_bot_token": self.slack.bot_token,
            "slack_app_token": self.slack.app_token,
            "slack_api_url": self.slack.api_url,
            "anthropic_api_key": self.model.api_key,
            "anthropic_base_url": self.model.base_url,
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "port": 0,
        }
        return await examine(Settings.model_validate({**well, **changes}), self.config)

    async def complaints(self, **changes: Any) -> list[Finding]:
        return [finding for finding in await self.findings(**changes) if finding.level != "ok"]


def written(text: str, name: str = "signoff.yaml") -> Path:
    config = Path(name)
    config.write_text(text)
    return config


@pytest.fixture
async def clinic(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clinic]:
    monkeypatch.chdir(tmp_path)  # no .env and no signoff.yaml
    async with SlackSandbox(read_manifest()) as slack, ScriptedModel() as model:
        yield Clinic(slack, model, database_url, redis_url)


async def test_when_all_is_well_every_line_says_what_is_there(clinic: Clinic) -> None:
    findings = await clinic.findings()
    assert [(finding.level, finding.mend) for finding in findings] == [("ok", "")] * len(findings)
    subjects = [finding.what.partition(":")[0] for finding in findings]
    expected = ["Configuration", "Slack", "Scopes", "Events", "Postgres", "Migrations", "Redis", "Model", "Port"]
    assert subjects == expected
    assert clinic.slack.bot_user_id in findings[1].what


async def test_apps_whose_messages_count_are_named(clinic: Clinic) -> None:
    written("apps: [A0456, A0789]")
    assert (await clinic.findings())[0].what == "Configuration: assistant. Messages of the apps A0456, A0789 count."


@pytest.mark.parametrize(
    ("changes", "what", "mend"),
    [
        ({"slack_bot_token": None}, "Slack: SLACK_BOT_TOKEN is not set.", "OAuth & Permissions"),
        ({"slack_bot_token": "xoxb-wrong"}, "Slack: SLACK_BOT_TOKEN is refused (invalid_auth).", "Copy SLACK_BOT_TOKEN again"),
        ({"slack_app_token": "xapp-wrong"}, "Slack: SLACK_APP_TOKEN is refused (invalid_auth).", "Copy SLACK_APP_TOKEN again"),
        ({"slack_app_token": None}, "Events: neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set.", "Basic Information"),
        ({"anthropic_api_key": None}, "Model: claude-sonnet-5-5 needs ANTHROPIC_API_KEY.", "Make a key"),
        ({"anthropic_api_key": "sk-ant-wrong"}, "Model: ANTHROPIC_API_KEY is refused.", "Make a new key"),
        ({"anthropic_base_url": "http://127.0.0.1:1"}, "Model: the API is not reachable", "ANTHROPIC_BASE_URL"),
        ({"database_url": "postgresql://u@127.0.0.1:1/x"}, "Postgres: the one at DATABASE_URL is not reachable", "DATABASE_URL"),
        ({"redis_url": "redis://127.0.0.1:1/0"}, "Redis: the one at REDIS_URL is not reachable", "REDIS_URL"),
    ],
)
async def test_what_is_wrong_is_one_line_with_the_mend(clinic: Clinic, changes: dict[str, Any], what: str, mend: str) -> None:
    [complaint] = await clinic.complaints(**changes)
    assert complaint.level == "fail"
    assert complaint.what.startswith(what)
    assert mend in complaint.mend
    assert "\n" not in complaint.what + complaint.mend


async def test_a_slack_that_is_not_there_is_said_of_both_tokens(clinic: Clinic) -> None:
    complaints = await clinic.complaints(slack_api_url="http://127.0.0.1:1/api/")
    assert [complaint.level for complaint in complaints] == ["fail", "fail"]
    assert all("SLACK_API_URL" in complaint.mend for complaint in complaints)


async def test_something_that_is_not_slack_is_told_from_it(clinic: Clinic) -> None:
    complaints = await clinic.complaints(slack_api_url=f"{clinic.model.base_url}/")
    assert all("does not answer as Slack does" in complaint.what for complaint in complaints)
    assert len(complaints) == 2


async def test_scopes_are_compared_with_the_manifest(clinic: Clinic) -> None:
    scopes = read_manifest()["oauth_config"]["scopes"]["bot"]
    less = [scope for scope in scopes if scope != "chat:write"]
    async with SlackSandbox(read_manifest(), scopes=less) as slack:
        [complaint] = await replace(clinic, slack=slack).complaints()
    assert (complaint.level, complaint.what) == ("fail", "Scopes: the token lacks chat:write.")
    assert "reinstall" in complaint.mend

    async with SlackSandbox(read_manifest(), scopes=[*scopes, "files:write", "users:read.email"]) as slack:
        [complaint] = await replace(clinic, slack=slack).complaints()
    assert (complaint.level, complaint.what) == ("warn", "Scopes: all there, and files:write besides.")


async def test_over_http_it_says_that_the_signing_secret_cannot_be_checked(clinic: Clinic) -> None:
    [complaint] = await clinic.complaints(slack_app_token=None, slack_signing_secret=clinic.slack.signing_secret)
    assert complaint.level == "warn"
    assert "the signing secret cannot be checked from here" in complaint.what


async def test_a_database_behind_this_version_is_sent_to_migrate(clinic: Clinic, empty_database_url: str) -> None:
    [complaint] = await clinic.complaints(database_url=empty_database_url)
    assert complaint == Finding("fail", "Migrations: the database is behind this version.", "Run `signoff migrate`.")
    migrations.upgrade(empty_database_url)
    assert await clinic.complaints(database_url=empty_database_url) == []


async def test_embedded_stores_are_tried_and_need_no_migrate(clinic: Clinic, tmp_path: Path) -> None:
    findings = await clinic.findings(database_url=None, redis_url=None, signoff_home=tmp_path / "home")
    assert {finding.level for finding in findings} == {"ok"}
    assert "Postgres: embedded; `signoff run` makes it in" in " ".join(finding.what for finding in findings)
    assert not (tmp_path / "home").exists()  # who only looks makes nothing

    with Home(tmp_path / "home").servers():
        pass
    findings = await clinic.findings(database_url=None, redis_url=None, signoff_home=tmp_path / "home")
    assert {finding.level for finding in findings} == {"ok"}
    shutil.rmtree(Home(tmp_path / "home").postgres.data)  # for root it lies outside of the folders that pytest removes
    said = " ".join(finding.what for finding in findings)
    assert "Postgres: version 18, embedded." in said
    assert "`signoff run` applies them" in said


@pytest.mark.parametrize(
    ("model", "level", "what"),
    [
        ("claude-sonnet-4-5", "warn", "Model: claude-sonnet-4-5 is deprecated and retires on 30 November 2026."),
        ("claude-opus-4-0", "fail", "Model: claude-opus-4-0 is retired."),
        ("claude-imagined", "fail", "Model: this key has no model claude-imagined."),
    ],
)
async def test_the_life_of_each_agents_model_is_looked_up(clinic: Clinic, model: str, level: str, what: str) -> None:
    [complaint] = await replace(clinic, config=written(f"agents: {{assistant: {{}}, other: {{model: {model}}}}}")).complaints()
    assert (complaint.level, complaint.what) == (level, what)
    assert "signoff.yaml" in complaint.mend


async def test_a_configuration_that_cannot_be_used_is_a_finding_and_the_rest_is_looked_at_all_the_same(clinic: Clinic) -> None:
    findings = await replace(clinic, config=written("agents:\n  assistant: {modell: x}\n")).findings()
    assert findings[0].level == "fail"
    assert "line 2: `agents.assistant.modell` is not a setting" in findings[0].mend
    assert len(findings) == 9


async def test_a_port_in_use_is_named(clinic: Clinic) -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        [complaint] = await clinic.complaints(port=port)
    assert complaint == Finding("fail", f"Port: {port} is in use.", "If that is not the bot itself, set PORT to another.")


async def test_each_mcp_server_is_a_line_with_what_it_claims_and_what_policy_makes_of_it(clinic: Clinic, tmp_path: Path) -> None:
    own = {"command": sys.executable, "args": [str(HERE / "own_server.py"), str(tmp_path / "ledger")]}
    time = {"command": sys.executable, "args": ["-m", "mcp_server_time"]}
    servers = {"own": own, "time": time, "gone": {"command": "no-such-program"}, "unset": {"url": "${NO_SUCH_VARIABLE}"}}
    written(json.dumps({"mcpServers": servers}), ".mcp.json")
    config = written(
        "mcp: {own: {annotations: ignore}}\n"
        "policy:\n"
        "  - {tool: time__convert_time, verdict: refuse}\n"
        "  - {tool: own__note, when: args.text == 'x'}\n"
    )
    found = {finding.what.partition(":")[0]: finding for finding in await replace(clinic, config=config).findings()}
    assert found["MCP server time"].level == "ok"
    claims = "Claims read-only, not destructive, not open world, so read,"
    assert f"{claims} runs: time__get_current_time." in found["MCP server time"].what
    assert f"{claims} is refused as line 3 says: time__convert_time." in found["MCP server time"].what
    assert found["MCP server own"].level == "warn"
    assert "Claims read-only, not open world, so write, asks: own__look" in found["MCP server own"].what
    assert "so write, by its arguments as line 4 says: own__note." in found["MCP server own"].what
    assert "What it claims is ignored." in found["MCP server own"].what
    assert "2 left out: its tool “broken” is left out" in found["MCP server own"].what
    gone, unset = found["MCP server gone"], found["MCP server unset"]
    assert (gone.level, gone.what) == ("warn", "MCP server gone: there is no program 'no-such-program' here.")
    assert unset.what == "MCP server unset: it is not started, because NO_SUCH_VARIABLE is not set."
    assert ".mcp.json" in unset.mend


async def test_what_could_be_vouched_for_is_proposed_in_a_sentence(clinic: Clinic, tmp_path: Path) -> None:
    own = {"command": sys.executable, "args": [str(HERE / "own_server.py"), str(tmp_path / "ledger")]}
    written(json.dumps({"mcpServers": {"own": own}}), ".mcp.json")

    async def line(config: str) -> Finding:
        findings = await replace(clinic, config=written(config)).findings()
        return next(finding for finding in findings if finding.what.startswith("MCP server own"))

    asked = await line("")
    assert "Claims read-only, so egress, asks: own__draw." in asked.what
    assert "these count as egress and ask: own__draw. " in asked.mend
    assert "write `mcp: {own: {open_world: false}}` into signoff.yaml." in asked.mend
    vouched = await line("mcp: {own: {open_world: false}}")
    assert "Claims read-only, so read, runs: own__draw." in vouched.what
    assert "open_world" not in vouched.mend


async def test_an_mcp_file_that_cannot_be_read_is_a_finding(clinic: Clinic) -> None:
    written("{", ".mcp.json")
    [complaint] = await clinic.complaints()
    assert (complaint.level, complaint.what) == ("fail", "MCP: the servers cannot be read.")
    assert ".mcp.json is not JSON" in complaint.mend


async def test_each_database_is_a_line_with_what_its_role_may_do_and_without_its_address(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(clinic.database_url, autocommit=True) as connection:
        name = connection.info.dbname
        for role in ("reader", "writer"):
            connection.execute(f"DROP ROLE IF EXISTS doctor_{role}")
            connection.execute(f"CREATE ROLE doctor_{role} LOGIN PASSWORD 'topsecret'")
        connection.execute("CREATE TABLE parts (id int)")
        connection.execute("GRANT SELECT ON parts TO doctor_reader, doctor_writer")
        connection.execute("GRANT INSERT ON parts TO doctor_writer")
    try:
        for role in ("reader", "writer"):
            monkeypatch.setenv(role.upper(), address(clinic.database_url, f"doctor_{role}"))
        monkeypatch.setenv("BOSS", clinic.database_url)
        monkeypatch.setenv("GONE", "postgresql://u:topsecret@127.0.0.1:1/none")
        monkeypatch.delenv("UNSET", raising=False)
        lines = "".join(f'  {each}: {{url: "${{{each.upper()}}}"}}\n' for each in ("reader", "writer", "boss", "gone", "unset"))
        examined = await replace(clinic, config=written(f"databases:\n{lines}")).findings()
    finally:
        with psycopg.connect(clinic.database_url, autocommit=True) as connection:
            connection.execute("DROP TABLE parts")
            connection.execute("DROP ROLE doctor_reader")
            connection.execute("DROP ROLE doctor_writer")
    found = {finding.what.partition(":")[0]: finding for finding in examined if finding.what.startswith("Database ")}
    assert [finding.level for finding in found.values()] == ["ok", "ok", "warn", "fail", "fail"]
    assert "as doctor_reader, who may only read: reader__execute would be refused." in found["Database reader"].what
    assert "as doctor_writer, who may write to 1 of its tables" in found["Database writer"].what
    assert "a superuser whom nothing stops" in found["Database boss"].what
    assert found["Database gone"].what == "Database gone: it cannot be reached (OperationalError)."
    assert "UNSET is not set" in found["Database unset"].mend
    assert "topsecret" not in str(found)
    assert name not in str(found)


def address(url: str, role: str) -> str:
    """The same database, as this role."""
    return re.sub(r"//[^@/]*@", f"//{role}:topsecret@", url) if "@" in url else url.replace("//", f"//{role}:topsecret@", 1)


TOOL = '''
from agent.declare import tool


@tool
def {name}(text: str) -> str:
    """Says it."""
    return text
'''


async def test_each_tool_file_is_loaded_and_two_tools_of_one_name_are_found(clinic: Clinic) -> None:
    written(TOOL.format(name="say"), "ops.py")
    written("import no_such_module", "broken.py")
    two = replace(clinic, config=written("agents: {assistant: {tools: [ops.py, broken.py]}}\n"))
    good, broken = [finding for finding in await two.findings() if finding.what.startswith("Tool file")]
    assert good == Finding("ok", "Tool file ops.py: say.")
    assert (broken.level, broken.what) == ("fail", "Tool file broken.py: it cannot be used.")
    assert "line 1: the tool file cannot be loaded (ModuleNotFoundError" in broken.mend
    written(TOOL.format(name="create_order"), "broken.py")
    [doubled] = await two.complaints()
    assert doubled.what == "Tools: two of them share a name."
    assert "There is a tool create_order in catalog and in" in doubled.mend


async def test_rules_that_nobody_can_satisfy_or_that_do_nothing_are_named(clinic: Clinic) -> None:
    empty, ben = clinic.slack.add_usergroup([]), clinic.slack.people["ben"]
    lines = [
        "policy:",
        f"- {{tool: create_order, when: args.quantity > 9, approvers: {{users: [{ben}, U0GONE]}}}}",
        f"- {{tool: create_order, when: args.quantity > 5, approvers: {{groups: [{empty}]}}, quorum: 2}}",
        "- {tool: create_order, when: args.quantity > 1, approvers: {channel_members: true, requester: false}}",
        "- {tool: create_oder}",
        "agents: {a: {tools: [catalog, nosuch]}}",
    ]
    complaints = await replace(clinic, config=written("\n".join(lines))).complaints()
    begun = [(each.level, re.split(": did you mean create_order[?] the tools are|, which", each.what)[0]) for each in complaints]
    assert begun == [
        ("fail", "Tools: agent `a` wants the tool pack `nosuch`"),
        ("warn", "Policy: line 5: there is no tool create_oder"),
        ("warn", "Policy: line 2: U0GONE is not active here."),
        ("warn", f"Policy: line 3: 0 of the 2 people whom it takes can approve ({empty} has no members)."),
    ]


async def test_in_a_workspace_of_one_person_nobody_else_can_approve(clinic: Clinic) -> None:
    ann = clinic.slack.people["ann"]
    for user in [user for user in clinic.slack.workspace.people if user not in (ann, clinic.slack.bot_user_id)]:
        del clinic.slack.workspace.people[user]
    config = written("policy: [{tool: create_order, approvers: {channel_members: true, requester: false}}]")
    [complaint] = await replace(clinic, config=config).complaints()
    assert complaint.what == f"Policy: line 1: 0 of the 1 people whom it takes can approve ({ann} asked for it)."
