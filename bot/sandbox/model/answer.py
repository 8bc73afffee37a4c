"""From a script's reply to what goes over the wire: the message as JSON, and the same message as stream events."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .binding import sign
from .json_shapes import is_object
from .models import ModelCard
from .reply import Block, Call, Reply, Search, Text, Thinking
from .request import Request
from .tool_search import results
from .usage import CHARACTERS_PER_TOKEN, tokens_in

TEXT_PIECE = 24  # characters in a delta
JSON_PIECE = 16

ServerSentEvent = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """One finished answer. `json_of` keeps the arguments of each call as streamed: cut, where max_tokens ended them."""

    message: dict[str, Any]
    json_of: Mapping[int, str]

    def events(self) -> Iterator[ServerSentEvent]:
        """Yield the answer as the API streams it, one ping included."""
        usage = self.message["usage"]
        begun: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
        yield _event("message_start", message={**self.message, **begun, "usage": {**usage, "output_tokens": 1}})
        for index, block in enumerate(self.message["content"]):
            yield _event("content_block_start", index=index, content_block=_opened(block))
            if index == 0:
                yield _event("ping")
            for delta in self._deltas(index, block):
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        delta = {name: self.message[name] for name in ("stop_reason", "stop_sequence", "stop_details", "container")}
        counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        shown = {name: usage[name] for name in (*counted, "output_tokens_details")}
        yield _event("message_delta", delta=delta, usage=shown)
        yield _event("message_stop")

    def _deltas(self, index: int, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if block["type"] == "text":
            for piece in _stream_chunks(block["text"], TEXT_PIECE):
                yield {"type": "text_delta", "text": piece}
        elif block["type"] == "thinking":
            for piece in _stream_chunks(block["thinking"], TEXT_PIECE):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        elif block["type"] in ("tool_use", "server_tool_use"):
            for piece in ("", *_stream_chunks(self.json_of[index], JSON_PIECE)):
                yield {"type": "input_json_delta", "partial_json": piece}


def answer(reply: Reply, request: Request, card: ModelCard, input_usage: Mapping[str, Any]) -> Answer:
    """Return what the model sends for `reply`: thinking as the request allows it, cut at max_tokens, with its usage.

    Raises ValueError for a reply that no model could give.
    """
    found = results(reply, request.body)
    shown = _cut_to_tokens(_allowed(reply, request, card), request.max_tokens)
    content: list[dict[str, Any]] = []
    json_of: dict[int, str] = {}
    thinking_tokens = 0
    summarized = _display(request, card) == "summarized"
    for block, written in shown.blocks:
        if isinstance(block, Text):
            content.append({"type": "text", "text": written, "citations": None})
        elif isinstance(block, Call):
            json_of[len(content)] = written
            content.append(_tool_use(block, written))
        elif isinstance(block, Search):
            json_of[len(content)] = written
            content += _searched(block, written, found[block.id])
        else:
            words = written if summarized else ""
            signature = sign(request.body, content, words, card)
            content.append({"type": "thinking", "thinking": words, "signature": signature})
            thinking_tokens += tokens_in(written)
    stop_reason = "max_tokens" if shown.cut else reply.stops_for
    refusal = {"type": "refusal", "category": None, "explanation": None} if stop_reason == "refusal" else None
    message = {
        "id": "msg_01" + secrets.token_hex(11),
        "type": "message",
        "role": "assistant",
        "model": card.id,
        "content": content,
        "container": None,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": refusal,
        "usage": {
            **input_usage,
            "output_tokens": sum(tokens_in(written) for _, written in shown.blocks) or 1,
            "output_tokens_details": {"thinking_tokens": thinking_tokens},
            "server_tool_use": {"tool_search_requests": len(found)} if found else None,
            "service_tier": "standard",
            **reply.usage,
        },
    }
    return Answer(message, json_of)


@dataclass(frozen=True)
class _Shown:
    blocks: Sequence[tuple[Block, str]]  # with the text that was written of each
    cut: bool


def _cut_to_tokens(blocks: Sequence[Block], max_tokens: int) -> _Shown:
    left = max_tokens
    written: list[tuple[Block, str]] = []
    for block in blocks:
        whole = block.json() if isinstance(block, Call | Search) else block.text
        if tokens_in(whole) > left:
            part = whole[: left * CHARACTERS_PER_TOKEN]
            return _Shown([*written, (block, part)] if part else written, cut=True)
        written.append((block, whole))
        left -= tokens_in(whole)
    return _Shown(written, cut=False)


def _thinking_type(request: Request, card: ModelCard) -> str:
    thinking: object = request.body.get("thinking")
    if is_object(thinking):
        return str(thinking["type"])
    return "adaptive" if card.thinks_unasked else "disabled"


def _display(request: Request, card: ModelCard) -> str:
    thinking: object = request.body.get("thinking")
    asked = thinking.get("display") if is_object(thinking) else None
    return str(asked or ("summarized" if card.shows_thinking else "omitted"))


def _allowed(reply: Reply, request: Request, card: ModelCard) -> list[Block]:
    """Return the blocks as this model sends them: no thinking that the request has off; notes between calls as thinking."""
    kind = _thinking_type(request, card)
    between_calls = bool(request.turn_results and reply.calls)
    blocks: list[Block] = []
    for block in reply.blocks:
        if isinstance(block, Thinking) and kind not in ("adaptive", "enabled"):
            continue
        if isinstance(block, Text) and between_calls and card.notes_as_thinking:
            blocks.append(Thinking(block.text))
        else:
            blocks.append(block)
    return blocks


def _tool_use(block: Call, written: str) -> dict[str, Any]:
    told = {"type": "tool_use", "id": block.id, "name": block.tool, "caller": {"type": "direct"}}
    return {**told, "input": _parsed(written)}


def _searched(block: Search, written: str, found: Sequence[str]) -> list[dict[str, Any]]:
    """Return a search and its result; one that max_tokens ended has none."""
    asked = {"type": "server_tool_use", "id": block.id, "name": "tool_search_tool_bm25", "input": _parsed(written)}
    if written != block.json():
        return [asked]
    references = [{"type": "tool_reference", "tool_name": name} for name in found]
    content = {"type": "tool_search_tool_search_result", "tool_references": references}
    return [asked, {"type": "tool_search_tool_result", "tool_use_id": block.id, "content": content}]


def _parsed(written: str) -> dict[str, Any]:
    """Return arguments as far as they were written: cut ones still look like arguments, which is why nobody may run them."""
    for end in range(len(written), 0, -1):
        for closing in ("", "}"):
            try:
                value = json.loads(written[:end] + closing)
            except ValueError:
                continue
            return dict(value) if is_object(value) else {}
    return {}


def _opened(block: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
        "server_tool_use": {"input": {}},
        "tool_search_tool_result": {},
    }
    return {**block, **empty[block["type"]]}


def _stream_chunks(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _event(name: str, **fields: Any) -> ServerSentEvent:
    return name, {"type": name, **fields}
