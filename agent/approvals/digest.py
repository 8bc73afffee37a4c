"""What an approval binds: one digest over everything that was shown and everything that decides what it means."""

from pydantic import BaseModel, JsonValue

from agent.canonical import sha256
from agent.tool.definition import Tool
from agent.types import Preview, Verdict, Wording


def action_digest(
    session_id: str,
    tool: Tool,
    arguments: dict[str, JsonValue],
    verdict: Verdict,
    wording: Wording,
    preview: Preview | None = None,
) -> str:
    """Return the digest over session, tool, its schema, the validated arguments, the resolved verdict, the words of the tool's
    author or server, and what the preview found and resolved."""
    said = [wording.model_dump(mode="json"), _foreseen(preview) if preview is not None else None]
    return sha256([session_id, tool.name, tool.schema(), arguments, verdict.model_dump(mode="json"), *said])


def _foreseen(preview: Preview) -> dict[str, JsonValue]:
    """Return what a preview found; one without a magnitude as it was before there was such a field: cards wait for days."""
    return preview.model_dump(mode="json", exclude={"magnitude"} if preview.magnitude is None else None)


def author_digest(tool: Tool) -> str:
    """Return the digest over what does not depend on a call: the tool's schema and effect, and its author's words."""
    return sha256([tool.schema(), tool.effect, tool.verb, tool.consequence, tool.undo])


def described_digest(tool: Tool) -> str:
    """Return the digest over what the model reads of a tool, which no card shows: its description and its schema."""
    return sha256(tool.schema())


def judged_digest(tool: Tool, validated: BaseModel) -> str:
    """Return the digest over what a call is judged by: the tool's schema, the validated arguments, the words of its author."""
    return sha256([tool.schema(), validated.model_dump(mode="json"), tool.wording(validated).model_dump(mode="json")])


def action_id(session_id: str, reply_seq: int, call_id: str, attempt_seq: int) -> str:
    """Return an opaque id, the same each time the same proposal is worked out again."""
    return "A" + sha256([session_id, reply_seq, call_id, attempt_seq])[:24]


def idempotency_key(session_id: str, reply_seq: int, call_id: str) -> str:
    """Return the key of a call, the same for every attempt."""
    return "signoff-" + sha256([session_id, reply_seq, call_id])[:32]
