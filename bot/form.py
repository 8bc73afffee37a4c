"""The modal in which people change the arguments of a call, made from the tool's JSON schema and filled with what would run now.

`edit_view` draws it, `read_form` reads what Slack sends back, and `field_errors` puts what validation finds beside the fields.

- A field that was not touched keeps its value exactly, also one that is not there at all.
- A field that was emptied is null where the schema allows null; else it is left out where it is not required, and a default
  applies; else it is the empty text or list where that is allowed; else it must be filled in.
- What cannot be edited here (too long for Slack's inputs, or the modal is full) stays as it is, and the form says so.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from pydantic import JsonValue

from agent.characters import whole
from agent.tool import Problem
from bot.field import EMPTY, Block, Choice, Input, Json, input_for
from bot.plain import cut
from bot.schema import Property, Schema, properties
from bot.spelling import LINE_CHARACTERS, Unreadable, in_a_line, label, sentence

State = Mapping[str, Mapping[str, Mapping[str, Any]]]  # Slack's view.state.values: block_id, action_id, what stands there

MOST_FIELDS = 97  # of the 100 blocks of a modal; the others say what the form is, and what it leaves out
VIEW_CHARACTERS = 200_000  # Slack takes a view of 250 kB
ROOM_FOR_NAMES = 40_000  # of those: values end here, so that what is not to be edited is named at least
TITLE_CHARACTERS = 24  # of a modal's title and its buttons
HINT_CHARACTERS = 300
ERROR_CHARACTERS = 300
HEADLINE_CHARACTERS = 1_000

EXPLAINED = "Change what should be different. This proposes the call anew, as you leave it here, and approves nothing."
STALE = "This form is from another version of the tool. Please close it and press Edit again."
NEEDED = "Please fill this in."


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form was filled with. Where there are errors (sentences by block_id), the arguments are not to be used."""

    arguments: dict[str, JsonValue]
    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One argument in the form: the input that it is edited in, and what stands in it at first. No input: it stays as it is."""

    property: Property
    block_id: str
    input: Input | None = None
    shown: str = ""

    def block(self) -> Block:
        """The field as a block of the modal."""
        name = label(self.property.name)
        if self.input is None:
            kept = f"{name}: too much to be edited here. It stays exactly as it is."
            return {"type": "section", "block_id": self.block_id, "text": plain(kept)}
        block: Block = {
            "type": "input",
            "block_id": self.block_id,
            "optional": self._may_be_empty(self.input),
            "label": plain(name),
            "element": self.input.element(self.shown),
        }
        hint = sentence(" ".join(self._hints(self.input)), HINT_CHARACTERS)
        return block | ({"hint": plain(hint)} if hint else {})

    def size(self) -> int:
        """Of the block, as it is sent."""
        return len(json.dumps(self.block()))

    def _may_be_empty(self, kind: Input) -> bool:
        if isinstance(kind, Choice):
            return False  # it has an option for that
        return self._emptied(kind) is not None or (self.shown == "" and self.property.present)

    def _hints(self, kind: Input) -> Iterator[str]:
        yield kind.hint
        shape = self.property.shape
        if shape.type == "string" and isinstance(kind, Json):
            yield "A plain field would change some of its characters."
        default = shape.keywords.get("default")
        if "default" in shape.keywords and default not in (None, "", []) and not shape.nullable and not self.property.required:
            yield f"Left empty, it is {cut(in_a_line(default), LINE_CHARACTERS)}."
        yield shape.text("description")

    def read(self, state: State) -> dict[str, JsonValue]:
        """The argument as it was filled in, by its name; nothing where it is left out. Raises Unreadable."""
        kind, name = self.input, self.property.name
        now = self.shown if kind is None else _entered(state, self.block_id, kind)
        if kind is None or now == self.shown:
            return {name: self.property.value} if self.property.present else {}
        if now:
            return {name: kind.read(now)}
        emptied = self._emptied(kind)
        if emptied is None:
            raise Unreadable(NEEDED)
        return emptied

    def _emptied(self, kind: Input) -> dict[str, JsonValue] | None:
        """The argument when nothing stands in its field; None: something must."""
        if self.property.shape.nullable:
            return {self.property.name: None}
        if not self.property.required:
            return {}
        return {self.property.name: kind.empties[0]} if kind.empties else None


def _entered(state: State, block_id: str, kind: Input) -> str:
    """What stands in an input, as text."""
    text = entered(state, block_id, kind.action_id, kind.key)
    return "" if isinstance(kind, Choice) and text == EMPTY else text


def entered(state: State, block_id: str, action_id: str, key: str) -> str:
    """The text that Slack reports of an input, or the value of the option that is chosen in it; empty where nothing is."""
    found: Any = state.get(block_id, {}).get(action_id, {}).get(key)
    if isinstance(found, Mapping):
        found = cast(Mapping[str, Any], found).get("value")
    return str(whole(found)) if found else ""


def fields(schema: Schema, values: Mapping[str, JsonValue]) -> tuple[Field, ...]:
    """The fields of the form, as many as a modal has room for."""
    laid_out: list[Field] = []
    room = VIEW_CHARACTERS
    for index, property in enumerate(properties(schema, values)[:MOST_FIELDS]):
        kept = Field(property, field_id(index, property.name))
        found = input_for(property, schema)
        field = Field(property, kept.block_id, *found) if found else kept
        if field.size() > room - ROOM_FOR_NAMES:
            field = kept
        if field.size() <= room:
            room -= field.size()
            laid_out.append(field)
    return tuple(laid_out)


def field_id(index: int, name: str) -> str:
    """The block_id of an argument's field. The name is in it as a digest only: it comes from outside, and may be anything."""
    return f"argument-{index}-{sha256(name.encode(errors='surrogatepass')).hexdigest()[:12]}"


