"""The words of the wire: JSON objects, and how Slack says no."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
"""One JSON object, as it goes over the wire."""


class Refused(Exception):
    """Slack says no: `{"ok": false, "error": code, **more}`."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more

    @classmethod
    def with_messages(cls, code: str, messages: list[str]) -> Refused:
        """Return the form with details: `errors`, and the same as `response_metadata.messages` with [ERROR] in front."""
        return cls(code, errors=messages, response_metadata={"messages": [f"[ERROR] {one}" for one in messages]})
