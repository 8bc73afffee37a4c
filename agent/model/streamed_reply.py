"""A reply as the events of its stream make it, each a plain JSON object and no type of the SDK's.

Events stand in the order that the protocol has (documentation: Streaming messages), or it is said that they do not: one that a
proxy lost or doubled would make another reply, with the arguments of one call in the next. Pure.
"""

from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from agent.model.call_arguments import read_arguments
from agent.types import Usage

# What an event that is not as the protocol has it makes us stumble over, before and after it is JSON.
_STUMBLING = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, AssertionError)
CALLS = ("tool_use", "server_tool_use")  # kinds of blocks with arguments


class OddStreamError(Exception):
    """The stream is not one of the protocol. Another try may be whole."""


@contextmanager
def of_the_stream() -> Generator[None]:
    """Look at what a stream says. Raises OddStreamError where that is not made as the protocol has it."""
    try:
        yield
    except _STUMBLING as error:
        raise OddStreamError(f"{type(error).__name__} in what it is made of") from error


async def json_events(events: AsyncIterator[object]) -> AsyncIterator[object]:
    """Give the events of a stream. Raises OddStreamError for whatever the SDK stumbles over."""
    with of_the_stream():
        async for event in events:
            yield event


@dataclass(slots=True)
class StreamedReply:
    """What has come of a reply. Events of kinds that nobody here knows are let through; a stream that ends too early has no stop
    reason, and is found by that.

    `usage`: what the API has counted; None until the reply began. `unusable`: by content block, why its arguments are none; they
    are an empty object then. `characters`: how many have come, of all that the model wrote.

    Wide because it is what has come and where in the protocol's order the stream is.
    """

    model: Any = None  # that answers, as it or a gateway says
    id: Any = None  # by which the API knows it, likewise
    blocks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    stop_reason: Any = None
    usage: Usage | None = None
    unusable: dict[int, str] = field(default_factory=dict[int, str])
    characters: int = 0
    _counted: dict[str, Any] = field(default_factory=dict[str, Any])
    _pieces: list[str] = field(default_factory=list[str])  # of the arguments of the open block
    _begun: bool = False
    _open: bool = False  # the last block
    _summed_up: bool = False
    _over: bool = False

    def take(self, event: Any) -> str:
        """Take in the next event. Returns the words that it adds to the reply's text. Raises OddStreamError."""
        with of_the_stream():
            kind: Any = event["type"]
            match kind:
                case "message_start":
                    self._stands(not self._begun, kind)
                    self._begun, message = True, event["message"]
                    self.model, self.id, self._counted = message.get("model"), message.get("id"), dict(message["usage"])
                    self.usage = self._usage()
                case "content_block_start":
                    self._stands(self._between and not self._summed_up and event.get("index") == len(self.blocks), kind)
                    self._open, self._pieces = True, []
                    self.blocks.append(_object(event["content_block"]))
                case "content_block_delta":
                    self._stands(self._within(event), kind)
                    return self._grow(self.blocks[-1], event["delta"])
                case "content_block_stop":
                    self._stands(self._within(event), kind)
                    self._open = False
                    self._close(self.blocks[-1])
                case "message_delta":
                    self._stands(self._between, kind)
                    self._summed_up, self.stop_reason = True, event["delta"].get("stop_reason")
                    self._count(event["usage"])
                    self.usage = self._usage()
                case "message_stop":
                    self._stands(self._begun and not self._open, kind)
                    self._over = True
                case _:
                    assert isinstance(kind, str)
        return ""

    def lost(self, characters_per_token: float) -> Usage | None:
        """Return what is billed of a reply that broke off here, with an estimate of what it wrote; None: it had not begun."""
        if self.usage is None or self._summed_up:
            return self.usage
        written = self.usage.output_tokens + int(self.characters / characters_per_token)
        return self.usage.model_copy(update={"output_tokens": written})

    # ------------------------------------------------------------------------------------------ inside

    @property
    def _between(self) -> bool:
        return self._begun and not self._over and not self._open

    def _within(self, event: Mapping[str, Any]) -> bool:
        return self._begun and not self._over and self._open and event.get("index") == len(self.blocks) - 1

    @staticmethod
    def _stands(fits: bool, kind: str) -> None:
        if not fits:
            raise OddStreamError(f"{kind} came where it cannot stand")

    def _grow(self, block: dict[str, Any], delta: Mapping[str, Any]) -> str:
        """Add a piece to the open block. Returns the words that it adds to the reply's text."""
        kind, grown = delta["type"], block["type"]
        if kind == "text_delta" and grown == "text":
            return self._lengthen(block, "text", delta["text"])
        if kind == "thinking_delta" and grown == "thinking":
            self._lengthen(block, "thinking", delta["thinking"])
        elif kind == "signature_delta" and grown == "thinking":
            block["signature"] = delta["signature"]
        elif kind == "citations_delta" and grown == "text":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        elif kind == "input_json_delta" and grown in CALLS:
            self.characters += len(delta["partial_json"])
            self._pieces.append(delta["partial_json"])
        return ""

    def _lengthen(self, block: dict[str, Any], name: str, words: Any) -> str:
        """Add words to a text of a block. They are counted first: they were written, whatever they were to be added to."""
        self.characters += len(words)
        before = block[name]
        assert isinstance(before, str)
        assert isinstance(words, str)
        block[name] = before + words
        return words

    def _close(self, block: dict[str, Any]) -> None:
        """Read the arguments of a call that is over: in one piece, since half of a text may be half a character."""
        if self._pieces:
            block["input"], why = read_arguments("".join(self._pieces))
            if why:
                self.unusable[len(self.blocks) - 1] = why

    def _usage(self) -> Usage:
        told = self._counted
        kept: Mapping[str, Any] = told.get("cache_creation") or {}
        return Usage(
            input_tokens=told["input_tokens"],
            output_tokens=told["output_tokens"],
            cache_creation_input_tokens=told.get("cache_creation_input_tokens") or 0,
            cache_read_input_tokens=told.get("cache_read_input_tokens") or 0,
            cache_creation_1h_input_tokens=kept.get("ephemeral_1h_input_tokens") or 0,
        )

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Take in what is counted at the end: totals, where what is left out is as it was at the start."""
        self._counted["output_tokens"] = usage["output_tokens"]
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"):
            if usage.get(name) is not None:
                self._counted[name] = usage[name]


def _object(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return cast("dict[str, Any]", value)
