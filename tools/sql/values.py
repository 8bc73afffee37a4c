"""Values of Postgres as JSON, exact: a numeric keeps its digits as text, and what is long is cut, the cut marked."""

import json
from typing import Any

import psycopg
from psycopg import AsyncCursor
from psycopg.pq.abc import PGresult

from agent.text import whole

LONGEST_VALUE = 20_000  # characters
LONGEST_ROW = 400_000
EXACT_DIGITS = 15  # so many a float holds exactly

BOOL, BYTES, JSONB, JSON, NUMERIC = (psycopg.adapters.types[name].oid for name in ("bool", "bytea", "jsonb", "json", "numeric"))
INTEGERS = tuple(psycopg.adapters.types[name].oid for name in ("int2", "int4", "int8", "oid"))
FLOATS = tuple(psycopg.adapters.types[name].oid for name in ("float4", "float8"))


def from_json(text: str | None, oid: int, longest: int) -> Any:
    """Return a value from Postgres' to_json, of which at most `longest` + 1 characters were read."""
    if text is None:
        return None
    if len(text) > longest:
        return f"{text[:longest]}… (cut here)"
    if oid == NUMERIC:
        return text.strip('"')
    return whole(json.loads(text, parse_float=float if oid in FLOATS else _decimal, parse_int=_integer))


def _decimal(digits: str) -> float | str:
    return digits if sum(map(str.isdigit, digits)) > EXACT_DIGITS else float(digits)


def _integer(digits: str) -> int | str:
    return digits if len(digits) > 20 else int(digits)


def returned_rows(cursor: AsyncCursor[Any], rows: int) -> list[list[Any]]:
    """Return the first rows that a statement gave back, from the text that Postgres sent."""
    result = cursor.pgresult
    assert result is not None
    columns = range(result.nfields)
    return [[_from_text(result, row, column) for column in columns] for row in range(min(rows, result.ntuples))]


def _from_text(result: PGresult, row: int, column: int) -> Any:
    value = result.get_value(row, column)
    if value is None:
        return None
    text, oid = value.decode("utf-8", "replace"), result.ftype(column)
    if len(text) > LONGEST_VALUE:
        return f"{text[:LONGEST_VALUE]}… (cut here)"
    if oid == BOOL:
        return text == "t"
    if oid in INTEGERS:
        return int(text)
    if oid in FLOATS and text not in ("NaN", "Infinity", "-Infinity"):
        return float(text)
    if oid in (JSON, JSONB):
        return from_json(text, oid, LONGEST_VALUE)
    return text
