"""`signoff release`: has a conversation tried again that was set aside."""

import asyncio

from agent.store.aside import release_aside
from bot.config.settings import Settings
from bot.stores.database import connected


def release_session(settings: Settings, session_id: str) -> bool:
    """Release a session. False: no such session is set aside. Raises Refusal."""

    async def released() -> bool:
        async with connected(settings) as connection:
            return await release_aside(connection, session_id)

    return asyncio.run(released())
