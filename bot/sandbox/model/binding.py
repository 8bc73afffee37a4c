"""Preserved thinking: a thinking block is good only behind exactly what it was thought about.

On models that bind thinking, the signature covers `system`, `tools` and every earlier message and block; cache_control
markers are left out of the comparison (documentation, "Prefix checks on thinking blocks"). Where that page leaves a
choice between a 400 and a silent drop, this server refuses: a test should hear of a rewritten history.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .json_shapes import is_list, is_object
from .models import ModelCard
from .refusal import Refusal

_SALT = b"sandbox thinking"  # the same in every process: a signature outlives the server that made it


def sign(body: Mapping[str, Any], before: Sequence[Mapping[str, Any]], thinking: str, card: ModelCard) -> str:
    """The signature of a block of `thinking` that follows the blocks `before` in the answer to `body`."""
    turn = {"role": "assistant", "content": list(before)}
    told = [card.id, _text_mark(thinking), _prefix_mark(body, [*body["messages"], turn])]
    return base64.b64encode(json.dumps(told).encode()).decode()


def check_thinking_blocks(body: Mapping[str, Any], card: ModelCard) -> None:
    """Raises for a thinking block whose text or, on a binding model, whose past has changed.

    A block of another model is let through: the API leaves it out of the prompt.
    """
    messages: list[dict[str, Any]] = body["messages"]
    for at, message in enumerate(messages):
        content: object = message["content"]
        for place, block in enumerate(content if is_list(content) else []):
            if block["type"] != "thinking":
                continue
            model, text_mark, prefix_mark = _read(block["signature"], at, place)
            if model != card.id:
                continue
            if text_mark != _text_mark(block["thinking"]):
                raise Refusal(
                    f"messages.{at}.content.{place}: `thinking` or `redacted_thinking` blocks in the latest assistant "
                    "message cannot be modified. These blocks must remain as they were in the original response."
                )
            past = [*messages[:at], {"role": message["role"], "content": message["content"][:place]}]
            if card.binds_thinking and prefix_mark != _prefix_mark(body, past):
                raise Refusal(
                    f"messages.{at}.content.{place}: Invalid `signature` in `thinking` block. The block is bound to a "
                    "different conversation. Remove the block, or set "
                    '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
                )


def _read(signature: str, at: int, place: int) -> tuple[str, str, str]:
    try:
        told: object = json.loads(base64.b64decode(signature, validate=True))
    except ValueError:
        told = None
    if not is_list(told) or len(told) != 3:
        raise Refusal(f"messages.{at}.content.{place}: Invalid `signature` in `thinking` block")
    return str(told[0]), str(told[1]), str(told[2])


def _text_mark(text: str) -> str:
    return hmac.new(_SALT, text.encode(), hashlib.sha256).hexdigest()[:32]


def _prefix_mark(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> str:
    system: object = body.get("system") or []
    prefix = [_as_blocks(system), body.get("tools") or [], _merged(messages)]
    told = json.dumps(_without_markers(prefix), sort_keys=True)
    return hmac.new(_SALT, told.encode(), hashlib.sha256).hexdigest()[:32]


def _merged(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours of one role as the API sees them: one message."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        blocks = _as_blocks(message["content"])
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1] = {"role": message["role"], "content": [*turns[-1]["content"], *blocks]}
        else:
            turns.append({"role": message["role"], "content": blocks})
    return turns


def _as_blocks(content: object) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if is_list(content) else []


def _without_markers(value: object) -> object:
    """The value without cache_control, and without fields that are null: both are the same to the API."""
    if is_object(value):
        kept = {name: part for name, part in value.items() if name != "cache_control" and part is not None}
        return {name: _without_markers(part) for name, part in kept.items()}
    if is_list(value):
        return [_without_markers(part) for part in value]
    return value
