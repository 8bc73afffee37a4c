"""JSON Schema 2020-12 within bounds: what checks arguments against a schema from outside, in so many steps and no more.

Four keywords are ours. Patterns are looked for in an engine of linear time. `multipleOf` is of decimals, as people write them:
19.99 is a multiple of 0.01. Unique items are found by their values at once, and not by comparing each with each.
The home of `jsonschema` and `referencing`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from fractions import Fraction
from typing import Any, cast

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError as Broken
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from agent.tool.patterns import pattern

MOST_STEPS = 20_000  # of checking arguments: some 0.3 s
MOST_SCHEMA_STEPS = 60_000  # of checking a schema
CHARACTERS_A_STEP = 500  # of a value, which the library writes into its messages
PATTERN_A_STEP = 2_000  # characters of a text, times states of the pattern

# What evaluating a schema from outside may end in: it refers to itself without end, or out of itself (nothing is ever fetched);
# a number is too large to be divided; a part is not what its keyword needs.
UNREADABLE = (RecursionError, Unresolvable, ArithmeticError, LookupError, TypeError, AttributeError, ValueError)


class OutOfStepsError(Exception):
    """Checking took more steps than it may."""


class _Steps:
    """The steps that are left, and how large the values are that they look at."""

    def __init__(self, left: int, value: Any) -> None:
        self.left = left
        self._sizes: dict[int, int] = {}
        self._measure(value)

    def spend(self, steps: int, value: Any) -> None:
        """Take off a step's cost. Raises OutOfStepsError."""
        self.left -= steps + self._sizes.get(id(value), 0) // CHARACTERS_A_STEP
        if self.left < 0:
            raise OutOfStepsError

    def _measure(self, value: Any) -> int:
        match value:
            case str():
                size = len(value)
            case dict():
                size = sum(len(name) + self._measure(each) for name, each in cast(dict[str, Any], value).items())
            case list():
                size = sum(map(self._measure, cast(list[Any], value)))
            case _:
                return 8
        self._sizes[id(cast(Any, value))] = size
        return size + 8


_steps: ContextVar[_Steps] = ContextVar("schema_steps")
Check = Callable[[Any, Any, Any, Any], Any]


def broken(schema: Mapping[str, Any], arguments: Any, most: int) -> Sequence[Broken]:
    """Return what a schema says against arguments, at most so many. Raises OutOfStepsError, and what is in UNREADABLE.

    `format` says what a value means, and is not enforced.
    """
    return _broken_rules(_Bounded(schema, registry=EMPTY_REGISTRY), arguments, MOST_STEPS, most)


def wrong_schema(schema: Mapping[str, Any]) -> Broken | None:
    """Return what makes this no JSON schema of 2020-12; None where it is one. Raises OutOfStepsError."""
    meta: Any = Draft202012Validator.META_SCHEMA
    return next(iter(_broken_rules(_Bounded(meta), schema, MOST_SCHEMA_STEPS, 1)), None)


def _broken_rules(validator: Any, value: Any, steps: int, most: int) -> Sequence[Broken]:
    token = _steps.set(_Steps(steps, value))
    try:
        return [error for error, _ in zip(validator.iter_errors(value), range(most), strict=False)]
    finally:
        _steps.reset(token)


def _counted(check: Check) -> Check:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Broken]:
        wide = len(cast(Sequence[Any], value)) if isinstance(value, list | dict) else 0
        _steps.get().spend(1 + wide, instance)
        yield from check(validator, value, instance, schema) or ()

    return counted


def _matches(text: str, instance: str) -> bool:
    """Return whether a text holds a pattern; one that cannot be read here is taken to be found."""
    found = pattern(text)
    if found is None:
        return True
    _steps.get().spend(len(instance) * found.states // PATTERN_A_STEP, None)
    return found.found_in(instance)


def _pattern(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Broken]:
    if isinstance(instance, str) and not _matches(value, instance):
        yield Broken(f"{instance!r} does not match {value!r}")


def _pattern_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Broken]:
    if isinstance(instance, dict):
        for text, part in cast(dict[str, Any], value).items():
            for name, each in cast(dict[str, Any], instance).items():
                if _matches(text, name):
                    yield from validator.descend(each, part, path=name, schema_path=text)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Broken]:
    if not isinstance(instance, dict):
        return
    known, texts = schema.get("properties", {}), schema.get("patternProperties", {})
    extra = [name for name in cast(dict[str, Any], instance) if name not in known and not any(_matches(t, name) for t in texts)]
    if value is False and extra:
        were = "was" if len(extra) == 1 else "were"
        yield Broken(f"Additional properties are not allowed ({', '.join(map(repr, extra))} {were} unexpected)")
    elif isinstance(value, dict):
        for name in extra:
            yield from validator.descend(instance[name], value, path=name)


def _multiple_of(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Broken]:
    if isinstance(instance, int | float) and not isinstance(instance, bool) and Fraction(str(instance)) % Fraction(str(value)):
        yield Broken(f"{instance!r} is not a multiple of {value!r}")


def _unique_items(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Broken]:
    if value and isinstance(instance, list):
        items = cast(list[Any], instance)
        if len(set(map(_key, items))) < len(items):
            yield Broken(f"{items!r} has non-unique elements")


def _key(value: Any) -> Any:
    """Return the same for equal JSON values only: 1 is 1.0, and not true."""
    match value:
        case bool():
            return ("boolean", value)
        case list():
            return ("array", tuple(map(_key, cast(list[Any], value))))
        case dict():
            return ("object", frozenset((name, _key(each)) for name, each in cast(dict[str, Any], value).items()))
        case _:
            return value


_OURS: Mapping[str, Check] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "uniqueItems": _unique_items,
}
_CHECKS = cast(Mapping[str, Check], Draft202012Validator.VALIDATORS)
_Bounded: Any = cast(Any, validators).extend(
    Draft202012Validator, {word: _counted(check) for word, check in {**_CHECKS, **_OURS}.items()}
)
