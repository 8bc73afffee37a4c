"""How a frozen value changes: into another one."""

from typing import Any, TypeVar

T = TypeVar("T")


def replace(value: T, **changes: Any) -> T:
    """Return the same value with other fields. Raises TypeError for a field that it does not have.

    As `dataclasses.replace` for dataclasses without slots, but it copies all fields at once instead of each by its name: a
    session is folded from thousands of steps, and this is most of the work.
    """
    fields = vars(value)
    if unknown := changes.keys() - fields.keys():
        raise TypeError(f"{type(value).__name__} has no field {', '.join(sorted(unknown))}")
    other = object.__new__(type(value))
    object.__setattr__(other, "__dict__", fields | changes)
    return other
