"""A conversation: its steps are folded and read as the loop does it, with the effects of memory in between."""

import itertools
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.decide.move_keys import MoveKey
from agent.decide.moves import CallModel, Recall
from agent.memory.transcript import Transcript
from agent.model.port import Reply
from agent.run.memory_effects import MemoryEffects
from agent.run.off_turn import asked_for
from agent.session.machine import apply
from agent.session.post_keys import PostKey
from agent.session.state import Session
from agent.session.steps import Asked, Halted, ModelReplied, ModelStarted, Posted, PostStarted, Step, ToolReturned, ToolStarted
from agent.tool.definition import Result, Tool
from agent.types import Block, Place, Said, Usage

EPOCH, USAGE, NOW = 1, Usage(input_tokens=10, output_tokens=5), datetime(2026, 11, 22, tzinfo=UTC)
MESSAGE = re.compile(r"^\[(\d+)\] <@\w+>: (.+)$", re.M)  # as a reading is shown it


@dataclass
class Talk:
    """One thread."""

    place: Place
    session: Session
    said: Transcript = field(default_factory=Transcript)
    told: set[str] = field(default_factory=set[str])  # words that memory put into it
    calls: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def begun(cls, place: Place) -> "Talk":
        """A new one."""
        return cls(place, Session(f"{place.team}:{place.channel}:{place.thread_ts}", place, epoch=EPOCH))

    def add(self, *steps: Step) -> None:
        """What happened."""
        for step in steps:
            self.session = apply(self.session, step, EPOCH)
            self.said.add(step)

    async def asked(self, said: Said, memory: MemoryEffects) -> Step:
        """Somebody says something, and memory is looked up; what came of that."""
        self.add(Asked(said=(said,)))
        move = Recall(self.session.context.began_tokens == 0, MoveKey("recall", str(self.session.turn.number)))
        *anew, step = (await memory.recall(move, self.session, self.said)).steps
        if anew:  # nothing of what the model was told before stands in what it is shown from now on
            self.told = set()
        self.add(*anew, step)
        if isinstance(step, Halted):
            self._posted()
        return step

    async def goes_on(self, memory: MemoryEffects) -> bool:
        """The model is to be called, some time later. False: the turn is over, since somebody may not hear more."""
        if (grew := await memory.grew(self.session)) is None:
            return True
        self.add(grew)
        self._posted()
        return False

    def ran(self, tool: Tool, result: Result) -> None:
        """The model called a tool."""
        call, number = f"toolu_{next(self.calls)}", self.session.turn.iterations + 1
        block: Block = {"type": "tool_use", "id": call, "name": tool.name, "input": {}}
        outcome = "succeeded" if result.ok else "failed"
        self.add(
            ModelStarted(iteration=number, reserved_tokens=10, max_tokens=5),
            ModelReplied(content=(block,), stop_reason="tool_use", usage=USAGE),
            ToolStarted(call_id=call, idempotency_key=call),
            ToolReturned(call_id=call, outcome=outcome, text=result.text(), channels=result.channels),
        )

    def answered(self) -> None:
        """The model answers, and says all that it was told."""
        number, text = self.session.turn.iterations + 1, f"I know {' '.join(sorted(self.told)) or 'nothing'}."
        reply = ModelReplied(content=({"type": "text", "text": text},), stop_reason="end_turn", usage=USAGE)
        self.add(ModelStarted(iteration=number, reserved_tokens=10, max_tokens=5), reply)
        self._posted()

    def _posted(self) -> None:
        key = PostKey("answer", self.session.turn.number, 0)
        self.add(PostStarted(key=key), Posted(key=key, ts="1.0"))

    async def rested(self, memory: MemoryEffects, word: "re.Pattern[str]") -> None:
        """What was said is read by a small model, which takes each message for a fact, and sums up all words that it is shown."""
        known = await memory.known(self.session, self.said)
        move = CallModel(self.session.turn.iterations, NOW, purpose="learn")
        shown = "".join(
            block["text"] for message in asked_for(move, self.session, self.said, known) for block in message["content"]
        )
        if not shown:
            return
        started = ModelStarted(iteration=self.session.turn.iterations, reserved_tokens=10, max_tokens=5, purpose="learn")
        same = {item.text: item.id for item in known}
        facts = [
            {"message": int(number), "quote": text, "fact": text, "same_as": same.get(text)}
            for number, text in MESSAGE.findall(shown.partition("What the agent answered")[0])
            if word.search(text)
        ]
        heard = sorted(set(word.findall(shown.partition("Known facts")[0])))
        text = json.dumps({"facts": facts, "summary": f"They spoke of the secret {' '.join(heard)}" if heard else ""})
        self.add(started)
        self.add(await memory.learn(self.session, self.said, Reply(({"type": "text", "text": text},), "end_turn", USAGE), known))
