"""What a script answers with: blocks of text, thinking and tool calls."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
]


@dataclass(frozen=True, slots=True)
class Text:
    """Words for the reader."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """Words of the model to itself. What arrives of them depends on the model and on `thinking` in the request."""

    text: str


def _new_id() -> str:
    return "toolu_01" + secrets.token_hex(11)


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. The id is made up afresh unless given, as the model makes it up for every answer.

    `written`: the arguments as the model writes them, where they are not what they should be.
    """

    tool: str
    args: Mapping[str, Any]
    id: str = field(default_factory=_new_id)
    written: str | None = None

    def json(self) -> str:
        """Return the arguments as they are streamed."""
        return json.dumps(self.args, ensure_ascii=False) if self.written is None else self.written


@dataclass(frozen=True, slots=True)
class Search:
    """A search over the tools that are not loaded. What it finds is the server's answer, in the same reply."""

    query: str
    id: str = field(default_factory=lambda: "srvtoolu_01" + secrets.token_hex(11))

    def json(self) -> str:
        """Return the query as it is streamed."""
        return json.dumps({"query": self.query}, ensure_ascii=False)


Block = Text | Thinking | Call | Search


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model.

    `stop_reason` follows from the blocks unless given: `tool_use` when there is a call, else `end_turn`. `usage`
    overrides fields of the estimated usage, for tests of budgets.
    """

    blocks: tuple[Block, ...] = ()
    stop_reason: StopReason | None = None
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def calls(self) -> tuple[Call, ...]:
        """Return the tool calls, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Call))

    @property
    def stops_for(self) -> StopReason:
        """Return the stop reason that goes out."""
        return self.stop_reason or ("tool_use" if self.calls else "end_turn")


def say(text: str) -> Reply:
    """Return an answer in words, which ends the turn."""
    return Reply((Text(text),))


def think(text: str) -> Thinking:
    """Return a thinking block, for `Reply((think("..."), Text("...")))`."""
    return Thinking(text)


def call(tool: str, _id: str | None = None, /, **args: Any) -> Call:
    """Return a tool call; `_id` fixes its id."""
    return Call(tool, args, _id) if _id else Call(tool, args)


def calls(*wanted: Call, text: str | None = None) -> Reply:
    """Return an answer that asks for tool calls, with words before them if `text` is given."""
    return Reply((*([Text(text)] if text else []), *wanted))


def as_reply(answer: Reply | Call) -> Reply:
    """Return a reply; a lone call counts as a reply that makes it."""
    return Reply((answer,)) if isinstance(answer, Call) else answer
