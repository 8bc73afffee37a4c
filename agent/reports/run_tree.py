"""What a conversation did, as a tree made from its steps: turns, and in each the model calls, the decisions and the runs.

Pure. It holds ids, names, counts and times, never what people, the model or tools said. Times are those at which steps were
committed. Wide because each kind of step says something else about a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, assert_never

from agent.decide.run_outcome import HALTED
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
from agent.types import OTHER, Pinned, Usage

SpanName = Literal["turn", "chat", "approval", "execute_tool", "recall", "compact", "learn", "event"]
Fact = str | int | float | Sequence[str]


@dataclass(frozen=True, slots=True)
class Committed:
    """A step of the log, and when it was committed."""

    at: datetime
    step: Step


@dataclass(slots=True)
class Node:
    """A part of a run. `ended_at` None: it is not over. Grows while the log is read."""

    name: SpanName
    of: str  # what is called, decided or run
    at: datetime
    ended_at: datetime | None = None
    facts: dict[str, Fact] = field(default_factory=dict[str, Fact])
    children: list["Node"] = field(default_factory=list["Node"])

    @property
    def seconds(self) -> float | None:
        """Return how long it took. None: it is not over."""
        return None if self.ended_at is None else (self.ended_at - self.at).total_seconds()


def run_tree(log: Iterable[Committed], pinned: Pinned | None) -> Sequence[Node]:
    """Return the turns of a conversation, oldest first. What comes before the first turn is left out. `pinned`: what it is run
    with; of what the model called only such tools are named."""
    reader = _Reader(pinned)
    for committed in log:
        reader.take(committed)
    return reader.turns


@dataclass(slots=True)
class _Reader:
    """What is open after as many steps as were read."""

    pinned: Pinned | None
    turns: list[Node] = field(default_factory=list[Node])
    chat: Node | None = None
    started: ModelStarted | None = None
    tools: dict[str, str] = field(default_factory=dict[str, str])  # by call
    runs: dict[str, Node] = field(default_factory=dict[str, Node])  # by call
    approvals: dict[str, Node] = field(default_factory=dict[str, Node])  # by action

    def take(self, committed: Committed) -> None:
        """Take in the next step."""
        step, at = committed.step, committed.at
        match step:
            case Asked():
                self._open_turn(step.said[0].user if step.said else "", at, asked="continue" if step.goes_on else "message")
            case OutcomeTold():
                self._open_turn(step.by, at, asked="outcome", answer=step.answer)
            case ModelStarted():
                self.started, self.chat = step, self._begin("chat", step.bill.model if step.bill else "", at)
                self.chat.facts |= {"purpose": step.purpose, "iteration": step.iteration}
            case ModelReplied() | ModelFailed() | WindowExceeded() | Compacted() | Learnt():
                self._take_model(step, at)
            case ProposedAction() | Voted() | Edited() | Escalated() | ActionDecided():
                self._take_action(step, at)
            case ToolStarted() | ToolReturned():
                self._take_run(step, at)
            case Recalled():
                self._event("recall", "memory", at, items=len(step.sources))
            case Halted():
                self._end_chat(at, "unbilled" if step.unbilled else "no reply")
                self._fact(outcome=HALTED.get(step.error, "error"), error=step.error)
            case Stopped():
                self._fact(outcome="stopped", stopped_by=step.by)
            case Attached():
                self._event("event", "file", at, file=step.file_id)
            case Posted():
                if step.error:
                    self._event("event", "not posted", at, error=step.error)
            case Granted():
                self._event("event", "grant", at, tool=step.tool, by=step.by, uses=step.most_uses)
            case GrantEnded():
                self._event("event", "grant ended", at, grant=step.grant_id)
            case FoundChanged():
                self._event("event", "changed meanwhile", at, tool=self.tools.get(step.call_id, ""))
            case Repinned():
                self._event("event", "another model", at, model=step.model, before=step.model_before)
            case Resumed() | LeftOut():
                self._event("event", step.kind.replace("_", " "), at)
            case Previewed() | PostStarted() | CardShown() | NoticeShown() | DirectShown() | Nudged():
                pass  # on the way to what is shown
            case _:
                assert_never(step)
        if self.turns:
            self.turns[-1].ended_at = at

    # ------------------------------------------------------------------------------------------ the model

    def _take_model(self, step: ModelReplied | ModelFailed | WindowExceeded | Compacted | Learnt, at: datetime) -> None:
        usage = None if isinstance(step, ModelFailed) else step.usage
        lost = () if isinstance(step, ModelFailed) else step.lost
        match step:
            case ModelReplied():
                for block in step.content:
                    if block.get("type") == "tool_use":
                        name = str(block.get("name"))
                        self.tools[str(block.get("id"))] = self.pinned.recorded(name) if self.pinned else OTHER
                self._end_chat(at, step.stop_reason, usage, lost)
                if step.stop_reason == "end_turn":
                    self._fact(outcome="success")
            case ModelFailed():
                self._end_chat(at, step.reason)
            case WindowExceeded():
                self._end_chat(at, "refused" if step.refused else "window exceeded", usage, lost)
            case Compacted():
                self._end_chat(at, "end_turn", usage, lost)
                self._event("compact", step.summary_by, at)
            case Learnt():
                self._end_chat(at, "end_turn", usage, lost)
                self._event("learn", "memory", at, items=step.count)

    def _end_chat(self, at: datetime, stop_reason: str, usage: Usage | None = None, lost: Sequence[Usage] = ()) -> None:
        if self.chat is None:
            return
        self.chat.ended_at = at
        self.chat.facts |= {"stop_reason": stop_reason, **tokens_and_cost(self.started, [*lost, *([usage] if usage else ())])}
        self.chat = self.started = None

    # ------------------------------------------------------------------------------------------ people

    def _take_action(self, step: ProposedAction | Voted | Edited | Escalated | ActionDecided, at: datetime) -> None:
        if isinstance(step, ProposedAction):
            node = self._begin("approval", step.tool, at)
            node.facts |= {"rule": step.verdict.rule, "quorum": step.verdict.quorum, "digest": step.digest[:16]}
            self.approvals[step.action_id] = node
            return
        node = self.approvals.get(step.action_id)
        if node is None:  # its card is of before the part that is read
            return
        match step:
            case Voted():
                node.children.append(Node("event", step.decision, at, at, {"by": step.by}))
            case Escalated():
                node.children.append(Node("event", "escalated", at, at))
            case Edited():
                node.ended_at = at
                node.facts |= {"outcome": "edited", "by": step.by}
            case ActionDecided():
                facts: dict[str, Fact] = {"outcome": step.decision, **({"by": step.by} if step.by else {})}
                if "outcome" in node.facts:  # once more, after its outcome was unknown
                    node.children.append(Node("event", "decided again", at, at, facts))
                    return
                node.ended_at = at
                node.facts |= facts

    # ------------------------------------------------------------------------------------------ runs

    def _take_run(self, step: ToolStarted | ToolReturned, at: datetime) -> None:
        tool = self.tools.get(step.call_id, "")
        if isinstance(step, ToolStarted):
            node = self.runs[step.call_id] = self._begin("execute_tool", tool, at)
            allowed = "approval" if step.action_id else "grant" if step.grant_id else "policy" if step.unasked else ""
            node.facts |= {"allowed_by": allowed} if allowed else {}
            return
        node = self.runs.pop(step.call_id, None) or self._begin("execute_tool", tool, at)
        node.ended_at = at
        node.facts |= {"outcome": step.outcome, "output_bytes": len(step.text.encode()) + step.kept_bytes}
        if step.reconciled:
            node.facts["reconciled"] = "its tool was asked what became of it"

    # ------------------------------------------------------------------------------------------ the tree

    def _open_turn(self, by: str, at: datetime, **facts: Fact) -> None:
        self.turns.append(Node("turn", str(len(self.turns) + 1), at, facts={"by": by, **facts}))

    def _begin(self, name: SpanName, of: str, at: datetime) -> Node:
        node = Node(name, of, at)
        if self.turns:
            self.turns[-1].children.append(node)
        return node

    def _event(self, name: SpanName, of: str, at: datetime, **facts: Fact) -> None:
        node = self._begin(name, of, at)
        node.ended_at = at
        node.facts |= facts

    def _fact(self, **facts: Fact) -> None:
        if self.turns:
            self.turns[-1].facts |= facts


def tokens_and_cost(started: ModelStarted | None, usages: Sequence[Usage]) -> Mapping[str, Fact]:
    """Return the tokens of a model call with all its tries, those of the cache by themselves, and its cost in dollars."""
    if not usages:
        return {}
    price = started.bill.price if started is not None and started.bill is not None else None
    tokens: dict[str, Fact] = {
        "input_tokens": sum(usage.read_tokens for usage in usages),
        "cached_tokens": sum(usage.cache_read_input_tokens for usage in usages),
        "output_tokens": sum(usage.output_tokens for usage in usages),
    }
    return tokens if price is None else tokens | {"cost_usd": sum(price.nano_usd(usage) for usage in usages) / 10**9}
