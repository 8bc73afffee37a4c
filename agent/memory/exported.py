"""The lines of a backup of memory, which is never read back: what was forgotten or purged since would be known again. Pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

# What the lines of an item and of a value have at least, whichever version wrote them.
FIELDS: Sequence[frozenset[str]] = (
    frozenset({"id", "channel", "kind", "source", "learnt_at", "expires_at"}),
    frozenset({"owner", "key", "kind", "value", "channel", "set_at", "expires_at"}),
)


def exported_line(fields: Mapping[str, Any], **moments: datetime | None) -> str:
    """Return fields and moments as one line of JSON; a moment of None is never."""
    spelled = {name: None if at is None else at.isoformat() for name, at in moments.items()}
    return json.dumps({**fields, **spelled}, ensure_ascii=False)


def is_exported(line: str) -> bool:
    """Return whether a line is one of a backup."""
    if not line.startswith("{"):
        return False
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return any(fields <= found.keys() for fields in FIELDS)
