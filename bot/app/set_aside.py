"""Conversations that end whatever works on them: their people and the ops channel are told once that they are set aside."""

import logging

from agent.decide.moves import Notice
from agent.errors import RefusedError
from agent.store.aside import Aside, set_aside
from agent.store.chores import Chore, once_of_all
from agent.store.sessions import Pool
from agent.types import Place
from bot.slack.surface import SlackSurface

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
IN_THREAD = (
    ":warning: I cannot go on with this conversation: three times in a row I ended before anything came of it. It is set aside, "
    "and nothing of it runs. Please ask in a new thread; an admin can find out why, and release this one."
)


def setting_aside(pool: Pool, surface: SlackSurface, ops_channel: str) -> Chore:
    """Return the chore that sets such conversations aside. `ops_channel` may be empty."""

    async def look(_: float) -> None:
        async with pool.connection() as connection:
            found = await set_aside(connection)
        for each in found:
            key = f"aside:{each.id}:{each.epoch}"
            await _tell(pool, surface, each.place, IN_THREAD, key)
            if ops_channel:
                place = Place(team=each.place.team, channel=ops_channel, thread_ts="")
                await _tell(pool, surface, place, _for_ops(each), f"{key}:ops")

    return Chore("aside", LOOK_SECONDS, 0.0, look)


def _for_ops(found: Aside) -> str:
    return (
        f":warning: A conversation in <#{found.place.channel}> is set aside: three claims of it ended without a step, so it may "
        f"take processes down. The log says why. `signoff release {found.id}` has it tried again."
    )


async def _tell(pool: Pool, surface: SlackSurface, place: Place, text: str, key: str) -> None:
    async def post(tried: bool) -> None:
        try:
            if not tried or await surface.find(place, key) is None:
                await surface.post(place, Notice("told", text=text), key)
        except RefusedError as error:  # for good: the others are to be told all the same
            log.warning("nobody can be told in %s that a conversation is set aside: %s", place.channel, error)

    await once_of_all(pool, key, post)
