"""What an approval binds: one digest over everything that was shown and everything that decides what it means."""

import hashlib
import json
from typing import Any

from pydantic import JsonValue

from agent.tool import Tool
from agent.types import Verdict


def canonical(value: Any) -> str:
    """JSON with one spelling: sorted keys, no spaces, ASCII (after RFC 8785, which sorts alike for our keys)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sha256(value: Any) -> str:
    """Hex digest of the canonical form."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def action_digest(session_id: str, tool: Tool, arguments: dict[str, JsonValue], verdict: Verdict) -> str:
    """Digest over session, tool, its schema, the validated arguments and the resolved verdict."""
    return sha256([session_id, tool.name, tool.schema(), arguments, verdict.model_dump(mode="json")])


def action_id(session_id: str, reply_seq: int, call_id: str, attempt_seq: int) -> str:
    """An opaque id, the same each time the same proposal is worked out again."""
    return "A" + sha256([session_id, reply_seq, call_id, attempt_seq])[:24]


def idempotency_key(session_id: str, reply_seq: int, call_id: str) -> str:
    """The same for every attempt of one call."""
    return "signoff-" + sha256([session_id, reply_seq, call_id])[:32]
