"""Stand-ins give what was recorded: for the same call, else for the next of its tool, else an error; and ask as was asked."""

import json
from typing import Any

import pytest

from agent.canonical import canonical
from agent.tool.definition import Effect, Tool, ToolContext, preview, run
from agent.tool.definition import Result as ToolResult
from agent.types import Change, Preview
from bot.agents.packs import BUILT_IN
from bot.config.refusal import Refusal
from bot.eval.recorded import SEARCHED, Recorded, RecordedCall, StandIn, policy_of, stand_ins

CONTEXT = ToolContext("T1:C1:1.0", "U1", "key")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "note": {"type": "string", "default": ""}},
    "required": ["to"],
    "additionalProperties": False,
}


def said(result: str) -> dict[str, Any]:
    """What the model read of a call that went well."""
    return {"ok": True, "result": {"said": result}}


def sent(to: str, **other: Any) -> RecordedCall:
    """A call on record."""
    return RecordedCall.model_validate(
        {"tool": "send", "arguments": {"to": to}, "outcome": "succeeded", "says": said(to), **other}
    )


def send(*calls: RecordedCall, effect: Effect = Effect.WRITE) -> Tool:
    """The stand-in of a tool with these calls on record."""
    stand_in = StandIn(name="send", description="Sends.", input_schema=SCHEMA, effect=effect)
    [tool] = stand_ins(Recorded(tools=[stand_in], calls=calls))[BUILT_IN]
    return tool


async def came(tool: Tool, **arguments: Any) -> ToolResult:
    """What comes of a call."""
    valid = tool.arguments.model_validate(arguments)
    return tool.marked(await run(tool, valid, CONTEXT), valid)


async def test_the_same_call_gets_its_own_result_and_another_one_the_next_that_nobody_has_got() -> None:
    tool = send(sent("a"), sent("b"), sent("b", says=said("b again")))
    came_of = [(await came(tool, to=to)).result for to in ("b", "b", "c", "a", "b")]
    assert came_of == [{"said": each} for each in ("b", "b again", "a", "a", "b again")]
    assert tool.schema() == {"name": "send", "description": "Sends.", "input_schema": SCHEMA}


async def test_a_default_that_is_left_out_is_the_same_call() -> None:
    tool = send(sent("a", arguments={"to": "a", "note": ""}), sent("b"))
    assert (await came(tool, to="a")).result == {"said": "a"}
    assert (await came(tool, to="b", note="")).result == {"said": "b"}


async def test_a_call_without_a_recording_is_a_structured_error_and_nobody_is_asked() -> None:
    tool = send()
    result = await came(tool, to="a")
    assert (result.ok, result.error, result.begun) == (False, "not_found", False)
    assert result.detail is not None
    assert result.detail.startswith("This is a replay, and nothing was recorded for this call of send")
    foreseen = await preview(tool, tool.arguments.model_validate({"to": "a"}), CONTEXT)
    assert isinstance(foreseen, ToolResult)
    assert foreseen.detail == result.detail


async def test_a_card_shows_what_it_showed_then() -> None:
    shown = Preview(headline="To A", changes=(Change(what="sent", before="0", after="1"),), bound={"to": "A1"})
    tool = send(sent("a", shown=shown, asked=True), sent("b", outcome=None, says=None, asked=True))
    found = [await preview(tool, tool.arguments.model_validate({"to": to}), CONTEXT) for to in ("a", "b")]
    assert found == [shown, Preview()]


@pytest.mark.parametrize(
    ("outcome", "says", "error", "begun", "unclear"),
    [
        ("failed", {"ok": False, "error": "timeout", "detail": "Too late."}, "timeout", True, False),
        ("refused", {"ok": False, "error": "permission_denied", "detail": "Not you."}, "permission_denied", False, False),
        ("failed", {"ok": False, "error": "of an older version", "detail": "No."}, "unexpected", True, False),
        ("unknown", {"ok": False, "error": "unexpected", "detail": "Nobody knows."}, "unexpected", True, True),
    ],
)
async def test_what_was_an_error_is_the_same_error(outcome: Any, says: Any, error: str, begun: bool, unclear: bool) -> None:
    result = await came(send(sent("a", outcome=outcome, says=says)), to="a")
    assert (result.ok, result.error, result.begun, result.unclear) == (False, error, begun, unclear)
    assert unclear or result.detail == says["detail"]


@pytest.mark.parametrize("effect", [Effect.READ, Effect.WRITE])
async def test_the_text_that_the_model_reads_is_the_same_with_its_mark_and_a_read_is_a_source(effect: Effect) -> None:
    original = ToolResult(ok=True, result={"b": 1, "a": [True, None]}).coming_from("the page {x}")
    result = await came(send(sent("a", says=json.loads(original.text())), effect=effect), to="a")
    assert result.text() == original.text()
    assert result.provenance == ("the page {x}" if effect is Effect.READ else "")
    assert (await came(send(sent("a"), effect=effect), to="a")).text() == '{"ok":true,"result":{"said":"a"}}'


def test_what_the_schema_says_holds_but_for_what_was_called_then() -> None:
    no = {"ok": False, "error": "invalid_input", "detail": "No."}
    tool = send(sent("a", arguments={"into": 5}, outcome="refused", says=no))
    assert tool.arguments.model_validate({"into": 5}).model_dump() == {"note": "", "into": 5}
    with pytest.raises(ValueError, match="to"):
        tool.arguments.model_validate({"into": 6})


def test_the_tools_that_a_model_searches_for_are_in_a_pack_of_their_own() -> None:
    tools = [StandIn(name=name, searched=name != "one") for name in ("one", "two", "three")]
    packs = stand_ins(Recorded(tools=tools))
    assert {pack: [tool.name for tool in of] for pack, of in packs.items()} == {BUILT_IN: ["one"], SEARCHED: ["two", "three"]}


def test_a_schema_that_is_none_is_said() -> None:
    with pytest.raises(Refusal, match="The tool send cannot be replayed: its schema is no JSON schema"):
        stand_ins(Recorded(tools=[StandIn(name="send", input_schema={"type": "nothing"})]))


def test_calls_that_were_treated_alike_have_one_rule_and_others_one_each() -> None:
    tools = [StandIn(name="send", input_schema=SCHEMA)]
    people: Any = {"approvers": {"channel_members": True, "requester": True}, "quorum": 2, "rejections": 1}
    alike = Recorded(tools=tools, calls=[sent("a", asked=True, quorum=2), sent("b", asked=True, quorum=2)])
    assert policy_of(alike) == [{"tool": "send", **people}]
    other = Recorded(tools=tools, calls=[sent("é"), sent("a", asked=True, quorum=2, expired=True), sent("a")])
    assert policy_of(other) == [
        {"tool": "send", "when": 'args == {"note": "", "to": "a"}', **people, "expires": "2s"},
        {"tool": "send", "when": 'args == {"note": "", "to": "é"}', "verdict": "allow"},
        {"tool": "send", **people},
    ]
    assert canonical(list(policy_of(Recorded(tools=tools)))) == "[]"
