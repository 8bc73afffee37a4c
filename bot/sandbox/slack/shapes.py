"""A small language for saying what a JSON value must look like, with Slack's sentences for what is wrong.

A check takes a value and the pointer to it, and yields a sentence for each fault. Lengths count characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from bot.sandbox.slack.wire import Json

Check: TypeAlias = Callable[[Any, str], Iterator[str]]


def fault(sentence: str, pointer: str) -> str:
    return f"{sentence} [json-pointer:{pointer}]"


def string(most: int, least: int = 1) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield fault("must be a string", pointer)
        elif len(value) < least:
            yield fault(f"must be more than {least - 1} characters", pointer)
        elif len(value) > most:
            yield fault(f"must be less than {most + 1} characters", pointer)

    return check


def matching(pattern: str, sentence: str) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            yield fault(sentence, pointer)

    return check


def boolean(value: Any, pointer: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield fault("must be a boolean", pointer)


def anything(value: Any, pointer: str) -> Iterator[str]:
    yield from ()


def integer(low: int, high: int) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield fault("must be an integer", pointer)
        elif not low <= value <= high:
            yield fault(f"must be between {low} and {high}", pointer)

    return check


def one_of(*allowed: Any) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if value not in allowed:
            yield fault(f"must be one of: {', '.join(map(str, allowed))}", pointer)

    return check


def listing(item: Check, most: int, least: int = 1) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield fault("must be an array", pointer)
            return
        items = cast(list[Any], value)
        if len(items) < least:
            yield fault(f"no fewer than {least} items allowed", pointer)
        if len(items) > most:
            yield fault(f"no more than {most} items allowed", pointer)
        for index, one in enumerate(items):
            yield from item(one, f"{pointer}/{index}")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Return the check of an object with these fields and no other: Slack refuses unknown fields and null values."""
    known = {"type": anything, **(optional or {}), **required}

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield fault("must be an object", pointer)
            return
        fields = cast(Json, value)
        for name in required:
            if name not in fields:
                yield fault(f"missing required field: {name}", pointer)
        for name, one in fields.items():
            if name not in known:
                yield fault(f"invalid additional property: {name}", pointer)
            else:
                yield from known[name](one, f"{pointer}/{name}")

    return check


def typed(checks: Mapping[str, Check], allowed: frozenset[str] | None = None) -> Check:
    """Return the check of an object whose `type` picks the check. `allowed` narrows the types that may come here."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield fault("must be an object", pointer)
            return
        kind = cast(Json, value).get("type")
        if kind is None:
            yield fault("missing required field: type", pointer)
        elif not isinstance(kind, str) or kind not in checks or (allowed is not None and kind not in allowed):
            yield fault(f"unsupported type: {kind}", f"{pointer}/type")
        else:
            yield from checks[kind](cast(Json, value), pointer)

    return check


def both(*checks: Check) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        for one in checks:
            yield from one(value, pointer)

    return check


def any_field(*names: str) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if isinstance(value, dict) and not any(name in value for name in names):
            yield fault(f"must define at least one of: {', '.join(names)}", pointer)

    return check


def not_together(*names: str) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if isinstance(value, dict) and all(name in value for name in names):
            yield fault(f"may define only one of: {', '.join(names)}", pointer)

    return check
