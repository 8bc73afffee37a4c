"""What Slack delivers is read as Slack makes it; what is not made so is found where it is read, and left out as a whole."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from agent.errors import place_of

_NOT_THERE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)  # the last: deeper than JSON is read


class OddDeliveryError(Exception):
    """A delivery lacks what belongs to its kind, or has it in another shape. To deliver it again would not help.

    The message says where reading it ended, and nothing of what it holds.
    """


def user_in(value: Any) -> str:
    """Return the id of the person in an interaction or an event. Raises KeyError, TypeError and ValueError."""
    found: Any = value["user"]
    id: str = found if isinstance(found, str) else found["id"]
    if not re.fullmatch(r"[A-Z0-9]{1,50}", id):
        raise ValueError("it is no id")
    return id


@contextmanager
def as_made() -> Generator[None]:
    """Read a delivery, and do nothing else, within the block. Raises OddDeliveryError."""
    try:
        yield
    except _NOT_THERE as error:
        raise OddDeliveryError(place_of(error)) from error
