"""The ops channel: whoever runs the agents is told there of unusual spending, once for each thing."""

from dataclasses import replace

from agent.chores import Chore, once
from agent.moves import Notice
from agent.spend import Unusual, in_words, unusual
from agent.store import Pool
from agent.types import Place
from bot.plain import escaped
from bot.surface import SlackSurface

WATCH_SECONDS = 60.0


def watch(pool: Pool, surface: SlackSurface, channel: str) -> Chore:
    """Looks every minute at what is spent."""

    async def look(_: float) -> None:
        async with pool.connection() as connection:
            found = await unusual(connection)
        for each in found:
            await once(pool, each.key, lambda tried, each=each: _tell(surface, channel, each, tried=tried))

    return Chore("watch", WATCH_SECONDS, 0.0, look)


async def _tell(surface: SlackSurface, channel: str, found: Unusual, *, tried: bool) -> None:
    place = Place(team=found.team, channel=channel, thread_ts="")
    if tried and await surface.find(place, found.key) is not None:
        return
    text = in_words(replace(found, agent=escaped(found.agent) or "an agent"))
    await surface.post(place, Notice("told", text=text), found.key)
