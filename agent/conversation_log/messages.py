"""Which messages a conversation's steps make. Pure: a reader takes one step after the other, each makes its messages once.

A message has `ids`, which are ours or Slack's or counts, and `words`, which are people's, the model's or a tool's and are masked
before anybody reads them. Wide because each kind of step says something else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, assert_never

from agent.decide.run_outcome import HALTED
from agent.reports.run_tree import tokens_and_cost
from agent.session.steps import (
    ActionDecided,
    Asked,
    Attached,
    CardShown,
    Compacted,
    DirectShown,
    Edited,
    Escalated,
    FoundChanged,
    Granted,
    GrantEnded,
    Halted,
    Learnt,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    NoticeShown,
    Nudged,
    OutcomeTold,
    Posted,
    PostStarted,
    Previewed,
    ProposedAction,
    Recalled,
    Repinned,
    Resumed,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
    Voted,
    WindowExceeded,
)
from agent.types import Block

Role = Literal["person", "file", "memory", "assistant", "tool", "approval", "signoff", "summary"]


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A message as it was said: not masked yet. `part`: which of those that its step makes, from 0."""

    seq: int  # of its step
    part: int
    at: datetime
    turn: int  # from 1; 0: before the first one
    role: Role
    tool: str = ""
    outcome: str = ""
    ids: Mapping[str, Any] = field(default_factory=dict[str, Any])
    words: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Reader:
    """What has to be known of the steps so far to tell what the next one means."""

    seq: int = 0  # of the last step that was taken
    turn: int = 0
    started: ModelStarted | None = None
    tools: dict[str, str] = field(default_factory=dict[str, str])  # by call
    actions: dict[str, str] = field(default_factory=dict[str, str])  # tool by action

    def take(self, seq: int, at: datetime, step: Step) -> Sequence[LogMessage]:
        """Take in the next step, and return its messages; most steps make one or none."""
        self.seq = seq
        self._remember(step)
        return [
            LogMessage(seq, part, at, self.turn, each.role, each.tool, each.outcome, _without_empty(each.ids), each.words)
            for part, each in enumerate(self._said(step))
        ]

    def _remember(self, step: Step) -> None:
        match step:
            case Asked() | OutcomeTold():
                self.turn += 1
            case ModelStarted():
                self.started = step
            case ModelReplied():
                self.tools |= {str(block["id"]): str(block["name"]) for block in _calls(step.content)}
            case ProposedAction():
                self.actions[step.action_id] = step.tool
                self.tools[step.call_id] = step.tool
            case _:
                pass

    def _said(self, step: Step) -> Sequence["_Made"]:
        match step:
            case Asked():
                return [
                    _Made(
                        "person",
                        ids={"user": said.user, "ts": said.ts, "goes_on": step.goes_on},
                        words=_filled(text=said.text, files=[file.name for file in said.files], sources=list(said.sources)),
                    )
                    for said in step.said
                ]
            case Attached():
                return [_Made("file", ids={"file": step.file_id}, words={"text": _text(step.blocks)})]
            case Recalled():
                return [_Made("memory", words=_filled(text=step.text, sources=list(step.sources)))] if step.text else []
            case ModelReplied() | ModelFailed() | WindowExceeded() | Compacted():
                return [self._of_model(step)]
            case ProposedAction() | Voted() | Edited() | Escalated() | ActionDecided() | OutcomeTold():
                return [self._of_action(step)]
            case Granted() | GrantEnded() | FoundChanged() | ToolReturned():
                return [self._of_call(step)]
            case Halted() | Stopped() | Resumed() | LeftOut() | Repinned():
                return [_of_turn(step)]
            case Posted():
                return (
                    [_Made("signoff", outcome="not posted", ids={"post": str(step.key), "error": step.error})]
                    if step.error
                    else []
                )
            case (
                ModelStarted()
                | Learnt()
                | Previewed()
                | ToolStarted()
                | PostStarted()
                | CardShown()
                | NoticeShown()
                | DirectShown()
                | Nudged()
            ):
                return []  # on the way to something that is said
            case _:
                assert_never(step)

    def _of_model(self, step: ModelReplied | ModelFailed | WindowExceeded | Compacted) -> "_Made":
        started, self.started = self.started, None
        model = started.bill.model if started is not None and started.bill is not None else ""
        if isinstance(step, ModelFailed):
            return _Made("signoff", outcome="no reply", ids={"model": model, "error": step.reason})
        cost = tokens_and_cost(started, [*step.lost, *([step.usage] if step.usage else ())])
        match step:
            case WindowExceeded():
                return _Made("signoff", outcome="window exceeded", ids={"model": model, **cost})
            case Compacted():
                return _Made("summary", ids={"by": step.summary_by, "model": model, **cost}, words={"text": step.head})
            case ModelReplied():
                made = [{"name": block["name"], "input": block.get("input")} for block in _calls(step.content)]
                return _Made(
                    "assistant",
                    outcome="success" if step.stop_reason == "end_turn" else "",
                    ids={
                        "model": model,
                        "iteration": started.iteration if started is not None else 0,
                        "stop_reason": step.stop_reason,
                        "calls": [str(block["id"]) for block in _calls(step.content)],
                        **cost,
                    },
                    words=_filled(text=_text(step.content), thinking=_text(step.content, "thinking"), calls=made),
                )

    def _of_action(self, step: ProposedAction | Voted | Edited | Escalated | ActionDecided | OutcomeTold) -> "_Made":
        tool = self.actions.get(step.action_id, "")
        match step:
            case ProposedAction():
                verdict, wording = step.verdict, step.wording
                headline = (step.preview.headline if step.preview else "") or (wording.headline if wording else "")
                ids = {
                    "action": step.action_id,
                    "call": step.call_id,
                    "rule": verdict.rule,
                    "quorum": verdict.quorum,
                    "digest": step.digest,
                    "requesters": list(step.requesters),
                    "expires_at": step.expires_at.isoformat(),
                }
                words = _filled(arguments=step.arguments, headline=headline, said=step.said, sources=list(step.sources))
                return _Made("approval", tool, "asked", ids, words)
            case Voted():
                return _Made(
                    "approval", tool, step.decision, {"action": step.action_id, "by": step.by}, _filled(reason=step.reason)
                )
            case Edited():
                return _Made("approval", tool, "edited", {"action": step.action_id, "by": step.by}, {"arguments": step.arguments})
            case Escalated():
                return _Made("approval", tool, "escalated", {"action": step.action_id})
            case ActionDecided():
                ids = {"action": step.action_id, "by": step.by, "settled": True}
                return _Made("approval", tool, step.decision, ids, _filled(reason=step.reason))
            case OutcomeTold():
                return _Made("approval", tool, step.answer, {"action": step.action_id, "by": step.by})

    def _of_call(self, step: Granted | GrantEnded | FoundChanged | ToolReturned) -> "_Made":
        match step:
            case Granted():
                ids = {"grant": step.grant_id, "action": step.action_id, "by": step.by, "uses": step.most_uses}
                return _Made("approval", step.tool, "granted", ids)
            case GrantEnded():
                return _Made("approval", outcome="grant ended", ids={"grant": step.grant_id})
            case FoundChanged():
                changes = [each.model_dump() for each in step.changes]
                return _Made("tool", self.tools.get(step.call_id, ""), "changed", {"call": step.call_id}, {"changes": changes})
            case ToolReturned():
                ids = {"call": step.call_id, "images": len(step.images), "reconciled": step.reconciled}
                words = _filled(text=step.text, source=step.source)
                return _Made("tool", self.tools.get(step.call_id, ""), step.outcome, ids, words)


