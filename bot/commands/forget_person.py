"""`signoff forget-person`: erases what a person said, and what came of it."""

import asyncio
import re
from collections.abc import Callable, Sequence

from agent.errors import UnreachableError
from agent.memory.items import session_key
from agent.memory.values import owner_key
from agent.store import erasure
from agent.store.erasure import Conversation
from agent.store.fenced import Pool
from agent.store.memory_items import Items
from agent.store.memory_values import Values
from bot.commands.memory_report import operator
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.stores.database import connected_pool, redis_address

PERSON = re.compile(r"[UW][A-Z0-9]{2,}")


def forget_person(settings: Settings, user: str, agrees: Callable[[], bool]) -> None:
    """Print what will go, and erase it once somebody agrees. Raises Refusal."""
    if not PERSON.fullmatch(user):
        raise Refusal(f"{user} is no person's id: copy it from the person's profile in Slack; it begins with U or W.")

    async def erased() -> None:
        async with connected_pool(settings) as pool:
            conversations = await erasure.conversations_of(pool, user)
            facts, values = await erasure.remembered_of(pool, user, owner_key("user", user, ""))
            ratings = await erasure.ratings_of(pool, user)
            if not conversations and not facts and not values and not ratings:
                raise Refusal(f"Nothing is known of {user}.", status=ExitStatus.FOUND)
            for line in told(conversations, len(facts), len(values), ratings):
                print(line)
            if not await asyncio.to_thread(agrees):
                raise Refusal("Nothing was erased.", status=ExitStatus.FOUND)
            if values:  # before anything else: it is what can fail
                await _forget_values(settings, pool, user, values)
            await _forget_items(pool, facts, conversations)
            await erasure.erase(pool, user, conversations, operator().user)
            print("Erased. What they wrote in Slack itself is still there, and so is the audit log, which holds no words.")

    asyncio.run(erased())


def told(conversations: Sequence[Conversation], items: int, values: int, ratings: int) -> Sequence[str]:
    """Return what will go, as sentences."""
    shared = sum(each.with_others for each in conversations)
    return (
        f"{len(conversations)} conversations in which they spoke, or that were told what is remembered of them, whole: "
        f"{shared} of them with other people.",
        f"{items} remembered facts of theirs, and summaries of these conversations.",
        f"{values} remembered values of theirs.",
        f"{ratings} answers that they rated or called wrong: what they said of them.",
    )


async def _forget_values(settings: Settings, pool: Pool, user: str, values: Sequence[tuple[str, str]]) -> None:
    """Delete a person's values, in Postgres and in Redis. Raises Refusal."""
    with redis_address(settings) as url:
        kept = Values(pool, url)
        try:
            for team, key in values:
                await kept.delete(team, owner_key("user", user, ""), key, operator())
        except UnreachableError as error:
            raise Refusal(f"Nothing more was erased ({error}): start Redis or mend REDIS_URL, then try again.") from None
        finally:
            await kept.close()


async def _forget_items(pool: Pool, facts: Sequence[tuple[str, int]], conversations: Sequence[Conversation]) -> None:
    """Forget facts, and the summaries of conversations, which are not made again."""
    for team in sorted({*(team for team, _ in facts), *(each.team for each in conversations)}):
        ids = [id for of, id in facts if of == team]
        summaries = [session_key(each.session_id) for each in conversations if each.team == team]
        await Items(pool).forget(team, None, by=operator(), ids=ids, sources=summaries)
