"""The log as the Messages API wants it: every request that comes out of here is valid by construction.

The API's rules that this holds (reference: model API, trap 7): each tool_use is answered by one tool_result in the
immediately next user message, results first, in the order of the calls; no empty text; no message without content.
History is append-only: a later request has the earlier one as its prefix, until a Compacted step begins a new context.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from agent import answers, output, tool_search
from agent.estimate import Counted, characters, counted
from agent.past import LONG_CHARACTERS, Past, spoken
from agent.session import Session
from agent.steps import (
    ActionDecided,
    Asked,
    Compacted,
    Edited,
    Halted,
    ModelReplied,
    OutcomeTold,
    ProposedAction,
    Step,
    Stopped,
    ToolReturned,
)
from agent.tool import Result, failed
from agent.types import Block

Message = dict[str, Any]

NOT_RUN = failed("permission_denied", "This call was not run: the turn ended before it.").text()
DECLINED = {
    "rejected": "A person rejected this action; it was not run.",
    "expired": "Nobody approved this action in time; it was not run.",
    "withdrawn": "This action was withdrawn before anybody approved it; it was not run.",
    "undeliverable": "The approval card could not be shown to anybody, so this action was not run.",
}
NOTE = "note"  # the field of a result that says what people changed about its call
TOLD = {
    "happened": "it did happen; do not run it again.",
    "leave": "leave it as it is; do not run it again.",
    "run_again": "run it again with the same arguments.",
}


@dataclass(slots=True)
class Transcript:
    """The conversation so far. It grows step by step, so that a step costs the same however long the conversation is."""

    seq: int = 0  # of the last step that was added
    past: Past = field(default_factory=Past)
    counted: Counted | None = None  # by the API, with the last reply
    found_tools: set[str] = field(default_factory=set[str])  # that searches have loaded
    _written: list[Message] = field(default_factory=list[Message])
    _written_characters: int = 0  # as JSON
    _calls: tuple[str, ...] = ()  # ids of the last reply's calls, not yet answered
    _results: dict[str, str] = field(default_factory=dict[str, str])
    _texts: list[str] = field(default_factory=list[str])
    _proposed: dict[str, ProposedAction] = field(default_factory=dict[str, ProposedAction])
    _edits: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # by call: who changed what
    _turn: list[tuple[int, Step]] = field(default_factory=list[tuple[int, Step]])  # the steps of this turn
    _before_turn: tuple[int, tuple[str, ...]] = (0, ())  # how many messages there were, and their unanswered calls

    @classmethod
    def of(cls, session: Session) -> "Transcript":
        """That of a session of which only the steps from now on are added."""
        return cls(session.seq, _proposed={id: action.proposed for id, action in session.actions.items()})

    def add(self, step: Step) -> None:
        """The next step of the log."""
        self.seq += 1
        if isinstance(step, Compacted):
            self._begin_anew(step)
            return
        if isinstance(step, Asked | OutcomeTold):
            self._turn, self._before_turn = [], (len(self._written), self._calls)
            self.past.turn_opens()
        self._turn.append((self.seq, step))
        self.past.add(self.seq, step)
        self._take(step)

    def _begin_anew(self, step: Compacted) -> None:
        """A new context: the head, and this turn's own steps, without thinking that was about what is gone (trap 8)."""
        kept = [(seq, earlier) for seq, earlier in self._turn if seq >= step.since]
        self.past, self._texts = Past.after(step), [step.head]
        self._written, self._written_characters, self._calls, self._results, self._edits = [], 0, (), {}, {}
        self._turn, self._before_turn, self.found_tools = kept, (0, ()), set()
        for seq, earlier in kept:
            self.past.add(seq, earlier)
            self._take(_as_kept(seq, earlier))
        self.counted = None  # what was counted had another beginning

    def _take(self, step: Step) -> None:
        match step:
            case Asked():
                self._texts += [spoken(said.user, said.text) for said in step.said]
            case ModelReplied():
                asked = self.characters
                self._reply(tool_search.answered(step.content) or [{"type": "text", "text": answers.closing_text(step)}])
                self.counted = counted(step.usage, asked, self._written_characters)
                self.found_tools |= set(tool_search.found(step.content))
                self._calls = tuple(str(block["id"]) for block in step.content if block.get("type") == "tool_use")
            case ProposedAction():
                self._proposed[step.action_id] = step
            case Edited():
                proposed = self._proposed[step.action_id]
                self._edits.setdefault(proposed.call_id, []).append(_changed(step, proposed.arguments))
            case ActionDecided() if step.decision != "approved":
                self._result(self._proposed[step.action_id].call_id, _declined(step))
            case ToolReturned() if step.call_id in self._calls:
                self._result(step.call_id, step.text)
            case ToolReturned():  # its call has long been answered: a run after an unknown outcome
                self._texts.append(f"It was run again. The result: {step.text}")
            case OutcomeTold():
                self._texts.append(_told(step, self._proposed[step.action_id]))
            case Stopped():
                self._texts.append(f"<@{step.by}> pressed Stop.")
            case Halted():
                self._reply([{"type": "text", "text": step.sentence}])
            case _:
                pass  # what only people see

    def messages(self) -> list[Message]:
        """The `messages` of a request that is made now."""
        content = self._user_side()
        return [*self._written, {"role": "user", "content": content}] if content else list(self._written)

    def before_turn(self, whole: bool, text: str) -> list[Message]:
        """The `messages` of a request about what was said before this turn, or with `whole` about everything; it ends in `text`.

        Nothing, when nothing was said before.
        """
        count, calls = (len(self._written), self._calls) if whole else self._before_turn
        if not count:
            return []
        left: list[Block] = [{"type": "tool_result", "tool_use_id": call_id, "content": NOT_RUN} for call_id in calls]
        return [*self._written[:count], {"role": "user", "content": [*left, {"type": "text", "text": text}]}]

    def shapes(self, last: int) -> list[str]:
        """The last messages for a log: until there is a masker, only the kinds and lengths of their blocks."""
        return [
            f"{message['role']}: "
            + ", ".join(f"{block.get('type')} ({len(str(block))} characters)" for block in message["content"])
            for message in self.messages()[-last:]
        ]

    def _result(self, call_id: str, text: str) -> None:
        """A call's result; of an edited call the model is told what ran instead of what it asked for."""
        if edits := self._edits.get(call_id):
            text = json.dumps({**json.loads(text), NOTE: " ".join(edits)}, ensure_ascii=False)
        self._results[call_id] = text

    def _user_side(self) -> list[Block]:
        """What answers the last reply: the results in the order of the calls, then what people said."""
        content: list[Block] = []
        for call_id in self._calls:
            result = self._results.get(call_id, NOT_RUN)
            content.append({"type": "tool_result", "tool_use_id": call_id, "content": result})
        for text in self._texts:
            content.append({"type": "text", "text": text})
        return content

    def _reply(self, content: list[Block]) -> None:
        if asked := self._user_side():
            self._write("user", asked)
        self._write("assistant", content)
        self._calls, self._results, self._texts, self._edits = (), {}, [], {}

    def _write(self, role: str, content: list[Block]) -> None:
        message: Message = {"role": role, "content": content}
        self._written_characters += characters(content)
        self._written.append(message)

    @property
    def characters(self) -> int:
        """Of `messages()`, as JSON."""
        return self._written_characters + characters(self._user_side())


