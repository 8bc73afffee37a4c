"""Arguments are validated once in a claim, for each state of a tool and its arguments: what came of it is kept while they hold.

Kept for the time of one claim and no longer: a validator may look at the clock, so the last judgement of an approved call, days
later, is made anew. Everything that a claim does shares it, also the drawing of its cards (a context variable, as in `fence`).
"""

from collections.abc import Callable, Generator, Hashable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from pydantic import BaseModel

Checked = TypeVar("Checked")
_kept: ContextVar[dict[Hashable, tuple[object, Any]] | None] = ContextVar("kept", default=None)


@contextmanager
def validating_once() -> Generator[None]:
    """Run a block in which each call is validated once."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def checked_once(tool: object, arguments: Mapping[str, Any], check: Callable[[], Checked]) -> Checked:
    """Return what `check` finds of the arguments of this very tool; a copy, since a handler may change what it is given."""
    kept = _kept.get()
    if kept is None:
        return check()
    key = (id(tool), exact_spelling(arguments))  # the tool is kept too, so that its id is not another's
    if key not in kept:
        kept[key] = (tool, check())
    found = kept[key][1]
    return cast(Checked, found.model_copy(deep=True)) if isinstance(found, BaseModel) else found


def exact_spelling(value: Any) -> Hashable:
    """Return the same for the same JSON value, of the same types all the way down, in the same order, and for nothing else."""
    match value:
        case dict():
            return ("{", *((key, exact_spelling(each)) for key, each in cast("dict[str, Any]", value).items()))
        case list() | tuple():
            return ("[", *(exact_spelling(each) for each in cast("list[Any]", value)))
        case float():
            return ("float", repr(value))
        case _:
            return (type(cast(object, value)).__name__, value)
