"""What of a case is as it should be: each expectation is a check with its words, and all of them together say whether it passed.

Pure. Nothing here asks the bot's own code what is right: a case says it.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from bot.eval.cases import Case, Wanted
from bot.eval.happened import CallMade, Happened, Played

HOLDS = "~"  # before a text that the argument only has to hold


class Check(Happened):
    """One thing that was looked at. `wrong` is empty where it is as it should be."""

    of: str
    wrong: str = ""


class Judged(Happened):
    """All checks of one repeat of a case, and what they come to as figures, each a part of 1."""

    checks: Sequence[Check]
    tool_precision: float
    tool_recall: float
    arguments: float
    approvals: float

    @property
    def passed(self) -> bool:
        """Return whether nothing is wrong."""
        return not any(check.wrong for check in self.checks)

    @property
    def wrong(self) -> Sequence[str]:
        """Return what is wrong, in words."""
        return [f"{check.of}: {check.wrong}" for check in self.checks if check.wrong]


def judge(case: Case, played: Played) -> Judged:
    """Return what of a case is as it should be."""
    pairs = _paired(case, played.calls)
    found = [(wanted, played.calls[place]) for wanted, place in pairs if place is not None]
    wanted_tools = {wanted.tool for wanted in case.calls.must}
    fitting = [made for made in played.calls if made.tool in wanted_tools or _is_named(made.tool, case.calls.may)]
    right = [not _differs(wanted.arguments, made.arguments) for wanted, made in found]
    checks = [
        Check(of="played to its end", wrong=played.trouble),
        Check(of="the model was asked as recorded", wrong=played.drift),
        *_call_checks(case, played, pairs),
        *_approval_checks(case, played),
        *(
            Check(of=f"finds {state.sql}", wrong=_other(state.finds, finds))
            for state, finds in zip(case.state, [*played.finds, *[None] * len(case.state)], strict=False)
        ),
        *(Check(of=f"{name} at the end", wrong=_other(value, played.data.get(name))) for name, value in case.ends_with.items()),
        *_answer_checks(case, played),
        *_ceiling_checks(case, played),
    ]
    return Judged(
        checks=checks,
        tool_precision=len(fitting) / len(played.calls) if played.calls else 1.0,
        tool_recall=len(found) / len(pairs) if pairs else 1.0,
        arguments=sum(right) / len(pairs) if pairs else 1.0,
        approvals=float(not any(check.wrong for check in _approval_checks(case, played))),
    )


# ---------------------------------------------------------------------------------------------- calls


def _paired(case: Case, made: Sequence[CallMade]) -> Sequence[tuple[Wanted, int | None]]:
    """Return each call that has to be made with the place of the one that was: of several with the tool's name the one that fits
    best. A place and not the call, since a model may make the same call twice."""
    left = list(range(len(made)))
    pairs: list[tuple[Wanted, int | None]] = []
    for wanted in case.calls.must:
        same = [place for place in left if made[place].tool == wanted.tool]
        best = min(
            same,
            key=lambda place: (bool(_differs(wanted.arguments, made[place].arguments)), made[place].outcome != wanted.outcome),
            default=None,
        )
        if best is not None:
            left.remove(best)
        pairs.append((wanted, best))
    return pairs


def _call_checks(case: Case, played: Played, pairs: Sequence[tuple[Wanted, int | None]]) -> Iterator[Check]:
    for wanted, place in pairs:
        of = f"calls {wanted.tool}"
        if place is None:
            yield Check(of=of, wrong="it was not called")
            continue
        made = played.calls[place]
        yield Check(of=of)
        yield Check(of=f"arguments of {wanted.tool}", wrong=_differs(wanted.arguments, made.arguments))
        ended = (
            ""
            if wanted.outcome in (None, made.outcome)
            else f"{made.outcome or 'nothing'} instead of {wanted.outcome} ({made.detail[:200]})"
        )
        yield Check(of=f"outcome of {wanted.tool}", wrong=ended)
    if case.calls.in_order:
        places = [place for _, place in pairs if place is not None]
        yield Check(of="order of calls", wrong="" if places == sorted(places) else f"{[call.tool for call in played.calls]}")
    wanted_tools = {wanted.tool for wanted in case.calls.must}
    for made in played.calls:
        if _is_named(made.tool, case.calls.never):
            yield Check(of=f"never calls {made.tool}", wrong=f"it was called with {dict(made.arguments)}")
        elif made.tool not in wanted_tools and not _is_named(made.tool, case.calls.may):
            yield Check(of="calls nothing else", wrong=f"{made.tool} was called with {dict(made.arguments)}")
    for tool in sorted(wanted_tools):
        most = sum(wanted.tool == tool for wanted in case.calls.must)
        count = sum(made.tool == tool for made in played.calls)
        if count > most and not _is_named(tool, case.calls.may):
            yield Check(of=f"calls {tool} often enough", wrong=f"{count} times instead of {most}")


def _is_named(tool: str, names: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(tool, name) for name in names)


def _differs(wanted: Mapping[str, JsonValue], given: Mapping[str, JsonValue]) -> str:
    """Return how the arguments are not as wanted; nothing where they are."""
    wrong: list[str] = []
    for name, value in wanted.items():
        there = given.get(name)
        if isinstance(value, str) and value.startswith(HOLDS):
            fits = isinstance(there, str) and value[1:].casefold() in there.casefold()
        elif isinstance(value, str) and isinstance(there, str):
            fits = value.casefold() == there.casefold()
        else:
            fits = value == there
        wrong += [] if fits else [f"{name} is {there!r} instead of {value!r}"]
    return "; ".join(wrong)


# ---------------------------------------------------------------------------------------------- approvals


def _approval_checks(case: Case, played: Played) -> Iterator[Check]:
    """Yield whether cards asked about what they had to, and nothing that writes ran on any other ground."""
    asked = list(played.cards)
    yield Check(of="cards ask", wrong="" if asked == list(case.asks) else f"about {asked} instead of {list(case.asks)}")
    for made in played.calls:
        if made.ran and made.writes and made.allowed_by != "approval" and not _is_named(made.tool, case.unasked):
            yield Check(of="nothing runs unasked", wrong=f"{made.tool} ran by {made.allowed_by}, and no card asked about it")


# ---------------------------------------------------------------------------------------------- the end


def _other(wanted: JsonValue, found: JsonValue) -> str:
    return "" if wanted == found else f"{found!r} instead of {wanted!r}"


def _answer_checks(case: Case, played: Played) -> Iterator[Check]:
    answer = played.answer.casefold()
    for entry in case.answer.says:
        several = [entry] if isinstance(entry, str) else list(entry)
        said = any(one.casefold() in answer for one in several)
        yield Check(of=f"says {' or '.join(several)}", wrong="" if said else f"the answer is: {played.answer[:300]}")
    for word in case.answer.never:
        where = next((post for post in played.posts if word.casefold() in post.casefold()), None)
        yield Check(of=f"never says {word}", wrong="" if where is None else f"it says: {where[:300]}")


def _ceiling_checks(case: Case, played: Played) -> Iterator[Check]:
    for of, most, took in (
        ("model calls", case.ceilings.iterations, played.figures.iterations),
        ("tokens", case.ceilings.tokens, played.figures.tokens),
    ):
        yield Check(of=of, wrong="" if took <= most else f"{took} where {most} may be taken")
