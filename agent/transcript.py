"""The log as the Messages API wants it: every request that comes out of here is valid by construction.

The API's rules that this holds (reference: model API, trap 7): each tool_use is answered by one tool_result in the
immediately next user message, results first, in the order of the calls; no empty text; no message without content, and none
of the assistant's that ends in thinking. History is append-only: a later request has the earlier one as its prefix, until a turn
is left out or the session goes on with another model.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import JsonValue

from agent import answers, stop_reasons
from agent.steps import (
    ActionDecided,
    Asked,
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
    texts: tuple[str, ...] = ()


@dataclass(slots=True)
class Transcript:
    """The conversation so far. It grows step by step, so that a step costs the same however long the conversation is."""

    _written: list[Message] = field(default_factory=list[Message])
    _written_characters: int = 0  # as JSON
    _calls: tuple[str, ...] = ()  # ids of the last reply's calls, not yet answered
    _results: dict[str, str] = field(default_factory=dict[str, str])
    _texts: list[str] = field(default_factory=list[str])
    _proposed: dict[str, ProposedAction] = field(default_factory=dict[str, ProposedAction])
    _edits: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # by call: who changed what
    _unsaid: str | None = None  # words for a reply without content, unless the model is asked to go on
    _turn: _Mark = _Mark()
    _tools: dict[str, str] = field(default_factory=dict[str, str])  # of this turn's calls
    _ran: list[str] = field(default_factory=list[str])  # this turn

    def add(self, step: Step) -> None:
        """The next step of the log."""
        match step:
            case Asked():
                self._begin_turn()
                self._texts += [_spoken(said.user, said.text) for said in step.said]
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
                self._say_unsaid()
                self._texts.append(_told(step, proposed))
                self._begin_turn()
                self._tools[proposed.call_id] = proposed.tool
            case Stopped():
                self._texts.append(f"<@{step.by}> pressed Stop.")
            case Halted():
                self._say_unsaid()
                self._reply([{"type": "text", "text": step.sentence}])
            case _:
                pass  # what only people see

    def messages(self) -> list[Message]:
        """The `messages` of a request that is made now."""
        content = self._user_side()
        return [*self._written, {"role": "user", "content": content}] if content else list(self._written)

    def shapes(self, last: int) -> list[str]:
        """The last messages for a log: until there is a masker, only the kinds and lengths of their blocks."""
        return [
            f"{message['role']}: "
            + ", ".join(f"{block.get('type')} ({len(str(block))} characters)" for block in message["content"])
            for message in self.messages()[-last:]
        ]

    # ------------------------------------------------------------------------------------------ replies

    def _replied(self, step: ModelReplied) -> None:
        content = list(step.content)
        while content and content[-1].get("type") in stop_reasons.THINKING:
            del content[-1]  # cut off in its thoughts, or nothing but thoughts: the API takes no message that ends in them
        if not content:
            self._unsaid = answers.closing_text(step)
            return
        self._reply(content)
        self._calls = tuple(str(block["id"]) for block in content if block.get("type") == "tool_use")
        self._tools |= {str(block["id"]): str(block["name"]) for block in content if block.get("type") == "tool_use"}

    def _go_on(self, reason: str) -> None:
        """The model is asked for the rest. A paused reply is sent back as it is."""
        if self._unsaid is not None:
            self._unsaid = None
            self._write_user_side()
        if reason == "max_tokens" and self._calls:
            self._results = dict.fromkeys(self._calls, CUT_OFF)
        elif reason in GO_ON:
            self._texts.append(GO_ON[reason])

    def _begin_turn(self) -> None:
        self._say_unsaid()
        self._turn = _Mark(len(self._written), self._calls, dict(self._results), tuple(self._texts))
        self._tools, self._ran = {}, []

    def _leave_out(self) -> None:
        """A turn that stays would have later ones refused too (docs: reset context after refusal). What it did is told."""
        self._unsaid = None
        turn = self._turn
        self._rewrite(self._written[: turn.messages])
        self._calls, self._results, self._edits = turn.calls, dict(turn.results), {}
        ran = f" In it these calls were made: {', '.join(self._ran)}." if self._ran else " Nothing was run in it."
        self._texts = [*turn.texts, f"(A request that you could not answer is left out here.{ran})"]

    def _forget_thinking(self) -> None:
        """Thoughts are bound to the model, the prompt and the tools that they were thought with (trap 8)."""
        messages = [{**message, "content": _without_thinking(message["content"])} for message in self._written]
        self._rewrite([message for message in messages if message["content"]])
        self._turn = replace(self._turn, messages=len(self._written))  # this happens before a turn's first reply

    # ------------------------------------------------------------------------------------------ results

    def _returned(self, step: ToolReturned) -> None:
        if step.outcome != "refused":
            self._ran.append(f"{self._tools.get(step.call_id, 'a tool')} ({step.outcome})")
        if step.call_id in self._calls:
            self._result(step.call_id, step.text)
        else:  # its call has long been answered: a run after an unknown outcome
            self._texts.append(f"It was run again. The result: {step.text}")

    def _result(self, call_id: str, text: str) -> None:
        """A call's result; of an edited call the model is told what ran instead of what it asked for."""
        if edits := self._edits.get(call_id):
            text = json.dumps({**json.loads(text), NOTE: " ".join(edits)}, ensure_ascii=False)
        self._results[call_id] = text

    # ------------------------------------------------------------------------------------------ messages

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
        self._write_user_side()
        self._write("assistant", content)

    def _write_user_side(self) -> None:
        if asked := self._user_side():
            self._write("user", asked)
        self._calls, self._results, self._texts, self._edits = (), {}, [], {}

    def _say_unsaid(self) -> None:
        if self._unsaid is not None:
            text, self._unsaid = self._unsaid, None
            self._reply([{"type": "text", "text": text}])

    def _write(self, role: str, content: list[Block]) -> None:
        message: Message = {"role": role, "content": content}
        self._written_characters += len(json.dumps(message))
        self._written.append(message)

    def _rewrite(self, messages: list[Message]) -> None:
        """A new context begins."""
        self._written = messages
        self._written_characters = sum(len(json.dumps(message)) for message in messages)

    @property
    def characters(self) -> int:
        """Of `messages()`, as JSON."""
        return self._written_characters + len(json.dumps(self._user_side()))


def messages(steps: Iterable[Step]) -> list[Message]:
    """The `messages` of the request that follows these steps."""
    transcript = Transcript()
    for step in steps:
        transcript.add(step)
    return transcript.messages()


def _without_thinking(content: list[Block]) -> list[Block]:
    return [block for block in content if block.get("type") not in stop_reasons.THINKING]


def _spoken(user: str, text: str) -> str:
    return f"<@{user}>: {text}"


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
