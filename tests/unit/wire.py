"""The model's side of a random history: what goes over the wire is looked at as the real API does, and answered by chance."""

import json
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any, cast

from agent.model.anthropic import request_body
from agent.model.port import Reply, Request
from agent.run.model_calls import after_full_window
from agent.session.state import Session
from agent.session.steps import Asked, Compacted, Halted, LeftOut, ModelFailed, ModelReplied, OutcomeTold, Repinned, Step
from agent.types import Block, Lifetime, Pinned, Purpose, Usage
from bot.sandbox.model.binding import sign
from bot.sandbox.model.message_rules import mark_of
from bot.sandbox.model.models import ModelCard, Models
from bot.sandbox.model.rules import check
from bot.sandbox.model.usage import input_tokens_of

MODELS = Models()
# Both bind their thinking to everything before it.
MODEL, NEXT_MODEL = (cast(ModelCard, MODELS.get(f"claude-{name}-5-5")) for name in ("sonnet", "opus"))
LOOK: dict[str, Any] = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
PINNED = Pinned(model=MODEL.id, system="You help.", tools=(LOOK,))
KINDS = {  # what the model does, and how often
    **{"calls": 24, "say": 4, "nothing": 2, "cut call": 2, "cut": 3, "pause": 2, "window": 2, "refusal": 2},
    **{"odd": 1, "odd block": 1, "failed": 1, "away": 2, "gone": 1},
}
REASONS = {
    **{"calls": "tool_use", "cut call": "max_tokens", "cut": "max_tokens", "pause": "pause_turn", "refusal": "refusal"},
    **{"odd": "some_new_reason", "odd block": "tool_use"},
}
SUMMARY = "## Facts\n- <@U1> said hello\n\n## Summary\nThey greeted.\n> and quoted"


class Wire:
    """One session's requests. In one context each begins with the one before, byte for byte."""

    def __init__(self, random: Random) -> None:
        self.requests = 0
        self._random = random
        self._last = ""  # the newest request of this context, without markers
        self._body: dict[str, Any] = {}
        self._calls = 0
        self._before_turn = ""  # the newest request before this turn, if it was of this context
        self._paused: set[str] = set()
        self._model = MODEL
        self.last_halt = ""

    def hear(self, step: Step) -> None:
        """A step happened: after some a new context begins, and what is asked next need not begin like anything."""
        match step:
            case Asked() | OutcomeTold():
                self._before_turn = self._last
            case LeftOut():
                self._last = self._before_turn
            case Compacted() | Repinned():
                self._last = self._before_turn = ""
            case Halted():
                self.last_halt = step.error
            case _:
                pass

    def repin(self) -> Step:
        """The model is gone: the session goes on with another, unless nobody named one."""
        if self._random.random() < 0.2:
            return Halted(error="ModelRetiredError", sentence="An admin must name another model.")
        self._model = NEXT_MODEL if self._model is MODEL else MODEL
        return Repinned(pin_id="p", model=self._model.id, model_before="another")

    def ask(self, messages: Sequence[dict[str, Any]], purpose: Purpose, lifetime: Lifetime, *, in_turn: bool) -> None:
        """A request arrives."""
        pinned = PINNED.model_copy(update={"model": self._model.id})
        self._body = request_body(Request(pinned, messages, 4_000, purpose, lifetime))
        check(self._body, MODELS, paused=self._paused)
        thoughts = [block for message in messages for block in message["content"] if block["type"] == "thinking"]
        assert {json.loads(b64decode(block["signature"]))[0] for block in thoughts} <= {self._model.id}
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

    def reply(self, session: Session, now: datetime) -> Step:
        """The model says something, calls something, cannot be had, or its window is full."""
        [kind] = self._random.choices(list(KINDS), list(KINDS.values()))
        match kind:
            case "failed":
                return Halted(error="ModelFailedError", sentence="The model cannot be reached.")
            case "away":
                return ModelFailed(reason="unavailable", since=now)
            case "gone":
                return ModelFailed(reason="retired", since=now)
            case "window":
                usage = self._random.choice([None, self._usage()])
                return after_full_window(session, usage, unbilled=usage is None)
            case _:
                return self._said(kind)

    def _said(self, kind: str) -> ModelReplied:
        content: list[Block] = []
        if self._random.random() < 0.5:
            content.append(self._thought(content))
        if kind in ("say", "cut", "pause", "odd"):
            content.append({"type": "text", "text": "Well."})
        tools = {"look": 1, "pay": 3, "send": 3, "wipe": 2, "jot": 2, "no_such_tool": 1}
        names = self._random.choices(list(tools), list(tools.values()), k=self._random.randint(1, 4))
        for name in names if kind in ("calls", "cut call", "refusal", "odd block") else []:
            self._calls += 1
            content.append(
                {"type": "tool_use", "id": f"toolu_{self._calls}", "name": name, "input": {"n": self._random.randint(0, 1)}}
            )
        if self._random.random() < 0.1:
            content.append(self._thought(content))
        if kind == "odd block":
            content.append({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})
        reason = REASONS.get(kind, "end_turn")
        if reason == "pause_turn":
            self._paused.add(mark_of(content))
        return ModelReplied(content=tuple(content), stop_reason=reason, usage=self._usage())

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
        return {"type": "thinking", "thinking": "Hm.", "signature": sign(self._body, before, "Hm.", self._model)}

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
