"""Arguments by JSON schema: accepted exactly when jsonschema accepts them, and told, shown and hashed like any others."""

import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from referencing import Registry
from referencing.jsonschema import SchemaRegistry

from agent.approvals.condition import Condition
from agent.approvals.digest import action_digest
from agent.approvals.grants import choices, matches
from agent.tool.definition import Result, Tool, ToolContext, registry
from agent.tool.json_schema import json_arguments
from agent.tool.validation import problems, validate
from agent.types import Verdict
from bot.cards.schema import argument_names
from bot.dialogs.form import edit_view, field_errors, read_form
from tests.mcp.conftest import kept, of_node, of_python
from tests.mcp.schemas import arguments_for, tool_schemas
from tests.profiles import examples
from tests.unit.forms import block_of, put, untouched
from tools.mcp import Server

ORDER: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d+$"},
        "quantity": {"type": "integer", "minimum": 1, "default": 1},
        "to": {"$ref": "#/$defs/address"},
    },
    "required": ["sku"],
    "additionalProperties": False,
    "$defs": {"address": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}


async def nothing(arguments: Any, context: ToolContext) -> Mapping[str, Any]:
    """Does nothing."""
    return {}


def tool(schema: Mapping[str, Any] = ORDER) -> Tool:
    """A tool with this schema."""
    return Tool(name="shop__order", description="Orders.", arguments=json_arguments(schema), handler=nothing)


def reference(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """What the library's own validator says. A schema that refers to itself without end takes nothing."""
    nowhere: SchemaRegistry = Registry()
    kind: Any = Draft202012Validator
    try:
        return kind(schema, registry=nowhere).is_valid(arguments)
    except RecursionError:
        return False


def accepted(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether a session would take the arguments, as JSON brings them."""
    return not isinstance(validate(registry([tool(schema)]), "shop__order", arguments), Result)


def agrees(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether they are taken, which must be as the library has it."""
    taken = accepted(schema, arguments)
    assert taken == reference(schema, arguments)
    if taken:
        kept_as = json_arguments(schema).model_validate(arguments).model_dump(mode="json")
        assert json.dumps(kept_as) == json.dumps(arguments)  # 1 stays 1, and 1.0 stays 1.0
    else:
        assert all(re.search(r"\(rule: \S+\)\Z", what) for _, what in problems(tool(schema), arguments))
    return taken


@examples(4)
@given(st.data())
def test_arguments_are_accepted_exactly_when_jsonschema_accepts_them(data: st.DataObject) -> None:
    schema = data.draw(tool_schemas())
    agrees(schema, data.draw(arguments_for(schema)))


async def test_so_are_those_of_the_reference_servers() -> None:
    servers = [Server(name="time", reach=of_python("mcp-server-time")), Server(name="git", reach=of_python("mcp-server-git"))]
    await _so_are_those_of(*servers)


async def test_so_are_those_of_the_reference_servers_of_node() -> None:
    files = Server(name="files", reach=of_node("mcp-server-filesystem", "/tmp"))
    await _so_are_those_of(files, Server(name="everything", reach=of_node("mcp-server-everything")))


async def _so_are_those_of(*servers: Server) -> None:
    async with kept(*servers) as world:
        schemas = [one.schema()["input_schema"] for one in world.tools().values()]
    assert len(schemas) > 10

    for schema in schemas:
        outcomes = _outcomes(schema)
        assert True in outcomes  # else nothing of it would have been tried
    assert json_arguments(schemas[0]) is json_arguments(json.loads(json.dumps(schemas[0])))


def _outcomes(schema: Mapping[str, Any]) -> set[bool]:
    outcomes = set[bool]()

    @examples(0.4)
    @given(arguments_for(schema))
    def some(arguments: dict[str, Any]) -> None:
        outcomes.add(agrees(schema, arguments))

    some()
    return outcomes


# ---------------------------------------------------------------------------------------------- told and shown


def test_what_breaks_the_schema_is_told_with_its_place_and_the_rule() -> None:
    result = validate(registry([tool()]), "shop__order", {"quantity": 0, "to": {}, "x": 1})
    assert isinstance(result, Result)
    assert result.error == "invalid_input"
    for words in (
        "sku: is required (rule: required)",
        "quantity: 0 is less than the minimum of 1 (rule: minimum)",
        "to.city: is required (rule: required)",
        "Additional properties are not allowed ('x' was unexpected) (rule: additionalProperties)",
    ):
        assert words in str(result.detail)


def test_the_form_shows_problems_beside_their_fields_and_reads_what_was_filled_in() -> None:
    schema, values = tool().schema()["input_schema"], {"sku": "ABC-1", "quantity": 2}
    view = edit_view(schema, values, headline="Order", action_id="A1", submit="Order")
    assert read_form(schema, values, untouched(view)).arguments == values
    assert read_form(schema, values, put(view, {"quantity": "3"})).arguments == {"sku": "ABC-1", "quantity": 3}
    errors = field_errors(schema, values, problems(tool(), {"sku": "abc", "quantity": 0}))
    assert {text.partition(" ")[0] for text in errors.values()} == {"'abc'", "0"}
    assert set(errors) == {block_of(view, name)["block_id"] for name in ("sku", "quantity")}
    missing = field_errors(schema, values, problems(tool(), {}))
    assert list(missing.values()) == ["is required (rule: required)"]


def test_conditions_digests_and_grants_see_the_arguments_as_they_came() -> None:
    validated = validate(registry([tool()]), "shop__order", {"sku": "ABC-1", "quantity": 12})
    arguments = validated.model_dump(mode="json")
    assert Condition("args.quantity > 10 && args.sku.startsWith('ABC')").holds(arguments, "U1", "C1")
    assert argument_names(tool()) == ("sku", "quantity", "to")
    pattern = tuple(each[0] for each in choices(arguments).values())
    assert matches(pattern, arguments)
    assert not matches(pattern, {**arguments, "quantity": 13})
    verdict = Verdict(answer="ask", rule="")
    changed = {**ORDER, "required": ["sku", "quantity"]}
    wording = tool().wording(validated)
    digests = {action_digest("S1", one, arguments, verdict, wording) for one in (tool(), tool(), tool(changed))}
    assert len(digests) == 2  # another schema is another digest


# ---------------------------------------------------------------------------------------------- schemas from outside


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no such type"},
        {"properties": 3},
        {"$schema": 3, "type": "object"},
    ],
)
def test_what_is_no_schema_is_refused_with_a_sentence(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="its schema"):
        json_arguments(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/x.json"}}},
        {"type": "object", "properties": {"x": {"$ref": "#/nowhere"}}},
        {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}},
    ],
)
def test_a_schema_that_cannot_be_followed_takes_nothing_and_fetches_nothing(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"its own|cannot be followed"):
        json_arguments(schema).model_validate({"x": 10**400})


