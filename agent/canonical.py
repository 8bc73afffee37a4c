"""JSON with one spelling, and its hash."""

import hashlib
import json
from typing import Any

from pydantic import JsonValue


def canonical(value: Any) -> str:
    """Return JSON with one spelling: sorted keys, no spaces, ASCII (after RFC 8785, which sorts alike for our keys)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sha256(value: Any) -> str:
    """Return the digest of the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def same(one: JsonValue, other: JsonValue) -> bool:
    """Return whether two JSON values are the same, with the same types all the way down: True is not 1, and 1 is not 1.0."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return type(one) is type(other) and one == other
