"""What may go wrong at the API, on demand. Used up in the order they were set in, one by each valid request."""

import json
from collections import deque
from dataclasses import dataclass
from typing import Literal

from .refusal import Refusal

SPEND_MESSAGE = (
    "You have reached your API usage limits: your organization has crossed its monthly API usage threshold, set based "
    "on your organization's API tier."
)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answered with an error before the model saw anything."""

    status: int
    refusal: Refusal
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset before the answer."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The answer ends after some stream events (or half way through the JSON): with a clean end, or with a reset."""

    after_events: int
    clean: bool
    seconds_per_event: float = 0.0


@dataclass(frozen=True, slots=True)
class ErrorInStream:
    """An error event after some events; without streaming, the error's own status."""

    after_events: int
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Garbage:
    """A 200 that is not what it says: broken JSON."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing for so long, then the answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Slow:
    """A pause before each stream event."""

    seconds_per_event: float


Fault = Refuse | Reset | Cut | ErrorInStream | Garbage | Silence | Slow

_TYPE_OF: dict[int, tuple[str, str]] = {
    408: ("api_error", "Request timed out"),
    409: ("invalid_request_error", "The request conflicts with the current state of a resource."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("api_error", "Gateway timeout"),
    529: ("overloaded_error", "Overloaded"),
}


class ModelFaults:
    """The faults that wait. A request that the API refuses anyway uses none up.

    Wide because each method is one kind of fault that tests ask for.
    """

    def __init__(self) -> None:
        self._waiting: deque[Fault] = deque()
        self._poison: tuple[str, Refusal] | None = None

    def take(self) -> Fault | None:
        """Return the next fault, gone from the queue."""
        return self._waiting.popleft() if self._waiting else None

    def clear(self) -> None:
        """Forget what was set and not used up."""
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """Return how many are set and not used up."""
        return len(self._waiting)

    def rate_limit(self, retry_after: float | str | None = None, times: int = 1) -> None:
        """Answer 429 rate_limit_error; `retry_after` in seconds, or an HTTP date, or no such header."""
        headers = (("retry-after", f"{retry_after}"),) if retry_after is not None else ()
        message = "This request would exceed your organization's rate limit of 50,000 input tokens per minute."
        self._queue_fault(Refuse(429, Refusal(message, "rate_limit_error"), headers), times)

    def spend_limit(self, kind: Literal["enforced", "contract"] = "enforced", times: int = 1) -> None:
        """Answer 429 with the error code of a spend limit and no retry-after: trying again cannot help."""
        code = f"{kind}_spend_limit_reached"
        self._queue_fault(Refuse(429, Refusal(SPEND_MESSAGE, "rate_limit_error", {"error_code": code})), times)

    def status(self, status: int, times: int = 1) -> None:
        """Answer with an error status: 408, 409, 413, 500, 502, 503, 504 or 529."""
        type, message = _TYPE_OF[status]
        self._queue_fault(Refuse(status, Refusal(message, type)), times)

    def not_taken(self, message: str, times: int = 1) -> None:
        """Answer 400 invalid_request_error, with a message as the API words it."""
        self._queue_fault(Refuse(400, Refusal(message)), times)

    def not_taken_with(self, text: str, message: str = "messages.1.content.0: it is not taken") -> None:
        """Answer each request with 400 whose messages hold this text."""
        self._poison = (text, Refusal(message))

    def refuses(self, messages: object) -> Refusal | None:
        """Return the refusal of a request with these messages, if `not_taken_with` says that there is one."""
        return self._poison[1] if self._poison and self._poison[0] in json.dumps(messages) else None

    def reset(self, times: int = 1) -> None:
        """Reset the connection before the answer."""
        self._queue_fault(Reset(), times)

    def cut_stream(self, after_events: int = 3, *, clean: bool = True, seconds_per_event: float = 0.0, times: int = 1) -> None:
        """End the stream after so many events, slow ones perhaps, cleanly (the SDK raises nothing) or with a reset."""
        self._queue_fault(Cut(after_events, clean, seconds_per_event), times)

    def error_in_stream(self, after_events: int = 3, *, type: str = "overloaded_error", times: int = 1) -> None:
        """Send an error event in a stream that had begun with status 200."""
        message = "Overloaded" if type == "overloaded_error" else "Internal server error"
        self._queue_fault(ErrorInStream(after_events, Refusal(message, type)), times)

    def garbage(self, times: int = 1) -> None:
        """Answer status 200 and broken JSON."""
        self._queue_fault(Garbage(), times)

    def silence(self, seconds: float, times: int = 1) -> None:
        """Send nothing for so long, then the answer."""
        self._queue_fault(Silence(seconds), times)

    def slow(self, seconds_per_event: float, times: int = 1) -> None:
        """Pause before every stream event."""
        self._queue_fault(Slow(seconds_per_event), times)

    def _queue_fault(self, fault: Fault, times: int) -> None:
        self._waiting.extend([fault] * times)
