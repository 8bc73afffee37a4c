"""Many tools: which are whole, what a search has loaded, what of it is replayed, and what it costs."""

from typing import Any

import pytest
from pydantic import BaseModel

from agent.memory.transcript import Transcript, messages
from agent.model.tool_search import MOST_LOADED, MOST_TOOLS, SEARCH, fixed_characters, rendered, searches
from agent.session.calls import tool_calls
from agent.session.machine import apply
from agent.session.steps import Compacted, ModelReplied
from agent.tool.definition import Effect, Tool
from agent.types import Block, Pinned, Usage
from tests.unit.test_machine import ASKED, STARTED, after

MODEL = "claude-sonnet-5-5"


class Nothing(BaseModel):
    """No arguments."""


async def never(arguments: Nothing, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


def tools(prefix: str, count: int) -> list[Tool]:
    """So many."""
    names = [f"{prefix}{number}" for number in range(count)]
    return [Tool(name=name, description="x" * 300, arguments=Nothing, handler=never, effect=Effect.READ) for name in names]


def deferred(pinned: tuple[dict[str, Any], ...]) -> list[str]:
    """The names of those that are not loaded."""
    return [tool["name"] for tool in pinned if tool.get("defer_loading")]


@pytest.mark.parametrize(
    ("model", "searched"),
    [
        ("claude-sonnet-5-5", True),
        ("claude-sonnet-4-5-20250929", True),
        ("claude-opus-4-6", True),
        ("claude-opus-10", True),
        ("claude-haiku-5-5", False),
        ("claude-3-5-sonnet-20241022", False),
        ("claude-fable-5-2", False),  # nothing is said of it
        ("another-model", False),
    ],
)
def test_for_which_models_the_api_searches(model: str, searched: bool) -> None:
    assert searches(model) is searched
    many = rendered(model, [tools("a", 50)])
    assert (SEARCH in many) is searched
    assert bool(deferred(many)) is searched
    assert len(many) == 50 + searched


def test_few_tools_are_sent_as_they_are() -> None:
    few = rendered(MODEL, [tools("a", MOST_TOOLS)])
    assert SEARCH not in few
    assert deferred(few) == []


def test_of_many_those_of_the_first_packs_that_fit_are_whole() -> None:
    packs = [tools("built_in", 1), tools("shop", 3), tools("server", 200), tools("own", 1), tools("more", 2)]
    pinned = rendered(MODEL, packs)
    whole = [tool["name"] for tool in pinned if not tool.get("defer_loading")]
    assert whole == ["tool_search_tool_bm25", "built_in0", "own0", "shop0", "shop1", "shop2"]
    assert len(whole) == 1 + MOST_LOADED
    assert pinned == rendered(
        MODEL, [tools("built_in", 1), tools("shop", 3), tools("server", 200), tools("own", 1), tools("more", 2)]
    )


# ---------------------------------------------------------------------------------------------- replies

ASKED_FOR: Block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_bm25", "input": {"query": "pay"}}
FOUND: Block = {
    "type": "tool_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": {
        "type": "tool_search_tool_search_result",
        "tool_references": [{"type": "tool_reference", "tool_name": "server7"}],
    },
}
CALLED: Block = {"type": "tool_use", "id": "toolu_1", "name": "server7", "input": {}, "caller": {"type": "direct"}}


def reply(*content: Block, stop_reason: str = "tool_use") -> ModelReplied:
    """The model's."""
    return ModelReplied(content=content, stop_reason=stop_reason, usage=Usage(input_tokens=1, output_tokens=1))


def test_a_search_is_no_call_of_ours_and_is_replayed_as_it_came() -> None:
    step = reply(ASKED_FOR, FOUND, CALLED)
    assert [call.tool for call in tool_calls(step)] == ["server7"]
    session = apply(after(ASKED, STARTED), step, 1)
    assert [state.call.id for state in session.turn.calls] == ["toolu_1"]
    replayed = messages([ASKED, STARTED, step])
    assert replayed[1]["content"] == [ASKED_FOR, FOUND, CALLED]
    assert [block["tool_use_id"] for block in replayed[2]["content"]] == ["toolu_1"]


def test_a_search_that_was_cut_off_before_its_result_is_not_replayed() -> None:
    text: Block = {"type": "text", "text": "Let me see."}
    assert messages([ASKED, STARTED, reply(text, ASKED_FOR, stop_reason="max_tokens")])[1]["content"] == [text]
    [block] = messages([ASKED, STARTED, reply(ASKED_FOR, stop_reason="max_tokens"), ASKED])[1]["content"]
    assert "cut at its length limit" in block["text"]


def test_what_is_not_loaded_costs_nothing_but_for_the_few_that_a_search_may_find() -> None:
    many = Pinned(model=MODEL, system="", tools=rendered(MODEL, [tools("server", 200)]))
    whole = Pinned(model=MODEL, system="", tools=tuple(tool.schema() for tool in tools("server", 200)))
    assert fixed_characters(many, ()) < len(whole.model_dump_json()) / 20
    assert fixed_characters(many, {"server7", "server8"}) > fixed_characters(many, ()) + 600
    assert fixed_characters(whole, ()) == len(whole.model_dump_json())


def test_what_was_found_in_a_context_that_is_over_is_not_loaded_any_more() -> None:
    transcript = Transcript()
    for step in (ASKED, STARTED, reply(ASKED_FOR, FOUND, CALLED)):
        transcript.add(step)
    assert transcript.found_tools == {"server7"}
    transcript.add(Compacted(since=9, head="What was said."))
    assert transcript.found_tools == set()
