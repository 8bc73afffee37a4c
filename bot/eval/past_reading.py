"""The log of a past session read step by step: lines of people, replies of the model, calls with what came of them. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from agent.session.steps import (
    ActionDecided,
    Asked,
    Edited,
    Granted,
    ModelReplied,
    OutcomeTold,
    ProposedAction,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
    Voted,
)
from agent.tool.definition import Effect
from agent.types import Call, Outcome, Preview, Said
from bot.eval.cases import Does, Line, Play
from bot.eval.recorded import RecordedCall

CLICKS: Mapping[str, Does] = {"approved": "approve", "rejected": "reject", "expired": "expire", "withdrawn": "withdraw"}
NOT_RUN = frozenset({"rejected", "expired", "withdrawn"})


@dataclass(slots=True)
class CallRead:
    """A call while the log is read. `results`: outcome and text, several where people had it run again."""

    call: Call
    effect: Effect = Effect.READ
    cards: int = 0
    quorum: int = 1
    rejections: int = 1
    granted: bool = False
    ended: str = ""
    shown: Preview | None = None
    results: list[tuple[Outcome, str]] = field(default_factory=list[tuple[Outcome, str]])
    before_edits: list[dict[str, JsonValue]] = field(default_factory=list[dict[str, JsonValue]])

    def recorded(self) -> Iterator[RecordedCall]:
        """Yield what is on record of it: how it was called before people edited it, and each of its results."""
        asked = bool(self.cards) or self.granted
        whole = RecordedCall(tool=self.call.tool, asked=asked, quorum=self.quorum, rejections=self.rejections, shown=self.shown)
        yield from (whole.model_copy(update={"arguments": given}) for given in self.before_edits)
        now = whole.model_copy(update={"arguments": self.call.arguments, "expired": self.ended == "expired"})
        for outcome, text in self.results:
            yield now.model_copy(update={"outcome": outcome, "says": parsed(text)})
        if not self.results:
            yield now


@dataclass(slots=True)
class Reading:
    """What is known after as many steps as were read."""

    lines: list[Line] = field(default_factory=list[Line])
    plays: list[Play] = field(default_factory=list[Play])
    calls: dict[str, CallRead] = field(default_factory=dict[str, CallRead])
    ids: dict[str, None] = field(default_factory=dict[str, None])  # of people, in the order in which they come
    told: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])  # messages that stand in `lines`, by who and ts
    actions: dict[str, ProposedAction] = field(default_factory=dict[str, ProposedAction])
    waiting: list[str] = field(default_factory=list[str])  # actions that nobody has decided
    clicked: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])  # by action, person and word
    grants: dict[str, str] = field(default_factory=dict[str, str])  # who gave each

    def say_before(self, coming: Sequence[Said], at: datetime) -> None:
        """Add messages of later turns that were there before a click."""
        for said in coming:
            if float(said.ts or "inf") < at.timestamp():
                self._add_words(said, "say")

    def take(self, step: Step) -> None:
        """Take in the next step."""
        match step:
            case Asked(goes_on=True):
                self._click(step.said[-1].user, "continue")
            case Asked():
                opens = not self.lines
                for number, said in enumerate(step.said, 1):
                    self._add_words(said, "chat" if opens and number < len(step.said) else "say")
            case ModelReplied():
                self._take_model_words(step)
            case ProposedAction():
                self._take_proposed(step)
            case Voted() | Edited() | ActionDecided() | OutcomeTold():
                self._take_decision(step)
            case Granted():
                self.grants[step.grant_id] = step.by
            case ToolStarted():
                self._take_start(step)
            case ToolReturned() if step.call_id in self.calls:
                self.calls[step.call_id].results.append((step.outcome, step.text))
            case Stopped():
                self._click(step.by, "stop")
            case _:
                pass

    def _add_words(self, said: Said, does: Does) -> None:
        if said.user and (said.user, said.ts) not in self.told:
            self.told.add((said.user, said.ts))
            self.ids[said.user] = None
            self.lines.append(Line(who=said.user, does=does, says=said.text or "(no words)"))

    def _take_model_words(self, step: ModelReplied) -> None:
        words = "\n".join(str(block["text"]) for block in step.content if block.get("type") == "text").strip()
        made = [block for block in step.content if block.get("type") == "tool_use"]
        for block in made:
            given = block.get("input")
            call = Call(id=str(block["id"]), tool=str(block["name"]), arguments=given if isinstance(given, dict) else {})
            self.calls[call.id] = CallRead(call)
        if words or made:
            calls = [{self.calls[str(block["id"])].call.tool: self.calls[str(block["id"])].call.arguments} for block in made]
            self.plays.append(Play(say=words, calls=calls))

    def _take_proposed(self, step: ProposedAction) -> None:
        self.actions[step.action_id] = step
        call = self.calls.get(step.call_id)
        if call is None:
            return
        if step.wording is not None:
            call.effect = Effect(step.wording.effect)
        if step.ran:  # asked about only once its outcome was unknown
            return
        self.waiting.append(step.action_id)
        call.cards += not step.edited_by
        call.quorum, call.rejections, call.shown = step.verdict.quorum, step.verdict.rejections, step.preview

    def _take_decision(self, step: Voted | Edited | ActionDecided | OutcomeTold) -> None:
        proposed = self.actions.get(step.action_id)
        if proposed is None:
            return
        tool, call = proposed.tool, self.calls.get(proposed.call_id)
        match step:
            case OutcomeTold():
                self._click(step.by, step.answer, tool, key=step.action_id)
            case Voted(decision="run_again"):
                self._click(step.by, "run_again", tool, key=step.action_id)
            case Voted():
                self._click(step.by, CLICKS[step.decision], tool, key=step.action_id, reason=step.reason)
            case Edited():
                before = call.call.arguments if call is not None else proposed.arguments
                to = {name: value for name, value in step.arguments.items() if proposed.arguments.get(name) != value}
                self._click(step.by, "edit", tool, key=step.action_id, to=to)
                if call is not None:
                    call.before_edits.append(before)
                    call.call = call.call.model_copy(update={"arguments": step.arguments})
                self._decided(step.action_id)
            case ActionDecided():
                does = CLICKS.get(step.decision)
                if does is not None and not proposed.ran:
                    self._click(step.by, does, tool, key=step.action_id, reason=step.reason)
                if call is not None:
                    call.ended = step.decision if step.decision in NOT_RUN else ""
                self._decided(step.action_id)

    def _take_start(self, step: ToolStarted) -> None:
        call = self.calls.get(step.call_id)
        if call is None:
            return
        if step.unasked is not None:
            call.effect = Effect(step.unasked.effect)
        if step.grant_id is not None and not call.granted:
            call.granted = True
            call.effect = Effect.WRITE if call.effect is Effect.READ else call.effect
            self._click(self.grants.get(step.grant_id, ""), "approve", call.call.tool)

    def _decided(self, action_id: str) -> None:
        self.waiting = [each for each in self.waiting if each != action_id]

    def _click(
        self, who: str, does: Does, tool: str = "", *, key: str = "", reason: str = "", to: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Add what somebody did, once: what settles a call may stand beside the vote that it came of. `key`: the action."""
        if (not who and does != "expire") or (key and (key, who, does) in self.clicked):
            return
        self.clicked.add((key, who, does))
        if who:
            self.ids[who] = None
        if does == "expire":
            self.lines.append(Line(does=does, tool=tool))
            return
        same = [each for each in self.waiting if self.actions[each].tool == tool]
        number = same.index(key) + 1 if key in same else 1
        self.lines.append(Line(who=who, does=does, tool=tool, number=number, reason=reason, to=to or {}, if_there=True))


def parsed(text: str) -> JsonValue:
    """Return what a text says as JSON; where it is none, the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
