"""`signoff tools`: each tool with the rule that speaks for it, and each rule of good descriptions with what breaks it."""

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import Field

from agent.approvals.condition import Condition
from agent.approvals.policy import Policy, Rule
from agent.tool.declare import tool
from agent.tool.definition import Tool
from bot.agents.packs import BUILT_IN, tool_packs
from bot.commands.tools_report import lint, listing, tool_rows
from bot.config.file import AgentSection, Config
from bot.config.settings import Settings
from tests.signoff import says

POOL: AsyncConnectionPool[Any] = AsyncConnectionPool(open=False)

GOOD = {
    "what": "Read how long a service is up.",
    "when": "Call it when someone asks whether a service runs; to start one, call restart instead.",
    "needs": "Needs the service's exact name.",
    "back": "Comes back: the date in UTC.",
    "errors": "Errors: not_found (there is no such service).",
    "again": "Reads only, so calling it again is safe.",
}


def uptime(*without: str, name: str = "uptime") -> Tool:
    """A tool whose description says everything but this."""

    async def uptime(service: Annotated[str, Field(description="Its name.")]) -> str:
        return ""

    uptime.__doc__ = " ".join(sentence for name, sentence in GOOD.items() if name not in without)
    return tool(effect="read", name=name)(uptime)


@tool
async def restart(service: Annotated[str, Field(description="Its name.")]) -> str:
    """Restart a service. Call it when one hangs; to look at one call uptime. Needs its exact name. Gives what the service said.
    Errors: not_found. Calling it again restarts it again."""
    return ""


async def bare() -> str:
    """Wait."""
    return ""


def findings(*tools: Tool, policy: Policy | None = None) -> list[str]:
    """What is found in an agent with these tools."""
    return list(lint(Config(policy=policy or Policy()), {BUILT_IN: (), "ops": tools}))


def test_the_tools_that_come_with_signoff_are_described_as_they_should_be() -> None:
    packs = tool_packs(POOL, Config())
    assert {name for name, tools in packs.items() if tools} == {BUILT_IN, "catalog", "slack", "slack:channels", "web"}
    assert list(lint(Config(), packs)) == []


def test_a_tool_that_says_everything_passes() -> None:
    assert findings(uptime(), restart) == []


def test_what_a_server_says_of_its_tools_is_looked_at_only_where_that_is_asked_for() -> None:
    packs = {BUILT_IN: (), "mcp:ops": [tool(effect="read", name="ops__wait")(bare)]}
    assert list(lint(Config(), packs)) == []
    assert len(lint(Config(), packs, servers=True)) > 3


@pytest.mark.parametrize(
    ("without", "sentence"),
    [
        ("when", "uptime does not say when to call it: add “Call it when …”"),
        ("when", "uptime does not say when to call a similar tool: name restart, for example, with “instead”"),
        ("needs", "uptime states no precondition: add “Needs …”, “First …”, or “Nothing is needed before it”"),
        ("back", "uptime does not say what comes back: add “Comes back: …”"),
        ("errors", "uptime does not say how errors look: add “Errors: not_found (…), …” with what to do then"),
        ("again", "uptime does not say whether calling it again is safe: add “Calling it again is safe” or what it would do"),
    ],
)
def test_what_a_description_leaves_out_is_said(without: str, sentence: str) -> None:
    assert sentence in findings(uptime(without), restart)
    assert all(found.startswith("uptime ") for found in findings(uptime(without), restart))


def test_a_tool_that_stands_alone_has_no_similar_one() -> None:
    assert findings(uptime("when")) == ["uptime does not say when to call it: add “Call it when …”"]


def test_a_description_that_says_nothing_at_all_is_said() -> None:
    assert "uptime has a description of 30 characters, and a model knows the tool by nothing else" in findings(
        uptime("when", "needs", "back", "errors", "again")
    )


def test_an_argument_without_a_description_is_named() -> None:
    async def look(service: str, since: Annotated[str, Field(description="A date.")] = "") -> str:
        return ""

    look.__doc__ = " ".join(GOOD.values())
    assert findings(tool(effect="read")(look)) == [
        "look does not describe its argument service: add `Field(description=…)` to its type"
    ]


def test_writes_that_nobody_is_asked_about_are_named_with_their_rule() -> None:
    rules = (
        Rule(tool="restart", when=Condition("args.service == 'web'"), answer="allow", name="rule 1 of signoff.yaml, line 2"),
        Rule(tool="uptime", answer="allow", name="rule 2 of signoff.yaml, line 5"),
    )
    assert findings(uptime(), restart, policy=Policy(rules)) == [
        "restart is a write call that nobody is asked about: rule 1 of signoff.yaml, line 2: restart when args.service == 'web'"
    ]
    asks_first = (Rule(tool="restart"), *rules)
    assert findings(uptime(), restart, policy=Policy(asks_first)) == []  # what comes after is never reached


def test_more_than_twenty_tools_are_too_many_for_one_agent_unless_the_api_searches_them() -> None:
    many = [uptime(name=f"uptime{number}") for number in range(21)]
    haiku = Config(agents={"assistant": AgentSection(model="claude-haiku-5-5")})
    assert findings(*many) == []
    assert list(lint(haiku, {BUILT_IN: (), "ops": many[:20]})) == []
    assert list(lint(haiku, {BUILT_IN: (), "ops": many})) == [
        "agent assistant has 21 tools, and over 20 a model takes the wrong one more often: "
        "give it fewer, or a model that the API searches tools for"
    ]


def test_each_tool_is_listed_with_the_rule_that_speaks_first() -> None:
    rules = (
        Rule(tool="restart", when=Condition("args.service == 'web'"), answer="refuse", name="rule 1 of signoff.yaml, line 2"),
        Rule(tool="uptime", answer="ask", name="rule 2 of signoff.yaml, line 5"),
        Rule(tool="uptime", answer="allow", name="rule 3 of signoff.yaml, line 6"),
    )
    assert list(listing(tool_rows({BUILT_IN: [uptime()], "ops.py": [restart]}, Policy(rules)))) == [
        "restart  write  ops.py    refuse: rule 1 of signoff.yaml, line 2: restart when args.service == 'web', "
        "else default (one member approves each write call)",
        "uptime   read   built in  ask: rule 2 of signoff.yaml, line 5: uptime",
    ]


OPS = '''
from agent.declare import tool

@tool
def restart(service: str) -> str:
    """Restart a service."""
    return ""
'''


def test_the_commands_list_and_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "signoff.yaml").write_text("agents: {ops: {tools: [ops.py]}}\npolicy: [{tool: restart, quorum: 2}]\n")
    code, _, err = says("tools")
    assert (code, err) == (2, "There is no tool file ops.py: write it, or correct its name in `tools` of signoff.yaml.\n")
    (tmp_path / "ops.py").write_text(OPS)
    code, out, _ = says("tools")
    assert code == 0
    assert [line for line in out if re.fullmatch(r"restart +write +ops\.py +ask: rule 1 of signoff\.yaml, line 2: restart", line)]
    code, out, _ = says("tools", "lint")
    assert code == 1
    assert "restart does not describe its argument service: add `Field(description=…)` to its type." in out
    (tmp_path / "signoff.yaml").unlink()
    assert says("tools", "lint") == (0, ["Nothing to mend."], "")
    code, out, _ = says("policy", "check")
    assert (code, out) == (0, ["0 rules, and nothing to mend."])