@dataclass(frozen=True, slots=True)
class _Made:
    """A message without its place in the log."""

    role: Role
    tool: str = ""
    outcome: str = ""
    ids: Mapping[str, Any] = field(default_factory=dict[str, Any])
    words: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _of_turn(step: Halted | Stopped | Resumed | LeftOut | Repinned) -> _Made:
    match step:
        case Halted():
            outcome = HALTED.get(step.error, "error")
            return _Made("signoff", outcome=outcome, ids={"error": step.error}, words={"text": step.sentence})
        case Stopped():
            return _Made("signoff", outcome="stopped", ids={"by": step.by})
        case Resumed():
            return _Made("signoff", outcome="resumed", ids={"after": step.reason})
        case LeftOut():
            return _Made("signoff", outcome="left out")
        case Repinned():
            return _Made("signoff", outcome="another model", ids={"model": step.model, "before": step.model_before})


def _calls(blocks: Sequence[Block]) -> Sequence[Block]:
    return [block for block in blocks if block.get("type") == "tool_use"]


def _text(blocks: Sequence[Block], kind: str = "text") -> str:
    """Return the words of blocks of one kind. What another kind holds, an image or a call, is told elsewhere or cannot be."""
    return "\n".join(str(block.get(kind, "")) for block in blocks if block.get("type") == kind)


def _filled(**words: Any) -> Mapping[str, Any]:
    return {name: value for name, value in words.items() if value}


def _without_empty(ids: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the ids without those that say nothing; a count of none is said."""
    return {name: value for name, value in ids.items() if value not in ("", False, [])}
