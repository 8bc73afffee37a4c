"""A run against an earlier one: each figure compared case by case, and the cases that changed. Pure."""

from collections.abc import Sequence

from bot.eval.figures import SHARES, TAKEN, seconds_of, values
from bot.eval.happened import Happened
from bot.eval.kept import Finished
from bot.statistics.comparison import Comparison, Figure, Trend, compare
from bot.statistics.wording import sentence, sentences


class Against(Happened):
    """One figure beside the earlier one's, in words; of task completion also the cases that changed."""

    name: str
    verdict: Trend
    words: str
    changed: Sequence[str] = ()


def compared(before: Sequence[Finished], now: Sequence[Finished]) -> Sequence[Against]:
    """Return what changed from one run to the other, task completion first. Raises ValueError where no case is in both."""
    measures = [(Figure(name), of) for name, of in SHARES.values()]
    measures += [(Figure(f"mean of {name}", share=False, more_is_better=False), of) for name, _, of in TAKEN.values()]
    measures.append((Figure("latency", share=False, more_is_better=False), seconds_of))
    return [
        _against(compare(values(before, of), values(now, of), measure), with_cases=number == 0)
        for number, (measure, of) in enumerate(measures)
    ]


def _against(of: Comparison, *, with_cases: bool) -> Against:
    changed = [sentence(one) for one in of.changed] if with_cases else []
    return Against(name=of.measure.name, verdict=of.verdict, words=sentences(of), changed=changed)
