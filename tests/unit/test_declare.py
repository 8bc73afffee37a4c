"""`@tool` over a function: what becomes of parameters, docstring and marks, and the sentence for what cannot be meant."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from agent.tool.arguments import Arguments
from agent.tool.declare import DeclarationError, tool
from agent.tool.definition import Effect, Result, Tool, ToolContext, ToolError, registry, run
from agent.tool.fallback import with_fallback
from agent.tool.validation import validate
from agent.types import Preview

CONTEXT = ToolContext("T1:C1:1.0", "U1", "key-1")


async def called(one: Tool, **arguments: Any) -> Mapping[str, Any]:
    """What the model reads of a call, arguments checked first."""
    valid = validate(registry([one]), one.name, arguments)
    return json.loads((valid if isinstance(valid, Result) else await run(one, valid, CONTEXT)).text())


@tool
async def restart(
    service: Annotated[str, Field(description="Its name.")], day: date, hard: bool = False, ways: tuple[int, ...] = ()
) -> Mapping[str, Any]:
    """Restart a service.

    Call it when one hangs.
    """
    return {"service": service, "day": day, "hard": hard, "ways": ways}


async def test_typed_parameters_are_the_arguments() -> None:
    schema = restart.schema()
    assert (schema["name"], schema["description"]) == ("restart", "Restart a service.\n\nCall it when one hangs.")
    properties = schema["input_schema"]["properties"]
    assert {name: one.get("type") for name, one in properties.items()} == {
        "service": "string",
        "day": "string",
        "hard": "boolean",
        "ways": "array",
    }
    assert properties["service"]["description"] == "Its name."
    assert schema["input_schema"]["required"] == ["service", "day"]
    assert schema["input_schema"]["additionalProperties"] is False
    answer = await called(restart, service="web", day="2026-11-01", ways=[1, 2])
    assert answer == {"ok": True, "result": {"service": "web", "day": "2026-11-01", "hard": False, "ways": [1, 2]}}


def test_what_is_not_marked_is_a_write() -> None:
    assert restart.effect is Effect.WRITE
    assert not restart.repeatable


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"hard": "yes"}, "hard: Input should be a valid boolean"),
        ({"hard": 1}, "hard: Input should be a valid boolean"),
        ({"service": 7}, "service: Input should be a valid string"),
        ({"day": "tomorrow"}, "day: Input should be a valid date"),
        ({"ways": ["1"]}, "ways.0: Input should be a valid integer"),
        ({"force": True}, "force: Extra inputs are not permitted"),
        ({"service": "a\0b"}, "service: Value error, must not contain the character NUL"),
    ],
)
async def test_arguments_that_break_the_schema_are_answered_with_path_and_rule_and_nothing_runs(
    wrong: dict[str, Any], problem: str
) -> None:
    ran: list[str] = []

    @tool
    async def note(service: str, day: date, hard: bool = False, ways: tuple[int, ...] = ()) -> Mapping[str, Any]:
        """Note it."""
        ran.append(service)
        return {}

    answer = await called(note, **{"service": "web", "day": "2026-11-01"} | wrong)
    assert (answer["error"], answer["detail"].startswith(f"note was not run. {problem}")) == ("invalid_input", True)
    assert ran == []
    assert (await called(note, service="web", day="2026-11-01"))["ok"]
    assert ran == ["web"]


class Address(BaseModel):
    """Where to."""

    street: str = Field(description="With its number.")
    zip: int


async def test_one_model_stands_for_all_arguments_and_is_made_strict() -> None:
    @tool(effect="read")
    async def find(to: Address, context: ToolContext) -> Mapping[str, Any]:
        """Find it."""
        assert isinstance(to, Address)
        return {"street": to.street, "session": context.session_id}

    assert list(find.schema()["input_schema"]["properties"]) == ["street", "zip"]
    assert await called(find, street="Main 1", zip=7) == {"ok": True, "result": {"street": "Main 1", "session": "T1:C1:1.0"}}
    assert (await called(find, street="Main 1", zip="7"))["detail"] == "find was not run. zip: Input should be a valid integer"
    assert "Extra inputs" in (await called(find, street="Main 1", zip=7, country="x"))["detail"]


async def test_marks_and_words_are_the_tools() -> None:
    async def foreseen(arguments: Any, context: ToolContext) -> Preview:
        return Preview(headline=arguments.name)

    def found(arguments: Any, context: ToolContext) -> Result:
        return Result(ok=True, result={"key": context.idempotency_key})

    @tool(
        effect="irreversible",
        name="drop-table",
        verb="Drop it",
        consequence="It is gone.",
        undo="No.",
        headline="Drop {name} of {owner}",
        untrusted=lambda arguments: f"the owner {arguments.owner}",
        idempotent=True,
        time_limit_seconds=3,
        preview=foreseen,
        reconcile=found,
    )
    async def drop(name: str, owner: Literal["us", "them"] = "us") -> str:
        """Drop a table."""
        return f"{name} dropped"

    assert (drop.name, drop.effect, drop.verb, drop.idempotent, drop.time_limit_seconds) == (
        "drop-table",
        Effect.IRREVERSIBLE,
        "Drop it",
        True,
        3,
    )
    arguments = validate(registry([drop]), "drop-table", {"name": "t"})
    assert drop.headline is not None
    assert drop.untrusted is not None
    assert drop.preview is not None
    assert drop.reconcile is not None
    assert drop.headline(arguments) == "Drop t of us"
    assert drop.untrusted(arguments) == "the owner us"
    assert (await drop.preview(arguments, CONTEXT)).headline == "t"
    assert await drop.reconcile(arguments, CONTEXT) == Result(ok=True, result={"key": "key-1"})
    assert await called(drop, name="t") == {"ok": True, "result": {"text": "t dropped"}}


async def test_a_list_and_a_model_are_answers_too() -> None:
    @tool(effect="read")
    async def addresses() -> list[Address]:
        """All of them."""
        return [Address(street="Main", zip=1)]

    @tool(effect="read")
    async def address() -> Address:
        """One of them."""
        return Address(street="Main", zip=1)

    assert (await called(addresses))["result"] == {"items": [{"street": "Main", "zip": 1}]}
    assert (await called(address))["result"] == {"street": "Main", "zip": 1}


# ---------------------------------------------------------------------------------------------- what cannot be meant


async def no_type(service: Any) -> None:
    """Restart."""


no_type.__annotations__.clear()  # written in the open, pyright would refuse it first


async def no_docstring(service: str) -> None: ...


async def rest(*services: str) -> None:
    """Restart."""


async def options(**services: str) -> None:
    """Restart."""


async def taken(copy: str) -> None:
    """Restart."""


async def no_json(done: Callable[[], None]) -> None:
    """Restart."""


async def lax_inside(to: Address, why: str) -> None:
    """Restart."""


async def fine(service: str) -> None:
    """Restart."""


@pytest.mark.parametrize(
    ("function", "marks", "sentence"),
    [
        (no_type, {}, "the parameter `service` has no type: write one behind it, such as `service: str`."),
        (no_docstring, {}, "it has no docstring, which is what the model reads: say when to call it and what comes back."),
        (rest, {}, "`*services: str` takes what has no name: write out each parameter."),
        (options, {}, "`**services: str` takes what has no name: write out each parameter."),
        (taken, {}, "`copy` cannot be the name of an argument: rename the parameter."),
        (no_json, {}, "its parameters cannot be arguments ("),
        (lax_inside, {}, "Address would take what it does not know: derive it from agent.arguments.Arguments."),
        (fine, {"effect": "reads"}, "its effect should be one of read, egress, write, irreversible, not 'reads'."),
        (fine, {"name": "re.start"}, "its name should be 1 to 64 of the letters a to z, digits, _ and -"),
        (fine, {"headline": "Restart {name}"}, "`headline` names {name}, which is no argument: there are service."),
        (fine, {"efect": "read"}, "unexpected keyword argument 'efect'."),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_one_sentence(function: Any, marks: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        tool(**marks)(function)
    said = str(refused.value)
    assert sentence in said
    assert said.startswith(f"{__file__}, line {function.__code__.co_firstlineno}: {function.__name__} is no tool: ")
    assert said.endswith(".")
    assert "\n" not in said


async def test_a_strict_model_may_be_one_argument_among_others() -> None:
    class Place(Arguments, frozen=True):
        zip: int

    @tool(effect="read")
    async def look(at: Place, why: str) -> Mapping[str, Any]:
        """Look."""
        return {"zip": at.zip, "why": why}

    assert (await called(look, at={"zip": 1}, why="so"))["result"] == {"zip": 1, "why": "so"}
    assert (await called(look, at={"zip": 1, "city": "x"}, why="so"))["detail"].endswith(
        "at.city: Extra inputs are not permitted"
    )


# ---------------------------------------------------------------------------------------------- another way


async def by_index(query: str) -> Mapping[str, Any]:
    """Find by words."""
    match query:
        case "missing":
            raise ToolError("not_found", "There is none.")
        case "down":
            raise ToolError("unexpected", "The index is down.")
        case "slow":
            await asyncio.Event().wait()
        case "broken":
            raise RuntimeError("password=hunter2")
        case _:
            pass
    return {"found": query}


def by_name(query: str) -> Mapping[str, Any]:
    """Find by the name alone."""
    return {"found": f"{query}, roughly", "note": "No ranks."} if query == "slow" else {"found": f"{query}, roughly"}


find = tool(effect="read")(with_fallback(by_index, by_name, note="By names only: the index is down.", patience_seconds=0.05))


async def test_what_works_is_answered_without_a_note() -> None:
    assert (await called(find, query="lamp"))["result"] == {"found": "lamp"}


@pytest.mark.parametrize("query", ["down", "broken"])
async def test_what_breaks_is_done_in_the_other_way_and_the_model_is_told(query: str) -> None:
    answer = await called(find, query=query)
    assert answer == {"ok": True, "result": {"found": f"{query}, roughly", "note": "By names only: the index is down."}}


async def test_what_takes_too_long_is_done_in_the_other_way_and_both_notes_are_told() -> None:
    assert (await called(find, query="slow"))["result"]["note"] == "No ranks. By names only: the index is down."


async def test_an_answer_that_is_no_failure_is_not_looked_for_elsewhere() -> None:
    assert await called(find, query="missing") == {"ok": False, "error": "not_found", "detail": "There is none."}


def test_only_what_reads_may_have_another_way() -> None:
    for effect in ("write", "irreversible"):
        with pytest.raises(DeclarationError, match=f"by_index has a fallback, but effect {effect}: only what reads may"):
            tool(effect=effect)(with_fallback(by_index, by_name, note="Roughly."))
    assert find.effect is Effect.READ
