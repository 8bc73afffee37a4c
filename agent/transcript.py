"""The log as the Messages API wants it: every request that comes out of here is valid by construction.

The API's rules that this holds (reference: model API, trap 7): each tool_use is answered by one tool_result in the
immediately next user message, results first, in the order of the calls; no empty text; no message without content, and none
of the assistant's that ends in thinking. History is append-only: a later request has the earlier one as its prefix, until a new
context begins: with a Compacted step, where a turn is left out, and with another model.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import JsonValue

from agent import answers, output, stop_reasons, tool_search
from agent.errors import FilesNotTakenError
from agent.estimate import Counted, characters, counted
from agent.past import LONG_CHARACTERS, Past, spoken, words
from agent.session import Session
from agent.steps import (
    ActionDecided,
    Asked,
    Attached,
    Compacted,
    Edited,
    Halted,
    LeftOut,
    ModelReplied,
    OutcomeTold,
    ProposedAction,
    Repinned,
    Resumed,
    Step,
    Stopped,
    ToolReturned,
)
from agent.tool import Result, failed
from agent.types import Block

Message = dict[str, Any]

NOT_RUN = failed("permission_denied", "This call was not run: the turn ended before it.").text()
CUT_OFF = failed(
    "invalid_input", "Not run: your reply was cut at its length limit. Make this call again, in a shorter reply."
).text()
GO_ON = {
    "max_tokens": "Your reply was cut at its length limit. Go on right where it stopped, even within a word; repeat nothing.",
    "empty": "Please continue.",
}
DECLINED = {
    "rejected": "A person rejected this action; it was not run.",
    "expired": "Nobody approved this action in time; it was not run.",
    "withdrawn": "This action was withdrawn before anybody approved it; it was not run.",
    "undeliverable": "The approval card could not be shown to anybody, so this action was not run.",
}
LEFT_OUT: Block = {"type": "text", "text": "(It was left out: it could not be shown.)"}
NOTE = "note"  # the field of a result that says what people changed about its call
TOLD = {
    "happened": "it did happen; do not run it again.",
    "leave": "leave it as it is; do not run it again.",
    "run_again": "run it again with the same arguments.",
}


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a turn begins: what it is taken back to if it is left out."""

    messages: int = 0
    calls: tuple[str, ...] = ()
    results: Mapping[str, str] = field(default_factory=dict[str, str])
    said: tuple[Block, ...] = ()


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
    _said: list[Block] = field(default_factory=list[Block])
    _proposed: dict[str, ProposedAction] = field(default_factory=dict[str, ProposedAction])
    _edits: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # by call: who changed what
    _turn: list[tuple[int, Step]] = field(default_factory=list[tuple[int, Step]])  # the steps of this turn
    _before_turn: _Mark = _Mark()
    _as_it_was: bool = True  # the last reply is written as it came
    _unsaid: str | None = None  # words for a reply without content, unless the model is asked to go on
    _told: list[Block] = field(default_factory=list[Block])  # what opened this turn, if that was not what people said
    _tools: dict[str, str] = field(default_factory=dict[str, str])  # of this turn's calls
    _ran: list[str] = field(default_factory=list[str])  # this turn

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
            self._begin_turn()
            self.past.turn_opens()
        self._turn.append((self.seq, step))
        self.past.add(self.seq, step)
        self._take(step)

    def _begin_anew(self, step: Compacted) -> None:
        """A new context: the head, and this turn's own steps, without thinking that was about what is gone (trap 8)."""
        kept = [(seq, earlier) for seq, earlier in self._turn if seq >= step.since]
        self.past, self._said = Past.after(step), [_text(step.head)]
        self._written, self._written_characters, self._calls, self._results, self._edits = [], 0, (), {}, {}
        self._turn, self._before_turn, self._unsaid = kept, _Mark(said=(_text(step.head),)), None
        self._told, self._tools, self._ran, self.found_tools = [], {}, [], set()
        for seq, earlier in kept:
            self.past.add(seq, earlier)
            self._take(_as_kept(seq, earlier))
        if self._written and not self._user_side():  # a pause, which cannot be sent back as it was: its thoughts are gone
            self._said.append(_text(GO_ON["empty"]))
        self.counted = None  # what was counted had another beginning

    def _take(self, step: Step) -> None:
        match step:
            case Asked():
                self._said += [_text(spoken(said.user, words(said))) for said in step.said]
            case Attached():
                self._said += step.blocks
            case ModelReplied():
                self._replied(step)
            case Resumed():
                self._go_on(step.reason)
            case LeftOut():
                self._leave_out()
            case Repinned():
                self._forget_thinking()
            case ProposedAction():
                self._proposed[step.action_id] = step
            case Edited():
                proposed = self._proposed[step.action_id]
                self._edits.setdefault(proposed.call_id, []).append(_changed(step, proposed.arguments))
            case ActionDecided() if step.decision != "approved":
                self._result(self._proposed[step.action_id].call_id, _declined(step))
            case ToolReturned():
                self._returned(step)
            case OutcomeTold():
                proposed = self._proposed[step.action_id]
                self._told = [_text(_told(step, proposed))]
                self._said += self._told
                self._tools[proposed.call_id] = proposed.tool
            case Stopped():
                self._said.append(_text(f"<@{step.by}> pressed Stop."))
            case Halted():
                self._say_unsaid()
                if step.error == FilesNotTakenError.__name__:  # history goes on without them, or it would end here
                    self._said = [LEFT_OUT if block["type"] in ("image", "document") else block for block in self._said]
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
        if whole:
            written, left = self._written, self._user_side()
        else:
            before = self._before_turn
            written, left = self._written[: before.messages], _results(before.calls, before.results)
        if not written:
            return []
        return [*written, {"role": "user", "content": [*left, {"type": "text", "text": text}]}]

    def shapes(self, last: int) -> list[str]:
        """The last messages for a log: until there is a masker, only the kinds and lengths of their blocks."""
        return [
            f"{message['role']}: "
            + ", ".join(f"{block.get('type')} ({len(str(block))} characters)" for block in message["content"])
            for message in self.messages()[-last:]
        ]

    # ------------------------------------------------------------------------------------------ replies

    def _replied(self, step: ModelReplied) -> None:
        content, asked = tool_search.answered(step.content), self.characters
        self.found_tools |= set(tool_search.found(content))
        self._as_it_was = len(content) == len(step.content)
        while content and content[-1].get("type") in stop_reasons.THINKING:
            del content[-1]  # cut off in its thoughts, or nothing but thoughts: the API takes no message that ends in them
        if not content:
            self._unsaid = answers.closing_text(step)
            return
        self._reply(content)
        self.counted = counted(step.usage, asked, self._written_characters)
        self.found_tools |= set(tool_search.found(content))
        calls = [block for block in content if block.get("type") == "tool_use"]
        self._calls = tuple(str(block["id"]) for block in calls)
        self._tools |= {str(block["id"]): str(block["name"]) for block in calls}

    def _go_on(self, reason: str) -> None:
        """The model is asked for the rest. A paused reply is sent back as it is."""
        if self._unsaid is not None:
            self._unsaid = None
            self._write_user_side()
        if reason == "max_tokens" and self._calls:
            self._results = dict.fromkeys(self._calls, CUT_OFF)
        elif reason in GO_ON:
            self._said.append(_text(GO_ON[reason]))
        elif not self._as_it_was:  # a search that had not ended was left away
            self._said.append(_text(GO_ON["empty"]))

    def _begin_turn(self) -> None:
        self._say_unsaid()
        self._before_turn = _Mark(len(self._written), self._calls, dict(self._results), tuple(self._said))
        self._turn, self._told, self._tools, self._ran = [], [], {}, []

    def _leave_out(self) -> None:
        """A turn that stays would have later ones refused too (docs: reset context after refusal). What it did is told."""
        ran = f" In it these calls were made: {', '.join(self._ran)}." if self._ran else " Nothing was run in it."
        note, before = f"(A request that you could not answer is left out here.{ran})", self._before_turn
        self._rewrite(self._written[: before.messages])
        self._calls, self._results, self._edits, self._unsaid = before.calls, dict(before.results), {}, None
        self._said = [*before.said, *self._told, _text(note)]
        self.past.leave_turn_out(note)

    def _forget_thinking(self) -> None:
        """Thoughts are bound to the model, the prompt and the tools that they were thought with (trap 8)."""
        messages = [{**message, "content": list(_without_thinking(message["content"]))} for message in self._written]
        self._rewrite([message for message in messages if message["content"]])
        self._before_turn = replace(self._before_turn, messages=len(self._written))  # before the turn's first reply

    # ------------------------------------------------------------------------------------------ results

    def _returned(self, step: ToolReturned) -> None:
        if step.outcome != "refused":
            self._ran.append(f"{self._tools.get(step.call_id, 'a tool')} ({step.outcome})")
        if step.call_id in self._calls:
            self._result(step.call_id, step.text)
        else:  # its call has long been answered: a run after an unknown outcome
            self._said.append(_text(f"It was run again. The result: {step.text}"))

    def _result(self, call_id: str, text: str) -> None:
        """A call's result; of an edited call the model is told what ran instead of what it asked for."""
        if edits := self._edits.get(call_id):
            text = json.dumps({**json.loads(text), NOTE: " ".join(edits)}, ensure_ascii=False)
        self._results[call_id] = text

    # ------------------------------------------------------------------------------------------ messages

    def _user_side(self) -> list[Block]:
        """What answers the last reply: the results in the order of the calls, then what people said."""
        return [*_results(self._calls, self._results), *self._said]

    def _reply(self, content: list[Block]) -> None:
        self._write_user_side()
        self._write("assistant", content)

    def _write_user_side(self) -> None:
        if asked := self._user_side():
            self._write("user", asked)
        self._calls, self._results, self._said, self._edits = (), {}, [], {}

    def _say_unsaid(self) -> None:
        if self._unsaid is not None:
            text, self._unsaid = self._unsaid, None
            self._reply([{"type": "text", "text": text}])

    def _write(self, role: str, content: list[Block]) -> None:
        message: Message = {"role": role, "content": content}
        self._written_characters += characters(content)
        self._written.append(message)

    def _rewrite(self, messages: list[Message]) -> None:
        """A new context begins."""
        self._written, self.counted = messages, None
        self._written_characters = sum(characters(message["content"]) for message in messages)

    @property
    def characters(self) -> int:
        """Of `messages()`, as JSON."""
        return self._written_characters + characters(self._user_side())


def _results(calls: Sequence[str], results: Mapping[str, str]) -> list[Block]:
    """A result for each call, in their order."""
    return [{"type": "tool_result", "tool_use_id": call_id, "content": results.get(call_id, NOT_RUN)} for call_id in calls]


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
            return step.model_copy(update={"content": _without_thinking(step.content)})
        case ToolReturned() if len(step.text) > LONG_CHARACTERS:
            return step.model_copy(update={"text": output.handled(seq, step.text)})
        case _:
            return step


def _without_thinking(content: Sequence[Block]) -> tuple[Block, ...]:
    return tuple(block for block in content if block.get("type") not in stop_reasons.THINKING)


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


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
