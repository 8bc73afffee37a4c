"""Two runs of one conversation beside each other: what was said, called, decided and answered, and what of it differs. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, TypeVar, cast

from agent.canonical import canonical
from agent.cases.candidate import Candidate, CaseCalled, CaseTurn
from bot.eval.happened import Figures

MOST_RESULT = 300  # characters of what a call answered
NOTHING = "–"  # where only the other run has something

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs, masked: what it ran with, what happened, and what it took."""

    prompt: str  # NAME@N
    prompt_hash: str
    model: str
    happened: Candidate
    figures: Figures


@dataclass(frozen=True, slots=True)
class Pair:
    """The same part of both runs. `turn`: from 1."""

    turn: int
    what: str
    then: str
    now: str

    @property
    def differs(self) -> bool:
        """Return whether the two are not the same."""
        return self.then != self.now


def pairs(then: Side, now: Side) -> Sequence[Pair]:
    """Return both runs part by part, turn by turn."""
    turns = zip_longest(then.happened.turns, now.happened.turns)
    return [pair for number, (one, other) in enumerate(turns, 1) for pair in _pairs_of_turn(number, one, other)]


def ran_with(then: Side, now: Side) -> Sequence[Pair]:
    """Return what the two ran with."""
    return [
        Pair(0, "prompt", _prompt_words(then), _prompt_words(now)),
        Pair(0, "model", then.model, now.model),
    ]


def took(then: Side, now: Side) -> Sequence[Pair]:
    """Return what the two took: these differ from run to run, and count as no difference."""
    return [Pair(0, name, one, other) for (name, one), (_, other) in zip(_figure_lines(then), _figure_lines(now), strict=True)]


def _prompt_words(side: Side) -> str:
    return f"{side.prompt} ({side.prompt_hash})"


def _figure_lines(side: Side) -> Sequence[tuple[str, str]]:
    of = side.figures
    return [
        ("model calls", f"{of.iterations:,}"),
        ("tokens in", f"{of.input_tokens:,}"),
        ("tokens out", f"{of.output_tokens:,}"),
        ("cost", f"${of.usd:.6f}"),
    ]


def _pairs_of_turn(number: int, then: CaseTurn | None, now: CaseTurn | None) -> Iterator[Pair]:
    yield Pair(number, "people", _said_by_people(then), _said_by_people(now))
    for one, other in _aligned(then.calls if then else (), now.calls if now else ()):
        yield Pair(number, "call", _called(one), _called(other))
        if _decided(one) or _decided(other):
            yield Pair(number, "decisions", _decided(one) or NOTHING, _decided(other) or NOTHING)
        yield Pair(number, "result", _short_result(one), _short_result(other))
    yield Pair(number, "answer", (then.answer if then else "") or NOTHING, (now.answer if now else "") or NOTHING)
    yield Pair(number, "ended", (then.outcome if then else "") or NOTHING, (now.outcome if now else "") or NOTHING)


def _aligned(then: Sequence[CaseCalled], now: Sequence[CaseCalled]) -> Iterator[tuple[CaseCalled | None, CaseCalled | None]]:
    """Yield the calls of both in pairs: equal ones beside each other, others by their order between these."""
    keys = [[f"{call.tool} {canonical(call.arguments)}" for call in calls] for calls in (then, now)]
    for _, one, end, other, other_end in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
        yield from zip_longest(then[one:end], now[other:other_end])


def _said_by_people(turn: CaseTurn | None) -> str:
    said = [f"{said.by}: {said.text}" for said in (turn.said if turn else ()) if said.by]
    return "\n".join(said) or NOTHING


def _called(call: CaseCalled | None) -> str:
    return NOTHING if call is None else f"{call.tool} {json.dumps(call.arguments, ensure_ascii=False)}"


def _decided(call: CaseCalled | None) -> str:
    """Return what became of a call before it ran. What settles it may stand beside the vote that it came of, and is the same."""
    told: Mapping[str, None] = dict.fromkeys(
        " ".join(
            part
            for part in (
                each.outcome,
                f"by {each.by}" if each.by else "",
                f"“{each.reason}”" if each.reason else "",
                _changes(call, each.arguments) if call is not None and each.arguments else "",
            )
            if part
        )
        for each in (call.decisions if call else ())
    )
    return "\n".join(told)


def _changes(call: CaseCalled, to: Any) -> str:
    """Return what an edit changed. An argument that is empty, and was not given, says nothing."""
    arguments: Any = call.arguments
    given = cast(dict[str, Any], arguments) if isinstance(arguments, dict) else dict[str, Any]()
    changed = {name: value for name, value in sorted(to.items()) if given.get(name) != value and (name in given or value)}
    return json.dumps(changed, ensure_ascii=False)


def _short_result(call: CaseCalled | None) -> str:
    if call is None:
        return NOTHING
    text = " ".join(call.result.split())
    short = text if len(text) <= MOST_RESULT else f"{text[:MOST_RESULT]}…"
    return f"{call.outcome}: {short}" if call.outcome else NOTHING
