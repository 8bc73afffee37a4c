"""The model of a simulated session: strict about what it is asked, and free to do whatever a real one may."""

from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any, cast

from agent.steps import Asked, Halted, LeftOut, ModelFailed, ModelReplied, OutcomeTold, Repinned, Step
from agent.types import Block, Usage
from bot.sandbox.model.message_rules import check_messages, mark_of
from bot.sandbox.model.models import ModelCard, Models
from bot.sandbox.model.pairing import check_pairing

MODEL = cast(ModelCard, Models().get("claude-sonnet-5-5"))
KINDS = {  # what the model does, and how often
    **{"calls": 24, "say": 4, "nothing": 2, "cut call": 2, "cut": 3, "pause": 2, "window": 1, "refusal": 2},
    **{"odd": 1, "odd block": 1, "failed": 1, "away": 2, "gone": 1},
}
REASONS = {
    **{"calls": "tool_use", "cut call": "max_tokens", "cut": "max_tokens", "pause": "pause_turn", "refusal": "refusal"},
    **{"window": "model_context_window_exceeded", "odd": "some_new_reason", "odd block": "tool_use"},
}


def spoken(request: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The request without thoughts."""
    without = [[block for block in message["content"] if block["type"] != "thinking"] for message in request]
    return [{**message, "content": content} for message, content in zip(request, without, strict=True)]


class SimulatedModel:
    """What it was asked, and what it says next, left to chance."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.requests = 0
        self.last_halt = ""
        self._last_request: list[dict[str, Any]] = []
        self._turn_request: list[dict[str, Any]] = []  # the conversation as it stood before this turn
        self._paused: set[str] = set()
        self._calls = 0

    def hear(self, step: Step) -> None:
        """A step happened: some begin a new context."""
        match step:
            case Asked() | OutcomeTold():
                self._turn_request = self._last_request
            case LeftOut():  # what stood before the turn
                self._last_request = self._turn_request
            case Repinned():  # what stood before, without its thoughts
                self._last_request, self._turn_request = spoken(self._last_request), spoken(self._turn_request)
            case Halted():
                self.last_halt = step.error
            case _:
                pass

    def is_known_to_be_away(self) -> bool:
        """Another session has found out."""
        return self.random.random() < 0.03

    def check(self, request: list[dict[str, Any]]) -> None:
        """What the strict server would, and that history only grows."""
        check_messages(request, MODEL, paused=self._paused)
        check_pairing(request, has_tools=True)
        for earlier, later in pairwise(request):  # the API would take any order; ours is that of the calls
            asked = [block["id"] for block in earlier["content"] if block["type"] == "tool_use"]
            answered = [block["tool_use_id"] for block in later["content"] if block["type"] == "tool_result"]
            assert asked == answered
        grown = [block for message in self._last_request for block in message["content"]]
        whole = [block for message in request for block in message["content"]]
        assert whole[: len(grown)] == grown, "history was rewritten"
        self._last_request = request
        self.requests += 1

    def reply(self, now: datetime) -> Step:
        """The model says something, calls something, or cannot be had."""
        [kind] = self.random.choices(list(KINDS), list(KINDS.values()))
        match kind:
            case "failed":
                return Halted(error="ModelFailedError", sentence="The model refused our key.")
            case "away":
                return ModelFailed(reason="unavailable", since=now)
            case "gone":
                return ModelFailed(reason="retired", since=now)
            case _:
                return self._said(kind)

    def _said(self, kind: str) -> ModelReplied:
        content: list[Block] = [{"type": "text", "text": "Well."}] if kind in ("say", "cut", "pause", "window", "odd") else []
        names = self.random.choices(["look", "pay", "send", "wipe", "no_such_tool"], [1, 3, 3, 2, 1], k=self.random.randint(1, 4))
        for name in names if kind in ("calls", "cut call", "refusal", "odd block") else []:
            self._calls += 1
            arguments: Block = {"n": self.random.randint(0, 1)}
            content.append({"type": "tool_use", "id": f"toolu_{self._calls}", "name": name, "input": arguments})
        if self.random.random() < 0.5:
            thought: Block = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
            content = [thought, *content] if self.random.random() < 0.7 else [*content, thought]
        if kind == "odd block":
            content.append({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})
        reason = REASONS.get(kind, "end_turn")
        if reason == "pause_turn":
            self._paused.add(mark_of(content))
        return ModelReplied(content=tuple(content), stop_reason=reason, usage=Usage(input_tokens=5, output_tokens=5))
