"""Prompt versions, compared by what their runs came to and what people say of the answers. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.reports.period.measures import Share
from agent.reports.period.rows import Rating
from agent.reports.period.runs import PeriodRun

ENDS = frozenset({"success", "error", "stopped"})
PromptKey = tuple[str, str]  # NAME@N, digest


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """What the runs of one version of a prompt came to. Averages are of a run."""

    prompt: str  # NAME@N
    digest: str
    agents: tuple[str, ...]
    runs: int
    succeeded: Share  # of those that are over
    good: Share  # of the ratings
    tokens: float | None  # None: it has no run in the period
    nano_usd: float | None
    iterations: float | None


def by_prompt(runs: Iterable[PeriodRun], ratings: Iterable[Rating]) -> tuple[PromptFigures, ...]:
    """Return the figures of each version, by name and digest. A rating counts for the prompt that made the answer."""
    made: dict[PromptKey, list[PeriodRun]] = defaultdict(list)
    said: dict[PromptKey, Counter[str]] = defaultdict(Counter)
    for run in runs:
        made[run.turn.prompt, run.turn.prompt_digest].append(run)
    for rating in ratings:
        said[rating.prompt, rating.prompt_digest][rating.value] += 1
    return tuple(_prompt(key, made.get(key, []), said[key]) for key in sorted({*made, *said}))


def _prompt(key: PromptKey, runs: Sequence[PeriodRun], said: Counter[str]) -> PromptFigures:
    over = [run.turn.outcome for run in runs if run.turn.outcome in ENDS]
    return PromptFigures(
        *key,
        agents=tuple(sorted({run.turn.agent for run in runs})),
        runs=len(runs),
        succeeded=Share(over.count("success"), len(over)),
        good=Share(said["good"], said["good"] + said["bad"]),
        tokens=_average([run.tokens for run in runs]),
        nano_usd=_average([run.nano_usd for run in runs]),
        iterations=_average([run.iterations for run in runs]),
    )


def _average(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None
