"""What one argument is edited in. Each kind of input writes a value as the text that stands in it, and reads such a text.

A kind is used only for a value that it gives back exactly as it was. What Slack's inputs would alter, hide or refuse is written
as JSON, with everything that cannot be seen spelled out.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from pydantic import JsonValue

from agent.canonical import canonical
from bot.cards.block_kit import OPTION_CHARACTERS, SlackBlock, option
from bot.cards.harmless_text import cut
from bot.cards.schema import Shape
from bot.dialogs.spelling import (
    INPUT_CHARACTERS,
    LINE_CHARACTERS,
    Unreadable,
    in_a_line,
    json_text,
    read_json,
    read_number,
    simple_number,
    unaltered,
    units,
)

LONG_TEXT = 200  # a text that may be as long as this gets several lines, if it has no pattern to keep to
MOST_OPTIONS = 100
OPTION_VALUE_CHARACTERS = 150
EMPTY = "empty"  # the value of the option for nothing; it is no JSON, so it is none of the others
LEAVE_EMPTY = "Leave empty"
EARLIEST = "1900-01-01"  # that people are asked to find in a calendar


class Input(ABC):
    """One kind of input. `action_id` names it; `key` is where Slack puts its content."""

    action_id: ClassVar[str]
    key: ClassVar[str] = "value"
    hint: ClassVar[str] = ""

    @property
    def empties(self) -> tuple[JsonValue, ...]:
        """Return the value that an empty input stands for, if there is one."""
        return ()

    @abstractmethod
    def shown(self, value: JsonValue) -> str | None:
        """Return the value as the text of the input; None if it cannot be shown there."""

    @abstractmethod
    def read(self, text: str) -> JsonValue:
        """Return the value that a text stands for. Raises Unreadable."""

    @abstractmethod
    def element(self, shown: str) -> SlackBlock:
        """Return Slack's element, with this text in it."""


def typed_input(action_id: str, shown: str, *, multiline: bool, most: int | None = None) -> SlackBlock:
    """Return an input for text."""
    element: SlackBlock = {"type": "plain_text_input", "action_id": action_id, "multiline": multiline}
    element |= {"initial_value": shown} if shown else {}
    return element | ({"max_length": most} if most else {})


@dataclass(frozen=True, slots=True)
class Text(Input):
    """A text as it is."""

    action_id: ClassVar[str] = "text"
    shape: Shape

    @property
    def empties(self) -> tuple[JsonValue, ...]:
        return () if self.shape.count("minLength") else ("",)

    def shown(self, value: JsonValue) -> str | None:
        return value if isinstance(value, str) and unaltered(value) else None

    def read(self, text: str) -> JsonValue:
        return text

    def element(self, shown: str) -> SlackBlock:
        most = self.shape.count("maxLength")
        prose = (most or 0) >= LONG_TEXT and "pattern" not in self.shape.keywords
        multiline = "\n" in shown or len(shown) > LINE_CHARACTERS or prose
        bounded = most is not None and max(units(shown), 1) <= most <= INPUT_CHARACTERS
        return typed_input(self.action_id, shown, multiline=multiline, most=most if bounded else None)


@dataclass(frozen=True, slots=True)
class Number(Input):
    """A number that Slack's own input takes: without an exponent, not too long, and within the bounds."""

    action_id: ClassVar[str] = "number"
    shape: Shape

    def shown(self, value: JsonValue) -> str | None:
        low, high = self._bounds()
        fits = simple_number(value) and (low is None or low <= value) and (high is None or value <= high)
        return json_text(value) if fits else None

    def read(self, text: str) -> JsonValue:
        return read_number(text, whole_only=self.shape.type == "integer")

    def element(self, shown: str) -> SlackBlock:
        low, high = self._bounds()
        bounds = {"min_value": low, "max_value": high, "initial_value": shown or None}
        element: SlackBlock = {
            "type": "number_input",
            "action_id": self.action_id,
            "is_decimal_allowed": self.shape.type == "number",
        }
        return element | {name: str(bound) for name, bound in bounds.items() if bound is not None}

    def _bounds(self) -> tuple[Any, Any]:
        """Return the least and the greatest number that Slack should let pass; None where it is not for Slack to say."""
        low, high = (self._limit_for_input(word, into) for word, into in (("minimum", 1), ("maximum", -1)))
        return (low, high) if low is None or high is None or low <= high else (None, None)

    def _limit_for_input(self, word: str, into: int) -> Any:
        within, outside = self.shape.keywords.get(word), self.shape.keywords.get(f"exclusive{word.capitalize()}")
        bound = within if within is not None else outside
        if not simple_number(bound):
            return None
        if self.shape.type == "integer":
            whole_bound = math.ceil(bound) if into > 0 else math.floor(bound)
            return whole_bound + into if within is None and whole_bound == bound else whole_bound
        return bound


