"""What an eval was of is what a promotion asks for: the same version, model, tools and policy have the same key."""

from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from agent.prompts.versions import PROMPTS
from bot.agents.packs import tool_packs
from bot.agents.toolbox import eval_keys
from bot.config.file import load_config
from bot.eval.cases import GoldenSet
from bot.eval.subject import run_of, with_version

SECOND = PROMPTS.load("assistant@2")
REFUSES_GIT = [{"tool": "gi*", "verdict": "refuse"}]
ASKS_TWO = [{"tool": "create_order", "quorum": 2}]


def asked_for(folder: Path, written: str) -> str:
    """The key that a promotion of the second version asks for, with this signoff.yaml."""
    path = folder / "signoff.yaml"
    path.write_text(written)
    config = load_config(path)
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(open=False)
    return eval_keys(config, tool_packs(pool, config), SECOND)["assistant"].key


def shown(folder: Path, config: dict[str, Any], reference: str = "assistant@2", model: str | None = None) -> str:
    """The key of an eval of a set with this configuration."""
    golden, version = with_version(GoldenSet(name="a", prompt="assistant", config=config), reference, model)
    return run_of(golden, version, "recorded", folder).tested


@pytest.mark.parametrize(
    ("written", "config"),
    [
        ("agents: {assistant: {tools: [catalog, slack]}}", {"agents": {"assistant": {"tools": ["catalog", "slack"]}}}),
        ("agents: {assistant: {}}", {"agents": {"assistant": {}}}),
        ("agents: {assistant: {model: claude-opus-5-5}}", {"agents": {"assistant": {"model": "claude-opus-5-5"}}}),
        ("promotion: {channel: C0123}", {"agents": {"assistant": {}}}),  # about none of its tools
        (
            "agents: {assistant: {tools: [catalog, prompts]}}\npromotion: {channel: C0123}",
            {"agents": {"assistant": {"tools": ["catalog", "prompts"]}}, "promotion": {"channel": "C0123"}},
        ),
        ("policy: [{tool: 'git__*', verdict: refuse}, {tool: nothing, quorum: 2}]", {"agents": {"assistant": {}}}),
        ("policy: [{tool: create_order, quorum: 2}]", {"agents": {"assistant": {}}, "policy": ASKS_TWO}),
    ],
)
def test_the_same_has_the_same_key(written: str, config: dict[str, Any], tmp_path: Path) -> None:
    assert shown(tmp_path, config) == asked_for(tmp_path, written)


def test_anything_else_has_another(tmp_path: Path) -> None:
    written = "agents: {assistant: {tools: [catalog]}}"
    of: dict[str, Any] = {"agents": {"assistant": {"tools": ["catalog"]}}}
    others = [
        shown(tmp_path, of, "assistant@1"),
        shown(tmp_path, of, model="claude-opus-5-5"),
        shown(tmp_path, {"agents": {"assistant": {"tools": ["catalog", "web"]}}}),
        shown(tmp_path, {"agents": {"assistant": {"tools": ["catalog", "mcp:git"]}}}),
        shown(tmp_path, {"agents": {"assistant": {"tools": ["catalog", "mcp:git"]}}, "policy": REFUSES_GIT}),
        shown(tmp_path, {**of, "policy": ASKS_TWO}),
        shown(tmp_path, {**of, "policy": [{"tool": "create_*", "quorum": 3}]}),
    ]
    assert len({asked_for(tmp_path, written), *others}) == 8
