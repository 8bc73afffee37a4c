"""The ops channel: the people who run the agents hear there of unusual spending, once for each thing."""

from dataclasses import replace

from agent.decide.moves import Notice
from agent.reports.spending_figures import Unusual, alarm_sentence, unusual
from agent.store.chores import Chore, once_of_all
from agent.store.sessions import Pool
from agent.types import Place
from bot.cards.harmless_text import escaped
from bot.slack.surface import SlackSurface

WATCH_SECONDS = 60.0


def watch(pool: Pool, surface: SlackSurface, channel: str) -> Chore:
    """Return the chore that looks every minute at what is spent."""

    async def look(_: float) -> None:
        async with pool.connection() as connection:
            found = await unusual(connection)
        for each in found:
            await once_of_all(pool, each.key, lambda tried, each=each: _post_alarm(surface, channel, each, tried=tried))

    return Chore("watch", WATCH_SECONDS, 0.0, look)


async def _post_alarm(surface: SlackSurface, channel: str, found: Unusual, *, tried: bool) -> None:
    place = Place(team=found.team, channel=channel, thread_ts="")
    if tried and await surface.find(place, found.key) is not None:
        return
    text = alarm_sentence(replace(found, agent=escaped(found.agent) or "an agent"))
    await surface.post(place, Notice("told", text=text), found.key)
