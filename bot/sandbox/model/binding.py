"""Preserved thinking: a thinking block is good only behind exactly what it was thought about.

On models that bind thinking, the signature covers `system`, `tools` and every earlier message and block; cache_control
markers are left out of the comparison (documentation, "Prefix checks on thinking blocks"). Where that page leaves a
choice between a 400 and a silent drop, this server refuses: a test should hear of a rewritten history.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .json_shapes import is_list, is_object
from .models import ModelCard
from .refusal import Refusal

_SALT = b"sandbox thinking"  # the same in every process: a signature outlives the server that made it
_MARK_CHARACTERS = 32


class _Past:
    """A running mark over all that came before, in one pass however long the conversation is."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        system: object = body.get("system") or []
        self._seal = hmac.new(_SALT, digestmod=hashlib.sha256)
        self._role = ""
        self._seal_value([_as_blocks(system), body.get("tools") or []])

    def block(self, role: str, block: object) -> None:
        """Add one more block. Neighbouring messages of one role are one message to the API, so only a change of role counts."""
        if role != self._role:
            self._seal_value(role)
            self._role = role
        self._seal_value(block)

    def mark(self, role: str) -> str:
        """Return the mark of what is behind a block of this role that comes next."""
        seal = self._seal.copy()
        if role != self._role:
            seal.update(_canonical(role))
        return seal.hexdigest()[:_MARK_CHARACTERS]

    def _seal_value(self, value: object) -> None:
        self._seal.update(_canonical(value))


def sign(body: Mapping[str, Any], before: Sequence[Mapping[str, Any]], thinking: str, card: ModelCard) -> str:
    """Return the signature of a block of `thinking` that follows the blocks `before` in the answer to `body`."""
    past = _Past(body)
    for _, _, role, block in _placed_blocks(body["messages"]):
        past.block(role, block)
    for block in before:
        past.block("assistant", block)
    told = [card.id, _text_mark(thinking), past.mark("assistant")]
    return base64.b64encode(json.dumps(told).encode()).decode()


def check_thinking_blocks(body: Mapping[str, Any], card: ModelCard) -> None:
    """Raise the Refusal for a thinking block whose text or, on a binding model, whose past has changed.

    A block of another model is let through: the API leaves it out of the prompt.
    """
    if not any(block["type"] == "thinking" for _, _, _, block in _placed_blocks(body["messages"])):
        return
    past = _Past(body)
    for at, place, role, block in _placed_blocks(body["messages"]):
        if block["type"] == "thinking":
            _check(f"messages.{at}.content.{place}", block, past.mark(role), card)
        past.block(role, block)


def _check(path: str, block: Mapping[str, Any], past: str, card: ModelCard) -> None:
    model, text_mark, prefix_mark = _decode_signature(path, block["signature"])
    if model != card.id:
        return
    if text_mark != _text_mark(block["thinking"]):
        raise Refusal(
            f"{path}: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. "
            "These blocks must remain as they were in the original response."
        )
    if card.binds_thinking and prefix_mark != past:
        raise Refusal(
            f"{path}: Invalid `signature` in `thinking` block. The block is bound to a different conversation. Remove "
            'the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
        )


def _decode_signature(path: str, signature: str) -> tuple[str, str, str]:
    try:
        told: object = json.loads(base64.b64decode(signature, validate=True))
    except ValueError:
        told = None
    if not is_list(told) or len(told) != 3:
        raise Refusal(f"{path}: Invalid `signature` in `thinking` block")
    return str(told[0]), str(told[1]), str(told[2])


def _text_mark(text: str) -> str:
    return hmac.new(_SALT, text.encode(), hashlib.sha256).hexdigest()[:_MARK_CHARACTERS]


def _placed_blocks(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int, str, Any]]:
    """Yield every block with its message's number, its place and its role."""
    for at, message in enumerate(messages):
        for place, block in enumerate(_as_blocks(message["content"])):
            yield at, place, str(message["role"]), block


def _as_blocks(content: object) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if is_list(content) else []


def _canonical(value: object) -> bytes:
    return json.dumps(_without_markers(value), sort_keys=True).encode() + b"\n"


def _without_markers(value: object) -> object:
    """Return the value without cache_control, and without fields that are null: both are the same to the API."""
    if is_object(value):
        kept = {name: part for name, part in value.items() if name != "cache_control" and part is not None}
        return {name: _without_markers(part) for name, part in kept.items()}
    if is_list(value):
        return [_without_markers(part) for part in value]
    return value
