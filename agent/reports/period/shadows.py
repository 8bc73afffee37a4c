"""Versions that ran hidden, compared with what people saw of the same turns. Pure, but for the statement that it is made of."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from agent.reports.period.measures import Share
from agent.store.shadow_runs import ShadowFigures, Writes

SHADOW_RUNS: LiteralString = """
SELECT prompt || '@' || version, digest, status, charged_tokens, figures FROM shadow_run
WHERE begun_at >= %(since)s AND status <> 'running' ORDER BY begun_at DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class ShadowRow:
    """A hidden run that is over. `charged_tokens`: of all its tries."""

    prompt: str  # NAME@N
    digest: str
    status: str  # done, given_up, again
    charged_tokens: int
    figures: Mapping[str, Any]  # `ShadowFigures` of one that is done


@dataclass(frozen=True, slots=True)
class Averages:
    """Of a run. None: there was none."""

    iterations: float | None
    tokens: float | None
    nano_usd: float | None


@dataclass(frozen=True, slots=True)
class ShadowVersion:
    """What the hidden runs of one version came to, beside the same turns as people saw them.

    `well`: of those of which anybody can tell. `writes`: how often what it proposed was the same, and how else it differed.
    """

    prompt: str
    digest: str
    runs: int  # that came to their end
    given_up: int
    well: Share
    real_well: Share  # of the same turns
    writes: Mapping[Writes, int]
    unrecorded: int  # runs that asked what nobody had asked before
    own: Averages
    real: Averages
    charged_tokens: int  # of all its runs, given up or not


def by_shadow(found: Iterable[ShadowRow]) -> tuple[ShadowVersion, ...]:
    """Return the figures of each version, by name and digest."""
    made: dict[tuple[str, str], list[ShadowRow]] = defaultdict(list)
    for row in found:
        made[row.prompt, row.digest].append(row)
    return tuple(_version(key, made[key]) for key in sorted(made))


def _version(key: tuple[str, str], found: Sequence[ShadowRow]) -> ShadowVersion:
    done = [ShadowFigures.model_validate(row.figures) for row in found if row.status == "done"]
    told = [run for run in done if run.went != "unclear"]
    return ShadowVersion(
        *key,
        runs=len(done),
        given_up=len(found) - len(done),
        well=Share(sum(run.went == "well" for run in told), len(told)),
        real_well=Share(sum(run.real_outcome == "success" for run in told), len(told)),
        writes=Counter(run.writes for run in done),
        unrecorded=sum(run.unrecorded > 0 for run in done),
        own=_averages([(run.iterations, run.tokens, run.nano_usd) for run in done]),
        real=_averages([(run.real_iterations, run.real_tokens, run.real_nano_usd) for run in done]),
        charged_tokens=sum(row.charged_tokens for row in found),
    )


def _averages(runs: Sequence[tuple[int, int, int]]) -> Averages:
    if not runs:
        return Averages(None, None, None)
    iterations, tokens, nano_usd = (sum(values) / len(runs) for values in zip(*runs, strict=True))
    return Averages(iterations, tokens, nano_usd)
