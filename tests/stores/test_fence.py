"""The fence: when an effect may begin, counted from what the database confirmed."""

from agent import fence
from agent.decide.moves import Content
from agent.errors import FencedError
from agent.model.port import Request
from agent.store.sessions import session_id
from agent.types import Place
from tests.stores.core import Core, place, until
from tests.stores.test_worker import answered
from tests.stores.world import NEVER, World, worker


async def test_no_effect_begins_after_the_hold_that_was_confirmed_has_run_out(core: Core) -> None:
    """The database answers, but the lease is not renewed: its remaining time is less than the fence's own."""
    refused: list[FencedError] = []

    class Late(World):
        async def post(self, place: Place, content: Content, key: str) -> str:
            if not refused:
                await until(over)
                try:
                    fence.begin()
                except FencedError as error:
                    refused.append(error)
                    raise
            return await super().post(place, content, key)

    async def short(request: Request) -> None:
        await core.sql("UPDATE session SET lease_until = now() + interval '0.2 seconds'")

    async def over() -> bool:
        return await core.sql("SELECT 1 FROM session WHERE lease_until > now()") == []

    world = Late(short)
    async with worker(core, world, slots=1, renew_seconds=NEVER, poll_seconds=0.1):  # it takes nothing over itself
        await core.wake(place())
        await answered(world, place())
    assert len(refused) == 1
    assert world.answers == {session_id(place()): ["Done."]}
