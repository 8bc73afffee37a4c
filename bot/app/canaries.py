"""A canary that leads conversations worse than the version beside it is ended, and people are told."""

from collections.abc import Sequence

from agent.decide.moves import Notice
from agent.store.canaries import Canary, canaries, ended_lately
from agent.store.chores import Chore, once_of_all
from agent.store.fenced import Pool
from agent.store.prompt_labels import PromptLabels, Reason
from agent.types import Place
from bot.slack.surface import SlackSurface
from bot.statistics.changed_cases import probability_of_case
from bot.statistics.permutation import Pair

US = "signoff"  # in the log of labels
LOOK_SECONDS = 60.0
LEAST_SESSIONS = 20  # of both kinds: of fewer nobody can tell
LEVEL = 0.01  # how often noise alone may end a canary that is as good, at each look: there are many


def ending(pool: Pool, labels: PromptLabels, surface: SlackSurface, team: str, channel: str, worse_by: float) -> Chore:
    """Return the chore that looks at each canary, ends those that are worse by more than this share, and says so in a channel."""

    async def look(_: float) -> None:
        for canary in await canaries(pool):
            if (why := what_is_worse(canary, worse_by)) is not None:
                key = f"canary:{canary.prompt}@{canary.at.version}:{canary.since:%Y%m%dT%H%M%S%f}"
                await labels.move(canary.prompt, "canary", None, Reason(team, key, US, why))
        where = Place(team=team, channel=channel, thread_ts="")
        for key, why in await ended_lately(pool, US):  # also what a process ended that was killed before it said so
            await once_of_all(pool, key, lambda tried, key=key, why=why: _post_ending(surface, where, key, why, tried=tried))

    return Chore("canaries", LOOK_SECONDS, 0.0, look)


async def _post_ending(surface: SlackSurface, place: Place, key: str, why: str, *, tried: bool) -> None:
    if not (tried and await surface.find(place, key) is not None):
        await surface.post(place, Notice("told", text=why), key)


def what_is_worse(canary: Canary, worse_by: float) -> str | None:
    """Return why a canary is ended, as a sentence. None: it is as good, or nobody can tell yet."""
    if min(len(canary.own), len(canary.others)) < LEAST_SESSIONS:
        return None
    own, others = _share(canary.own), _share(canary.others)
    if others - own <= worse_by or probability_of_case(Pair(_as_scores(canary.others), _as_scores(canary.own))) > LEVEL:
        return None
    return (
        f"I ended the canary {canary.prompt}@{canary.at.version}: {own:.0%} of its {len(canary.own)} conversations went well, "
        f"and {others:.0%} of {len(canary.others)} others. New conversations are led by the version beside it."
    )


def _share(outcomes: Sequence[bool]) -> float:
    return sum(outcomes) / len(outcomes)


def _as_scores(outcomes: Sequence[bool]) -> Sequence[float]:
    return [float(each) for each in outcomes]
