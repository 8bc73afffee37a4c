"""When a conversation is compacted."""

from dataclasses import replace

import pytest

from agent.decide.facts import Facts
from agent.decide.moves import CallModel, Record
from agent.decide.next_moves import next_moves
from agent.memory import compaction
from agent.model import windows
from agent.session.inbox import Inboxed, Message
from agent.session.state import Context, Session, Spending
from agent.types import Said
from tests.unit.test_compaction import RULES, TURN, World, asked
from tests.unit.test_machine import NOW


def grown(tokens: int, began: int = 100) -> Session:
    """A session between turns."""
    return replace(World(*TURN).session, context=Context(tokens, began))


@pytest.mark.parametrize(
    ("tokens", "began", "due"), [(999, 100, False), (1_001, 100, True), (1_001, 900, False), (1_801, 900, True)]
)
def test_a_context_is_ended_when_it_is_long_and_more_than_its_beginning(tokens: int, began: int, due: bool) -> None:
    assert compaction.due(grown(tokens, began), RULES) is due


def test_a_budget_without_room_for_a_summary_leaves_the_conversation_as_it_is() -> None:
    session = replace(grown(5_000), spending=Spending(used_tokens=RULES.budget_tokens - 9_000))
    assert not compaction.due(session, RULES)
    assert compaction.due(replace(session, spending=replace(session.spending, granted_tokens=1_000)), RULES)


def test_it_is_compacted_before_the_next_turn_opens() -> None:
    said = Inboxed(id=1, received=Message(said=Said(user="U1", text="hello", ts="9.0")))
    [move] = next_moves(grown(5_000), [said], RULES, NOW)
    assert isinstance(move, CallModel)
    assert move.purpose == "compact"
    [move] = next_moves(grown(500), [said], RULES, NOW, Facts(admitted=frozenset({1})))
    assert isinstance(move, Record)


def test_a_turn_is_never_cut_because_the_conversation_is_long() -> None:
    session = World(*TURN, asked("Now tables.")).session
    [move] = next_moves(replace(session, context=Context(tokens=500_000, began_tokens=1)), [], RULES, NOW)
    assert isinstance(move, CallModel)
    assert move.purpose == "reply"


@pytest.mark.parametrize(
    ("model", "budget", "configured", "tokens"),
    [
        ("claude-sonnet-5-5", 50_000, None, 12_500),
        ("claude-sonnet-5-5", 50_000, 3_000, 3_000),
        ("claude-sonnet-5-5", 10_000_000, None, 750_000),
        ("claude-haiku-4-5", 10_000_000, None, 150_000),
        ("some-new-model", 10_000_000, 500_000, 150_000),
    ],
)
def test_from_where_on(model: str, budget: int, configured: int | None, tokens: int) -> None:
    assert windows.context_tokens(model, budget, configured) == tokens
