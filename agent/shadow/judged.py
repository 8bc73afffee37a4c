"""What a call of a hidden run would have been: a read, or something that is proposed to people; and what that comes to. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.decide.proposals import asker
from agent.decide.run_outcome import RunOutcome
from agent.session.calls import fingerprint
from agent.session.rules import Rules, anything
from agent.session.state import Session
from agent.store.shadow_runs import Went, Writes
from agent.tool.definition import Result, Tool
from agent.tool.validation import validate
from agent.types import Asker, Call, Verdict


class GivenUpError(Exception):
    """A turn cannot be run once more, or its run comes to nothing that could be compared. Its text says why."""


@dataclass(frozen=True, slots=True)
class JudgedCall:
    """A call that policy lets run or brings before people. `key` is the same for the same tool with the same arguments.

    `writes`: it changes something, or people are asked about it.
    """

    tool: str
    key: str
    writes: bool


def judged(rules: Rules, session: Session, call: Call) -> JudgedCall | None:
    """Return what a call of a session is; None for one that policy refuses, or no tool takes."""
    validated = validate(rules.tools, call.tool, call.arguments)
    if isinstance(validated, Result):
        return None
    tool, arguments = rules.tools[call.tool], validated.model_dump(mode="json")
    verdict = rules.judge(tool, arguments, asker(session))
    if verdict.answer == "refuse":
        return None
    return JudgedCall(tool.name, fingerprint(tool.name, arguments), not tool.reads or verdict.answer == "ask")


def asking_nobody(rules: Rules) -> Rules:
    """Return the rules of a hidden run: what people would be asked about comes back to it as if it might run."""

    def judge(tool: Tool, arguments: Mapping[str, Any], who: Asker) -> Verdict:
        verdict = rules.judge(tool, arguments, who)
        return verdict if verdict.answer == "refuse" else verdict.model_copy(update={"answer": "allow"})

    return replace(rules, judge=judge, can_show=anything)


def writes_compared(own: Sequence[JudgedCall], real: Sequence[JudgedCall], *, agreed: bool) -> Writes:
    """Return how what a hidden run proposed differs from what people were asked. `contested`: it does, and they had not agreed
    to all of that."""
    if Counter(own) == Counter(real):
        return "same"
    if not agreed:
        return "contested"
    return "other arguments" if Counter(each.tool for each in own) == Counter(each.tool for each in real) else "other tools"


def went(outcome: RunOutcome, unrecorded: int, writes: Writes, real_outcome: RunOutcome) -> Went:
    """Return how a hidden run went. Where it asked what nobody had asked before, nobody can tell: it read no answer.

    It went wrong where it was halted, and where people had agreed to calls and it proposes others. Other arguments are no
    fault: they may be other words.
    """
    if unrecorded or writes == "contested":
        return "unclear"
    if outcome != "success" or (writes == "other tools" and real_outcome == "success"):
        return "wrong"
    return "well"
