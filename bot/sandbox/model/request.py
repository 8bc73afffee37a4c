"""The request as a script sees it: frozen, decoded, in the order in which things were said."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .json_shapes import is_list, is_object


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool call came back with. `ok`, `result`, `error` and `detail` are filled where the text is such JSON."""

    id: str
    tool: str
    args: Mapping[str, Any]
    text: str
    ok: bool
    result: Any = None
    error: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """Words of the user or of the assistant."""

    role: str
    text: str


Event = Said | Result


@dataclass(frozen=True)
class Request:
    """One request to `/v1/messages`, read. The body is the JSON as it came; header names are in lower case.

    Wide because scripts read a request by one name for each thing that may be in it.
    """

    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def model(self) -> str:
        """Return the model as it was asked for; an alias stays one."""
        return str(self.body["model"])

    @property
    def max_tokens(self) -> int:
        """Return the limit on the answer, thinking included."""
        return int(self.body["max_tokens"])

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return the messages as they came."""
        return self.body["messages"]

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Return the tool definitions as they came."""
        return self.body.get("tools") or []

    @property
    def tool_names(self) -> frozenset[str]:
        """Return the names of the tools that may be called."""
        return frozenset(str(tool.get("name")) for tool in self.tools)

    @cached_property
    def system(self) -> str:
        """Return the system prompt as one text."""
        return "\n\n".join(texts_of(self.body.get("system") or ""))

    @cached_property
    def key(self) -> str:
        """Return a key that is the same for a request that is sent again, whether after a fault or by another process."""
        told = json.dumps([self.body.get(part) for part in ("model", "system", "tools", "messages")])
        return hashlib.sha256(told.encode()).hexdigest()

    @cached_property
    def history(self) -> tuple[Event, ...]:
        """Return everything said and every result that came back, oldest first."""
        asked: dict[str, dict[str, Any]] = {}
        events: list[Event] = []
        for message in self.messages:
            role, content = str(message["role"]), message["content"]
            blocks: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
            for block in blocks:
                if block["type"] == "text":
                    events.append(Said(role, block["text"]))
                elif block["type"] == "tool_use":
                    asked[block["id"]] = block
                elif block["type"] == "tool_result":
                    events.append(_result(block, asked[block["tool_use_id"]]))
        return tuple(events)

    @cached_property
    def turn(self) -> tuple[Event, ...]:
        """Return what happened since the user's newest words, which come first."""
        return self.history[self._newest :]

    @property
    def _newest(self) -> int:
        """Return where the user's newest words begin; several texts in a row belong together."""
        spoken = [at for at, event in enumerate(self.history) if isinstance(event, Said) and event.role == "user"]
        start = spoken[-1] if spoken else 0
        while start - 1 in spoken:
            start -= 1
        return start

    @cached_property
    def last_user_text(self) -> str:
        """Return the user's newest words."""
        words = [event.text for event in self.turn if isinstance(event, Said) and event.role == "user"]
        return "\n".join(words)

    @cached_property
    def user_texts(self) -> tuple[str, ...]:
        """Return every text of the user, oldest first."""
        return tuple(event.text for event in self.history if isinstance(event, Said) and event.role == "user")

    @property
    def first_user_text(self) -> str:
        """Return what the conversation began with."""
        return self.user_texts[0] if self.user_texts else ""

    @cached_property
    def turn_texts(self) -> tuple[str, ...]:
        """Return the words of both sides since the user's newest message, that message included."""
        return tuple(event.text for event in self.turn if isinstance(event, Said))

    @cached_property
    def turn_results(self) -> tuple[Result, ...]:
        """Return the results that came back since the user's newest words."""
        return tuple(event for event in self.turn if isinstance(event, Result))

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """Return every result of the conversation, oldest first."""
        return tuple(event for event in self.history if isinstance(event, Result))

    @cached_property
    def last_results(self) -> tuple[Result, ...]:
        """Return the results in the newest message: what the tools answered to the last reply. Empty when that was no call."""
        ids = {
            block["tool_use_id"]
            for block in (self.messages[-1]["content"] if is_list(self.messages[-1]["content"]) else [])
            if block["type"] == "tool_result"
        }
        return tuple(result for result in self.results if result.id in ids)


def texts_of(content: object) -> list[str]:
    """Return the texts in a string or in a list of blocks."""
    if isinstance(content, str):
        return [content]
    blocks = content if is_list(content) else []
    return [str(block["text"]) for block in blocks if is_object(block) and block.get("type") == "text"]


def _result(block: Mapping[str, Any], asked: Mapping[str, Any]) -> Result:
    text = "\n".join(texts_of(block.get("content") or ""))
    id, tool, args = str(block["tool_use_id"]), str(asked["name"]), asked["input"]
    try:
        told: object = json.loads(text)
    except ValueError:
        told = None
    if not is_object(told) or not isinstance(told.get("ok"), bool):
        return Result(id, tool, args, text, ok=not block.get("is_error"), result=told if told is not None else text)
    error, detail = str(told.get("error") or ""), str(told.get("detail") or "")
    return Result(id, tool, args, text, told["ok"], told.get("result"), error, detail)
