"""A run as a tree: whatever a log holds, each of its model calls, cards and runs stands in it once, with what became of it."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from agent.reports.run_tree import Committed, Node, run_tree
from agent.session.steps import STEP, ActionDecided, Edited, ModelReplied, ModelStarted, ProposedAction, Step, ToolReturned
from bot.commands.trace import line
from tests.conftest import REPOSITORY

OLD_LOGS = REPOSITORY / "tests" / "stores" / "old_logs.jsonl"
START = datetime(2026, 11, 30, 12, tzinfo=UTC)


def logs() -> dict[str, list[Step]]:
    """The steps of each conversation that earlier versions wrote."""
    found: defaultdict[str, list[Step]] = defaultdict(list)
    for row in (json.loads(each) for each in OLD_LOGS.read_text().splitlines()):
        if row.get("table") == "step":
            found[row["row"]["session_id"]].append(STEP.validate_python(row["row"]["body"]))
    return found


def committed(steps: Sequence[Step]) -> list[Committed]:
    """These steps, a second apart."""
    return [Committed(START + timedelta(seconds=seq), step) for seq, step in enumerate(steps, 1)]


def every(nodes: Sequence[Node]) -> Iterator[Node]:
    """The nodes, and all below them."""
    for node in nodes:
        yield node
        yield from every(node.children)


def told(nodes: Sequence[Node], *names: str) -> list[str]:
    """How these ended, in some order."""
    return sorted(str(node.facts["outcome"]) for node in nodes if node.name in names and "outcome" in node.facts)


@pytest.mark.parametrize("id", sorted(logs()))
def test_each_call_card_and_run_of_a_log_stands_in_its_tree_once(id: str) -> None:
    steps = logs()[id]
    nodes = list(every(run_tree(committed(steps), None)))
    assert len([node for node in nodes if node.name == "chat"]) == sum(isinstance(step, ModelStarted) for step in steps)
    assert len([node for node in nodes if node.name == "approval"]) == sum(isinstance(step, ProposedAction) for step in steps)
    decided = [
        step.decision if isinstance(step, ActionDecided) else "edited"
        for step in steps
        if isinstance(step, ActionDecided | Edited)
    ]
    assert told(nodes, "approval", "event") == sorted(decided)
    assert told(nodes, "execute_tool") == sorted(step.outcome for step in steps if isinstance(step, ToolReturned))
    replies = [step.usage for step in steps if isinstance(step, ModelReplied)]
    assert sum(int(str(node.facts.get("output_tokens", 0))) for node in nodes) >= sum(usage.output_tokens for usage in replies)
    assert all("\n" not in line(node) for node in nodes)


def test_there_are_such_logs() -> None:
    assert len(logs()) > 20
