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

from agent.text import whole
from agent.tool.validation import ArgumentProblem
from bot.cards.block_kit import SlackBlock, context, entry, literal_text, modal, section
from bot.cards.harmless_text import cut
from bot.cards.schema import Property, Schema, properties
from bot.dialogs.fitting_input import input_for
from bot.dialogs.inputs import EMPTY, Choice, Input, Json
from bot.dialogs.spelling import LINE_CHARACTERS, Unreadable, cut_between_words, in_a_line, label

State = Mapping[str, Mapping[str, Mapping[str, Any]]]  # Slack's view.state.values: block_id, action_id, content

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
    """One argument in the form: the input that it is edited in, and its content at first. No input: it stays as it is."""

    property: Property
    block_id: str
    input: Input | None = None
    shown: str = ""

    def block(self) -> SlackBlock:
        """Return the field as a block of the modal."""
        name = label(self.property.name)
        if self.input is None:
            kept = f"{name}: too much to be edited here. It stays exactly as it is."
            return {**section(kept), "block_id": self.block_id}
        hint = cut_between_words(" ".join(self._hints(self.input)), HINT_CHARACTERS)
        element, optional = self.input.element(self.shown), self._may_be_empty(self.input)
        return entry(self.block_id, name, element, optional=optional, hint=hint)

    def size(self) -> int:
        """Return the size of the block, as it is sent."""
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
        """Return the argument as it was filled in, by its name; nothing where it is left out. Raises Unreadable."""
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
        """Return the argument when its field is empty; None if it must not be."""
        if self.property.shape.nullable:
            return {self.property.name: None}
        if not self.property.required:
            return {}
        return {self.property.name: kind.empties[0]} if kind.empties else None


def _entered(state: State, block_id: str, kind: Input) -> str:
    """Return the content of an input, as text."""
    text = entered_text(state, block_id, kind.action_id, kind.key)
    return "" if isinstance(kind, Choice) and text == EMPTY else text


def entered_text(state: State, block_id: str, action_id: str, key: str) -> str:
    """Return the text that Slack reports of an input, or the value of the option that is chosen in it; empty where nothing is."""
    found: Any = state.get(block_id, {}).get(action_id, {}).get(key)
    if isinstance(found, Mapping):
        found = cast(Mapping[str, Any], found).get("value")
    return str(whole(found)) if found else ""


def fields(schema: Schema, values: Mapping[str, JsonValue]) -> tuple[Field, ...]:
    """Return the fields of the form, as many as a modal has room for."""
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
    """Return the block_id of an argument's field. The name is in it as a digest only: it comes from outside, and may be
    anything."""
    return f"argument-{index}-{sha256(name.encode(errors='surrogatepass')).hexdigest()[:12]}"


def edit_view(schema: Schema, values: Mapping[str, JsonValue], *, headline: str, action_id: str, submit: str) -> SlackBlock:
    """Return the modal. `headline` is the action in one line, `submit` what the tool calls it."""
    laid_out = fields(schema, values)
    blocks: list[SlackBlock] = [
        section(cut_between_words(headline, HEADLINE_CHARACTERS) or "This call"),
        context(literal_text(EXPLAINED)),
        *(field.block() for field in laid_out),
    ]
    if left := len(properties(schema, values)) - len(laid_out):
        blocks.append(context(literal_text(f"{left} more do not fit here, and stay exactly as they are.")))
    propose = cut_between_words(submit, TITLE_CHARACTERS) or "Propose"
    return modal("edit", "Edit", blocks, submit=propose, close="Go back", metadata=action_id)


def read_form(schema: Schema, values: Mapping[str, JsonValue], state: State) -> Filled:
    """Return what was filled in; `schema` and `values` are those that the form was made from."""
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


def field_errors(schema: Schema, values: Mapping[str, JsonValue], problems: Sequence[ArgumentProblem]) -> Mapping[str, str]:
    """Return what is wrong with the arguments, by block_id. An argument without a field is named at the first one."""
    inputs = {field.property.name: field.block_id for field in fields(schema, values) if field.input}
    found: dict[str, list[str]] = {}
    for where, what in problems:
        at = where[0] if where and where[0] in inputs else None
        block_id = inputs[str(at)] if at is not None else next(iter(inputs.values()), None)
        place = where if at is None else where[1:]
        words = f"{label('.'.join(map(str, place)))}: {_problem_for_people(what)}" if place else _problem_for_people(what)
        if block_id is not None:
            found.setdefault(block_id, []).append(words)
    return {block_id: cut_between_words("; ".join(told), ERROR_CHARACTERS) for block_id, told in found.items()}


def _problem_for_people(what: str) -> str:
    """Return Pydantic's sentence without the class of exception before it, and without what only programmers read."""
    if what.startswith("String should match pattern "):
        return f"This is not in the form that is needed: {what.removeprefix('String should match pattern ')}"
    return what.removeprefix("Value error, ").removeprefix("Assertion failed, ")