def messages(steps: Iterable[Step]) -> list[Message]:
    """The `messages` of the request that follows these steps."""
    transcript = Transcript()
    for step in steps:
        transcript.add(step)
    return transcript.messages()


def _as_kept(seq: int, step: Step) -> Step:
    """A step of a turn that goes on in a new context: its pairs stay whole, long results are named by their handles."""
    match step:
        case ModelReplied():
            kept = tuple(block for block in step.content if block.get("type") not in ("thinking", "redacted_thinking"))
            return step.model_copy(update={"content": kept})
        case ToolReturned() if len(step.text) > LONG_CHARACTERS:
            return step.model_copy(update={"text": output.handled(seq, step.text)})
        case _:
            return step


def _declined(step: ActionDecided) -> str:
    detail = DECLINED[step.decision]
    if step.by:
        detail += f" By: <@{step.by}>."
    if step.reason:
        detail += f" Their reason: {step.reason}"
    return failed("permission_denied", detail).text()


def _changed(step: Edited, before: Mapping[str, JsonValue]) -> str:
    """What an edit did to the arguments, for the model."""
    names = [name for name in {**before, **step.arguments} if before.get(name) != step.arguments.get(name)]
    changes = "; ".join(f"{name}: {_spelled(before, name)} -> {_spelled(step.arguments, name)}" for name in names)
    return f"<@{step.by}> edited this call before it was decided ({changes}); this is what came of the edited call."


def _spelled(arguments: Mapping[str, JsonValue], name: str) -> str:
    return json.dumps(arguments[name], ensure_ascii=False) if name in arguments else "(none)"


def _told(step: OutcomeTold, proposed: ProposedAction) -> str:
    return f"<@{step.by}> says of the {proposed.tool} call whose outcome was unknown: {TOLD[step.answer]}"


def unknown(tool: str) -> Result:
    """What the model hears of a call whose outcome nobody knows."""
    detail = (
        f"The outcome of {tool} is unknown: it was started, and its result was lost. It may have happened. "
        "Do not call it again; people are being asked."
    )
    return failed("unexpected", detail)
