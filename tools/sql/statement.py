"""What can be known of a statement before it is run: its first words, and whom it calls."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from tools.sql.database import LONGEST_SQL, PgConnection


def _sound(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")
    if not text.strip(" \t\r\n;"):
        raise ValueError("must be a statement")
    return text


Statement = Annotated[str, Field(max_length=LONGEST_SQL), AfterValidator(_sound)]

# Volatile functions of Postgres that only look. A function of the same name in another schema is not meant.
HARMLESS = (
    *("random", "random_normal", "array_sample", "array_shuffle", "bernoulli", "system", "gen_random_uuid", "uuidv4", "uuidv7"),
    *("clock_timestamp", "timeofday", "current_query", "currval", "lastval", "txid_status", "pg_xact_status", "pg_blocking_pids"),
    *("pg_relation_size", "pg_table_size", "pg_indexes_size", "pg_total_relation_size", "pg_database_size"),
)
# A function is volatile unless it is marked otherwise, and only a volatile one may have effects. Trigger functions cannot be
# called. The names are looked for in the whole text, strings and comments included: no spelling hides one.
VOLATILE = """
SELECT DISTINCT proname FROM pg_catalog.pg_proc
WHERE provolatile = 'v' AND prorettype NOT IN ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
  AND NOT (pronamespace = 'pg_catalog'::regnamespace AND proname = ANY(%(harmless)s))
  AND strpos(lower(%(sql)s), lower(proname)) > 0
"""


async def effectful(connection: PgConnection, sql: str) -> str | None:
    """Return the name of a function in the statement that may do what a rollback does not take back; None: there is none.

    What a view, an operator, a trigger or a function marked as STABLE calls in turn is not seen here.
    """
    if re.search(r'U&"', sql, re.IGNORECASE):
        return 'something by a name spelled as U&"…"'
    cursor = await connection.execute(VOLATILE, {"harmless": list(HARMLESS), "sql": sql})
    for (name,) in await cursor.fetchall():
        if re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", sql, re.IGNORECASE):
            return str(name)
    return None


_NAME = r'(?:[A-Za-z_]\w*|"\w+")'
_HEAD = re.compile(
    rf"\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s+(?:ONLY\s+)?({_NAME}(?:\.{_NAME})?)(?![\w.\"$])", re.I
)
_WORD = re.compile(r"\s*([A-Za-z]+)")


def first_word(sql: str) -> str:
    """Return the first word in capitals; nothing where the statement begins with something else, such as a comment."""
    found = _WORD.match(sql)
    return found[1].upper() if found else ""


def action(sql: str) -> str:
    """Return what the statement says it does: `UPDATE orders`; only its first word, or less, if that is not plain."""
    if found := _HEAD.match(sql):
        return f"{' '.join(found[1].upper().split())} {found[2]}"
    return f"{first_word(sql)} …" if first_word(sql) else "Run SQL"


def without_end(sql: str) -> str:
    """Return the statement without the semicolon after it."""
    return sql.rstrip(" \t\r\n;")
