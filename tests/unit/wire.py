"""The model's side of a random history: what goes over the wire is looked at as the real API does, and answered by chance."""

import json
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any, cast

from agent.model import body
from agent.model_calls import window_exceeded
from agent.ports import Reply, Request
from agent.session import Session
from agent.steps import Halted, ModelReplied, Step
from agent.types import Block, Lifetime, Pinned, Purpose, Usage
from bot.sandbox.model.binding import sign
from bot.sandbox.model.models import ModelCard, Models
from bot.sandbox.model.rules import check
from bot.sandbox.model.usage import input_tokens_of

MODELS = Models()
MODEL = cast(ModelCard, MODELS.get("claude-sonnet-5-5"))  # binds its thinking to everything before it
LOOK: dict[str, Any] = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
PINNED = Pinned(model=MODEL.id, system="You help.", tools=(LOOK,))
SUMMARY = "## Facts\n- <@U1> said hello\n\n## Summary\nThey greeted.\n> and quoted"


class Wire:
    """One session's requests. In one context each begins with the one before, byte for byte."""

    def __init__(self, random: Random) -> None:
        self.requests = 0
        self._random = random
        self._last = ""  # the newest request of this context, without markers
        self._body: dict[str, Any] = {}
        self._calls = 0

    def context_ends(self) -> None:
        """What is asked next need not begin like anything."""
        self._last = ""

    def ask(self, messages: Sequence[dict[str, Any]], purpose: Purpose, lifetime: Lifetime, *, in_turn: bool) -> None:
        """A request arrives."""
        self._body = body(Request(PINNED, messages, 4_000, purpose, lifetime))
        check(self._body, MODELS)
        self._in_order(self._body["messages"])
        sent = [prefix(self._body), *(piece for message in self._body["messages"] for piece in pieces(message))]
        self.requests += 1
        if purpose == "reply":
            whole = "".join(sent)
            assert whole.startswith(self._last), "history was rewritten"
            self._last = whole
        elif self._last:  # else a context ended and its successor asked nothing yet
            asked_about = "".join(sent[:-1])
            old, new = (asked_about, self._last) if in_turn else (self._last, asked_about)
            assert new.startswith(old), "the summary is asked for in another context"

    def _in_order(self, messages: Sequence[dict[str, Any]]) -> None:
        """The API would take results in any order; ours is that of the calls."""
        for earlier, later in pairwise(messages):
            asked = [block["id"] for block in earlier["content"] if block["type"] == "tool_use"]
            answered = [block["tool_use_id"] for block in later["content"] if block["type"] == "tool_result"]
            assert asked == answered

    # ------------------------------------------------------------------------------------------ answers

    def reply(self, session: Session) -> Step:
        """The model says something, calls something, cannot be had, or its window is full."""
        kinds = ["calls", "say", "nothing", "cut", "refusal", "failed", "odd", "window"]
        [kind] = self._random.choices(kinds, [12, 2, 1, 1, 1, 1, 1, 1])
        if kind == "failed":
            return Halted(error="ModelFailedError", sentence="The model cannot be reached.")
        if kind == "window":
            return window_exceeded(session, self._random.choice([None, self._usage()]))
        content: list[Block] = []
        if self._random.random() < 0.5:
            content.append(self._thought(content))
        if kind in ("say", "cut", "odd"):
            content.append({"type": "text", "text": "Well."})
        tools = {"look": 1, "pay": 3, "send": 3, "wipe": 2, "jot": 2, "no_such_tool": 1}
        names = self._random.choices(list(tools), list(tools.values()), k=self._random.randint(1, 4))
        for name in names if kind in ("calls", "cut", "refusal") else []:
            self._calls += 1
            content.append(
                {"type": "tool_use", "id": f"toolu_{self._calls}", "name": name, "input": {"n": self._random.randint(0, 1)}}
            )
        reasons = {"calls": "tool_use", "cut": "max_tokens", "refusal": "refusal", "odd": "some_new_reason"}
        return ModelReplied(content=tuple(content), stop_reason=reasons.get(kind, "end_turn"), usage=self._usage())

    def summary(self) -> Reply | None:
        """What comes of asking for one: mostly that, sometimes something else, or nothing."""
        call: Block = {"type": "tool_use", "id": "toolu_0", "name": "look", "input": {}}
        text: Block = {"type": "text", "text": SUMMARY}
        content, reason = self._random.choice(
            [((text,), "end_turn")] * 3
            + [((call,), "tool_use"), ((text,), "max_tokens"), (({**text, "text": "Hm?"},), "end_turn")]
        )
        return None if self._random.random() < 0.1 else Reply(content, reason, self._usage())

    def result(self) -> str:
        """What a tool returned: mostly little."""
        return json.dumps({"ok": True, "result": {"text": "x" * self._random.choice([1, 10, 3_000])}})

    def _thought(self, before: list[Block]) -> Block:
        return {"type": "thinking", "thinking": "Hm.", "signature": sign(self._body, before, "Hm.", MODEL)}

    def _usage(self) -> Usage:
        return Usage(input_tokens=input_tokens_of(self._body), output_tokens=5)


def prefix(sent: dict[str, Any]) -> str:
    """What comes before the messages."""
    return as_sent([sent["model"], sent["tools"], sent["system"]])


def pieces(message: dict[str, Any]) -> list[str]:
    """A message block by block; neighbours of one role are one message to the API."""
    return [message["role"] + as_sent(block) for block in message["content"]]


def as_sent(value: Any) -> str:
    """Its JSON as the SDK writes it, but for the markers of the cache."""
    return json.dumps(_unmarked(value), ensure_ascii=False, separators=(",", ":"))


def _unmarked(value: Any) -> Any:
    match value:
        case dict():
            found = cast("dict[str, Any]", value)
            return {name: _unmarked(part) for name, part in found.items() if name != "cache_control"}
        case list() | tuple():
            return [_unmarked(part) for part in cast("Sequence[Any]", value)]
        case _:
            return value
