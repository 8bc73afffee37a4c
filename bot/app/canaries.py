"""A version on trial, a canary or a shadow, that does worse than the live one is ended, and people are told."""

from collections.abc import Sequence

from agent.decide.moves import Notice
from agent.store.canaries import Trial, ended_lately, trials
from agent.store.chores import Chore, once_of_all
from agent.store.fenced import Pool
from agent.store.prompt_labels import PromptLabels, Reason
from agent.types import Place
from bot.slack.surface import SlackSurface

US = "signoff"  # in the log of labels
LOOK_SECONDS = 60.0
LEAST_SESSIONS = 20  # of both kinds: of fewer nobody can tell
LEVEL = 0.01  # how often noise alone may end a trial that is as good, at each look: there are many


def ending(pool: Pool, labels: PromptLabels, surface: SlackSurface, team: str, channel: str, worse_by: float) -> Chore:
    """Return the chore that looks at each trial, ends those that are worse by more than this share, and says so in a channel."""

    async def look(_: float) -> None:
        for trial in await trials(pool):
            if (why := what_is_worse(trial, worse_by)) is not None:
                key = f"{trial.label}:{trial.prompt}@{trial.at.version}:{trial.since:%Y%m%dT%H%M%S%f}"
                await labels.move(trial.prompt, trial.label, None, Reason(team, key, US, why))
        where = Place(team=team, channel=channel, thread_ts="")
        for key, why in await ended_lately(pool, US):  # also what a process ended that was killed before it said so
            await once_of_all(pool, key, lambda tried, key=key, why=why: _post_ending(surface, where, key, why, tried=tried))

    return Chore("canaries", LOOK_SECONDS, 0.0, look)


async def _post_ending(surface: SlackSurface, place: Place, key: str, why: str, *, tried: bool) -> None:
    if not (tried and await surface.find(place, key) is not None):
        await surface.post(place, Notice("told", text=why), key)


def what_is_worse(trial: Trial, worse_by: float) -> str | None:
    """Return why a trial is ended, as a sentence. None: it is as good, or nobody can tell yet."""
    if min(len(trial.own), len(trial.others)) < LEAST_SESSIONS:
        return None
    from bot.statistics.changed_cases import probability_of_case  # loads numpy, which a bot without trials does not need
    from bot.statistics.permutation import Pair

    own, others = _share(trial.own), _share(trial.others)
    if others - own <= worse_by or probability_of_case(Pair(_as_scores(trial.others), _as_scores(trial.own))) > LEVEL:
        return None
    ended = (
        f"I ended the {trial.label} {trial.prompt}@{trial.at.version}: {own:.0%} of its {len(trial.own)} conversations went well"
    )
    if trial.label == "shadow":
        return f"{ended}, and {others:.0%} of the same ones as people saw them. Nobody saw its answers, and it wrote nothing."
    return f"{ended}, and {others:.0%} of {len(trial.others)} others. New conversations are led by the version beside it."


def _share(outcomes: Sequence[bool]) -> float:
    return sum(outcomes) / len(outcomes)


def _as_scores(outcomes: Sequence[bool]) -> Sequence[float]:
    return [float(each) for each in outcomes]