def edit_view(schema: Schema, values: Mapping[str, JsonValue], *, headline: str, action_id: str, submit: str) -> Block:
    """The modal. `headline` is the action in one line, `submit` what the tool calls it."""
    laid_out = fields(schema, values)
    blocks: list[Block] = [
        {"type": "section", "text": plain(sentence(headline, HEADLINE_CHARACTERS) or "This call")},
        {"type": "context", "elements": [plain(EXPLAINED)]},
        *(field.block() for field in laid_out),
    ]
    if left := len(properties(schema, values)) - len(laid_out):
        blocks.append({"type": "context", "elements": [plain(f"{left} more do not fit here, and stay exactly as they are.")]})
    return {
        "type": "modal",
        "callback_id": "edit",
        "private_metadata": action_id,
        "title": plain("Edit"),
        "submit": plain(sentence(submit, TITLE_CHARACTERS) or "Propose"),
        "close": plain("Go back"),
        "blocks": blocks,
    }


def read_form(schema: Schema, values: Mapping[str, JsonValue], state: State) -> Filled:
    """What was filled in; `schema` and `values` are those that the form was made from."""
    laid_out = fields(schema, values)
    if stale := {(block_id, one) for block_id, actions in state.items() for one in actions} - {
        (field.block_id, field.input.action_id) for field in laid_out if field.input
    }:
        return Filled({}, {min(stale)[0]: STALE})
    shown = {field.property.name for field in laid_out}
    read: dict[str, JsonValue] = {name: value for name, value in values.items() if name not in shown}
    errors: dict[str, str] = {}
    for field in laid_out:
        try:
            read |= field.read(state)
        except Unreadable as problem:
            errors[field.block_id] = cut(str(problem), ERROR_CHARACTERS)
    return Filled({name: read[name] for name in {**values, **read} if name in read}, errors)


def field_errors(schema: Schema, values: Mapping[str, JsonValue], problems: Sequence[Problem]) -> Mapping[str, str]:
    """What is wrong with the arguments, by block_id. What has no field of its own stands at the first one, with its name."""
    inputs = {field.property.name: field.block_id for field in fields(schema, values) if field.input}
    found: dict[str, list[str]] = {}
    for where, what in problems:
        at = where[0] if where and where[0] in inputs else None
        block_id = inputs[str(at)] if at is not None else next(iter(inputs.values()), None)
        place = where if at is None else where[1:]
        words = f"{label('.'.join(map(str, place)))}: {_told(what)}" if place else _told(what)
        if block_id is not None:
            found.setdefault(block_id, []).append(words)
    return {block_id: sentence("; ".join(told), ERROR_CHARACTERS) for block_id, told in found.items()}


def _told(what: str) -> str:
    """Pydantic's sentence without the class of exception before it, and without what only programmers read."""
    if what.startswith("String should match pattern "):
        return f"This is not in the form that is needed: {what.removeprefix('String should match pattern ')}"
    return what.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def plain(text: str) -> Block:
    """A text that Slack shows letter for letter."""
    return {"type": "plain_text", "text": text, "emoji": False}