@dataclass(frozen=True, slots=True)
class WrittenNumber(Input):
    """Any other number, in a text."""

    action_id: ClassVar[str] = "written_number"
    hint: ClassVar[str] = "A number."
    shape: Shape

    def shown(self, value: JsonValue) -> str | None:
        return json_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def read(self, text: str) -> JsonValue:
        return read_number(text, whole_only=self.shape.type == "integer")

    def element(self, shown: str) -> SlackBlock:
        return typed_input(self.action_id, shown, multiline=False)


@dataclass(frozen=True, slots=True)
class Choice(Input):
    """One of a few values. Options carry the value as JSON, and `empty` for none of them."""

    action_id: ClassVar[str] = "choice"
    key: ClassVar[str] = "selected_option"
    labels: tuple[tuple[str, str], ...]  # JSON of a value, and how it is shown
    may_be_empty: bool

    @staticmethod
    def of(shape: Shape, *, may_be_empty: bool) -> "Choice | None":
        """Return the choice that a shape leaves; None where it leaves none, or one that a select cannot show without
        mistaking."""
        scalars = [one for one in shape.choices if not isinstance(one, dict | list) and one == one]
        labels = {canonical(one): _option_text(one) for one in scalars}
        distinct = len({*labels.values(), LEAVE_EMPTY}) == len(labels) + 1
        fits = 0 < len(labels) == len(shape.choices) < MOST_OPTIONS and max(map(len, labels)) <= OPTION_VALUE_CHARACTERS
        return Choice(tuple(labels.items()), may_be_empty) if distinct and fits else None

    def shown(self, value: JsonValue) -> str | None:
        text = json_text(value)
        return next((spelled for spelled, _ in self.labels if text is not None and spelled == canonical(value)), None)

    def read(self, text: str) -> JsonValue:
        if text not in dict(self.labels):
            raise Unreadable("Please choose one of the options.")
        return read_json(text)

    def element(self, shown: str) -> SlackBlock:
        options = [option(value, words) for value, words in self.labels]
        options += [option(EMPTY, LEAVE_EMPTY)] if self.may_be_empty else []
        initial = [one for one in options if one["value"] == (shown or EMPTY)]
        select: SlackBlock = {"type": "static_select", "action_id": self.action_id, "options": options}
        return select | ({"initial_option": initial[0]} if initial else {})


@dataclass(frozen=True, slots=True)
class Date(Input):
    """A day in a calendar."""

    action_id: ClassVar[str] = "date"
    key: ClassVar[str] = "selected_date"

    def shown(self, value: JsonValue) -> str | None:
        return value if isinstance(value, str) and value >= EARLIEST and _is_date(value) else None

    def read(self, text: str) -> JsonValue:
        if not _is_date(text):
            raise Unreadable("Please choose a day.")
        return text

    def element(self, shown: str) -> SlackBlock:
        return {"type": "datepicker", "action_id": self.action_id} | ({"initial_date": shown} if shown else {})


@dataclass(frozen=True, slots=True)
class Lines(Input):
    """A list, an item a line. Blank lines are none."""

    action_id: ClassVar[str] = "lines"
    hint: ClassVar[str] = "One a line."
    items: Shape
    least: int

    @property
    def empties(self) -> tuple[JsonValue, ...]:
        return () if self.least else ([],)

    def shown(self, value: JsonValue) -> str | None:
        if not isinstance(value, list):
            return None
        text = "\n".join(one if isinstance(one, str) else json_text(one) or "" for one in value)
        return text if unaltered(text) else None

    def read(self, text: str) -> JsonValue:
        lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        return [self._parse_line(number, line) for number, line in lines]

    def _parse_line(self, number: int, line: str) -> JsonValue:
        if self.items.type == "string":
            return line
        try:
            return read_number(line, whole_only=self.items.type == "integer")
        except Unreadable as problem:
            raise Unreadable(f"Line {number}: {problem}") from None

    def element(self, shown: str) -> SlackBlock:
        return typed_input(self.action_id, shown, multiline=True)


@dataclass(frozen=True, slots=True)
class Json(Input):
    """Anything at all."""

    action_id: ClassVar[str] = "json"
    hint: ClassVar[str] = "Written as JSON: a text stands in quotes."

    def shown(self, value: JsonValue) -> str | None:
        line, indented = json_text(value), json_text(value, indent=2)
        if line is None or indented is None:
            return None
        fitting = [text for text in ([line] if len(line) <= LINE_CHARACTERS else [indented, line]) if unaltered(text)]
        return fitting[0] if fitting else None

    def read(self, text: str) -> JsonValue:
        return read_json(text)

    def element(self, shown: str) -> SlackBlock:
        return typed_input(self.action_id, shown, multiline=True)


def _option_text(choice: JsonValue) -> str:
    if isinstance(choice, bool):
        return "Yes" if choice else "No"
    return cut(in_a_line(choice), OPTION_CHARACTERS)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
