"""What a server says of one of its tools, read entry by entry: one that cannot be read costs no other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agent.foreign_json import members

MOST_NAME_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as it is listed. A hint that is not stated as true or false is None."""

    name: str
    title: str = ""
    description: str = ""
    input_schema: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None
    task_only: bool = False  # it can only be started, and its result be asked for later


def listed(entry: Any) -> Listed:
    """Return an entry of `tools/list`. Raises ValueError, a sentence's end, for one that nobody could call or describe."""
    told = members(entry)
    name = told.get("name")
    if not isinstance(name, str) or not name or len(name) > MOST_NAME_CHARACTERS:
        raise ValueError("it has no name that can be called")
    schema: Any = told.get("inputSchema")
    if schema is not None and not isinstance(schema, dict):
        raise ValueError("its schema is not that of an object")
    hints, execution = members(told.get("annotations")), members(told.get("execution"))
    return Listed(
        name=name,
        title=_text(told.get("title")) or _text(hints.get("title")),
        description=_text(told.get("description")),
        input_schema=cast(dict[str, Any], schema) if schema is not None else {"type": "object"},
        read_only=_stated(hints.get("readOnlyHint")),
        destructive=_stated(hints.get("destructiveHint")),
        idempotent=_stated(hints.get("idempotentHint")),
        open_world=_stated(hints.get("openWorldHint")),
        task_only=execution.get("taskSupport") == "required",
    )


def entry_name(entry: Any) -> str:
    """Return how an entry that cannot be read is named."""
    name = members(entry).get("name")
    return name if isinstance(name, str) and name else "without a name"


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _stated(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
