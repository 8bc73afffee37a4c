"""A refused request, in the shape and words of the real API."""

from collections.abc import Mapping
from typing import Any

STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
}


class Refusal(Exception):
    """Raised by a check; the server answers with it and keeps it in `ScriptedModel.refusals`."""

    def __init__(self, message: str, type: str = "invalid_request_error", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.details = details

    @property
    def status(self) -> int:
        """Return the HTTP status that goes with the type."""
        return STATUS_OF[self.type]

    def to_json(self, request_id: str) -> dict[str, Any]:
        """Return the body of the answer, and of an error event in a stream."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.details:
            error["details"] = self.details
        return {"type": "error", "error": error, "request_id": request_id}


def not_found(message: str) -> Refusal:
    """Return a 404."""
    return Refusal(message, "not_found_error")


def unauthenticated(message: str) -> Refusal:
    """Return a 401."""
    return Refusal(message, "authentication_error")


def extra(path: str) -> Refusal:
    """Return the refusal of a field that the API does not know there."""
    return Refusal(f"{path}: Extra inputs are not permitted")


def required(path: str) -> Refusal:
    """Return the refusal of a request in which a field is missing."""
    return Refusal(f"{path}: Field required")
