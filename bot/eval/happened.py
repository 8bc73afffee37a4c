"""What happened in a case, read from the log of its steps: calls and how they ended, cards, words, tokens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pydantic import BaseModel, ConfigDict, JsonValue

from agent.session.steps import (
    ActionDecided,
    ModelReplied,
    ModelStarted,
    OutcomeTold,
    ProposedAction,
    Step,
    ToolReturned,
    ToolStarted,
)
from agent.types import Usage

SILENT = frozenset({"read_output"})  # to read on in a long result is no further call


class Happened(BaseModel):
    """A part of what happened. It is kept as JSON."""

    model_config = ConfigDict(frozen=True)


class CallMade(Happened):
    """One call of the model. `outcome` is empty where it had none; `writes`: it is more than a read. `allowed_by`: what let it
    run, a card (`approval`), a standing permission (`grant`), or policy."""

    tool: str
    arguments: Mapping[str, JsonValue]
    outcome: str = ""
    detail: str = ""
    writes: bool = False
    asked: bool = False
    ran: bool = False
    allowed_by: str = ""


class Figures(Happened):
    """What a case took. Tokens as they are charged; `usd` by the prices of the configuration; seconds from the first word to the
    last rest."""

    iterations: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0


class Turn(Happened):
    """What somebody said or did, in words, and how many calls and posts there were when the bot had come to rest after it."""

    who: str
    did: str
    calls: int
    posts: int


class Played(Happened):
    """One repeat of one case. `trouble`: why it could not be played to its end; `drift`: how the model was asked otherwise than
    when its answers were recorded. `finds`: what the case's queries found; `data`: what is in the file of its tools."""

    calls: Sequence[CallMade] = ()
    cards: Sequence[str] = ()
    answer: str = ""
    posts: Sequence[str] = ()
    turns: Sequence[Turn] = ()
    finds: Sequence[JsonValue] = ()
    data: Mapping[str, JsonValue] = {}
    figures: Figures = Figures()
    trouble: str = ""
    drift: str = ""


@dataclass
class _Reading:
    """The calls so far, by their ids, in order."""

    writing: frozenset[str]
    calls: dict[str, CallMade] = field(default_factory=dict[str, CallMade])
    actions: dict[str, str] = field(default_factory=dict[str, str])  # action to call
    cards: list[str] = field(default_factory=list[str])
    iterations: int = 0
    usages: list[Usage] = field(default_factory=list[Usage])
    nano_usd: int = 0
    started: ModelStarted | None = None

    def take(self, step: Step) -> None:
        """Take in the next step."""
        match step:
            case ModelStarted():
                self.started = step
                self.iterations += step.purpose == "reply"
            case ModelReplied():
                self._take_reply(step)
            case ProposedAction() if not step.ran:
                if not step.edited_by:
                    self.cards.append(step.tool)
                self.actions[step.action_id] = step.call_id
                self._update(step.call_id, asked=True, arguments=step.arguments)
            case ProposedAction():
                self.actions[step.action_id] = step.call_id
            case ActionDecided(decision="approved"):
                pass  # its result is to come
            case ActionDecided():
                self._update(self.actions[step.action_id], outcome=step.decision, detail=step.reason)
            case ToolStarted():
                allowed = "approval" if step.action_id else "grant" if step.grant_id else "policy"
                self._update(step.call_id, ran=True, allowed_by=allowed)
            case ToolReturned():
                self._update(step.call_id, outcome=step.outcome, detail=step.text[:500])
            case OutcomeTold():
                self._update(self.actions[step.action_id], detail=f"people said: {step.answer}")
            case _:
                pass

    def _take_reply(self, step: ModelReplied) -> None:
        self.usages += [*step.lost, step.usage]
        if self.started is not None and self.started.bill is not None and self.started.bill.price is not None:
            self.nano_usd += sum(self.started.bill.price.nano_usd(usage) for usage in (*step.lost, step.usage))
        for block in step.content:
            if block.get("type") == "tool_use" and block["name"] not in SILENT:
                tool = str(block["name"])
                given = cast(Mapping[str, JsonValue], block.get("input") or {})
                made = CallMade(tool=tool, arguments=given, writes=tool in self.writing)
                self.calls[str(block["id"])] = made

    def _update(self, call_id: str, **more: object) -> None:
        if call_id in self.calls:
            self.calls[call_id] = self.calls[call_id].model_copy(update=more)


def read(steps: Iterable[Step], writing: frozenset[str], seconds: float) -> tuple[Sequence[CallMade], Sequence[str], Figures]:
    """Return the calls in the order in which the model made them, the tools that cards asked about, and the figures. `writing`:
    the tools that do more than read."""
    reading = _Reading(writing)
    for step in steps:
        reading.take(step)
    figures = Figures(
        iterations=reading.iterations,
        input_tokens=sum(usage.read_tokens for usage in reading.usages),
        output_tokens=sum(usage.output_tokens for usage in reading.usages),
        tokens=sum(usage.charged_tokens for usage in reading.usages),
        usd=reading.nano_usd / 10**9,
        seconds=seconds,
    )
    return list(reading.calls.values()), reading.cards, figures
