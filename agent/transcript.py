"""The log as the Messages API wants it: every request that comes out of here is valid by construction.

The API's rules that this holds (reference: model API, trap 7): each tool_use is answered by one tool_result in the
immediately next user message, results first, in the order of the calls; no empty text; no message without content.
History is append-only: a later request has the earlier one as its prefix.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agent import answers
from agent.tool import Result, failed
from agent.types import (
    ActionDecided,
    Asked,
    Block,
    Halted,
    ModelReplied,
    OutcomeTold,
    ProposedAction,
    Step,
    Stopped,
    ToolReturned,
)

Message = dict[str, Any]

NOT_RUN = failed("permission_denied", "This call was not run: the turn ended before it.").text()
DECLINED = {
    "rejected": "A person rejected this action; it was not run.",
    "expired": "Nobody approved this action in time; it was not run.",
    "withdrawn": "This action was withdrawn before anybody approved it; it was not run.",
    "undeliverable": "The approval card could not be shown to anybody, so this action was not run.",
}
TOLD = {
    "happened": "it did happen; do not run it again.",
    "leave": "leave it as it is; do not run it again.",
    "run_again": "run it again with the same arguments.",
}


@dataclass(slots=True)
class _Draft:
    """The conversation as far as it has been read."""

    messages: list[Message] = field(default_factory=list[Message])
    calls: tuple[str, ...] = ()  # ids of the last reply's calls, not yet answered
    results: dict[str, str] = field(default_factory=dict[str, str])
    texts: list[str] = field(default_factory=list[str])
    proposed: dict[str, ProposedAction] = field(default_factory=dict[str, ProposedAction])

    def flush(self) -> None:
        """Write down the user's side: the results in the order of the calls, then what people said."""
        content: list[Block] = []
        for call_id in self.calls:
            result = self.results.get(call_id, NOT_RUN)
            content.append({"type": "tool_result", "tool_use_id": call_id, "content": result})
        for text in self.texts:
            content.append({"type": "text", "text": text})
        if content:
            self.messages.append({"role": "user", "content": content})
        self.calls, self.results, self.texts = (), {}, []

    def reply(self, content: list[Block]) -> None:
        self.flush()
        self.messages.append({"role": "assistant", "content": content})


def messages(steps: Iterable[Step]) -> list[Message]:
    """The `messages` of the next request."""
    draft = _Draft()
    for step in steps:
        match step:
            case Asked():
                draft.texts += [_spoken(said.user, said.text) for said in step.said]
            case ModelReplied():
                _replied(draft, step)
            case ProposedAction():
                draft.proposed[step.action_id] = step
            case ActionDecided() if step.decision != "approved":
                draft.results[draft.proposed[step.action_id].call_id] = _declined(step)
            case ToolReturned():
                _returned(draft, step)
            case OutcomeTold():
                draft.texts.append(_told(step, draft.proposed[step.action_id]))
            case Stopped():
                draft.texts.append(f"<@{step.by}> pressed Stop.")
            case Halted():
                draft.reply([{"type": "text", "text": step.sentence}])
            case _:
                pass  # what only people see
    draft.flush()
    return draft.messages


def _replied(draft: _Draft, step: ModelReplied) -> None:
    content = list(step.content) or [{"type": "text", "text": answers.closing_text(step)}]
    draft.reply(content)
    draft.calls = tuple(str(block["id"]) for block in step.content if block.get("type") == "tool_use")


def _returned(draft: _Draft, step: ToolReturned) -> None:
    """A result; one that comes when its call has long been answered (a run after an unknown outcome) is told in words."""
    if step.call_id in draft.calls:
        draft.results[step.call_id] = step.text
    else:
        draft.texts.append(f"It was run again. The result: {step.text}")


def _spoken(user: str, text: str) -> str:
    return f"<@{user}>: {text}"


def _declined(step: ActionDecided) -> str:
    detail = DECLINED[step.decision]
    if step.by:
        detail += f" By: <@{step.by}>."
    if step.reason:
        detail += f" Their reason: {step.reason}"
    return failed("permission_denied", detail).text()


def _told(step: OutcomeTold, proposed: ProposedAction) -> str:
    return f"<@{step.by}> says of the {proposed.tool} call whose outcome was unknown: {TOLD[step.answer]}"


def unknown(tool: str) -> Result:
    """What the model hears of a call whose outcome nobody knows."""
    detail = (
        f"The outcome of {tool} is unknown: it was started, and its result was lost. It may have happened. "
        "Do not call it again; people are being asked."
    )
    return failed("unexpected", detail)