class Inviting(BaseHTTPRequestHandler):
    """Serves a schema that takes anything, and counts who came for it."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


def test_a_reference_to_elsewhere_is_never_followed() -> None:
    with HTTPServer(("127.0.0.1", 0), Inviting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        elsewhere = {"$ref": f"http://127.0.0.1:{server.server_port}/x.json"}
        assert not accepted({"type": "object", "properties": {"x": elsewhere}}, {"x": 1})
        server.shutdown()
    assert Inviting.asked == []


def test_a_long_value_does_not_come_back_whole() -> None:
    [(where, what)] = problems(tool(), {"sku": "x" * 100_000})
    assert where == ("sku",)
    assert len(what) < 400


# ---------------------------------------------------------------------------------------------- patterns of another language

LETTERS = r"^(?=.)\p{L}+$"  # as ECMAScript reads it


@pytest.mark.parametrize(
    ("part", "taken", "refused"),
    [
        ({"type": "string", "pattern": LETTERS, "maxLength": 3}, "ab", "abcd"),
        ({"type": "array", "items": {"allOf": [{"pattern": LETTERS}, {"type": "string"}]}}, ["ab"], [3]),
        (
            {"patternProperties": {LETTERS: {}, "^n": {"type": "number"}}, "additionalProperties": False},
            {"n": 3, "é": 1},
            {"n": "3"},
        ),
        ({"$ref": "#/$defs/word"}, "ab", 3),
    ],
)
def test_a_pattern_that_nobody_here_can_read_is_left_to_the_server_and_all_else_is_checked(
    part: dict[str, Any], taken: Any, refused: Any
) -> None:
    schema = {"type": "object", "properties": {"x": part}, "$defs": {"word": {"type": "string", "pattern": LETTERS}}}
    arguments = json_arguments(schema)
    assert arguments.unread == (LETTERS,)
    assert arguments.model_json_schema() == schema  # the model and the digest have it as it came
    assert arguments.model_validate({"x": taken}).root == {"x": taken}
    with pytest.raises(ValidationError):
        arguments.model_validate({"x": refused})


def test_what_only_looks_like_a_pattern_is_none() -> None:
    values = {"enum": [{"pattern": LETTERS}]}
    arguments = json_arguments({"type": "object", "properties": {"pattern": {"type": "string"}, "x": values}})
    assert arguments.unread == ()
    assert arguments.model_validate({"pattern": "a", "x": {"pattern": LETTERS}}).root["pattern"] == "a"
