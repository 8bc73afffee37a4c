"""The status beside a thread: the newest one stays there, whatever the order in which Slack's answers come."""

import asyncio
from collections import defaultdict

from agent.run.background import Background
from agent.run.ports import SurfaceStatus
from agent.run.status import ShownStatus
from agent.types import Place
from tests.fakes.surface import FakeSurface

PLACE = Place(team="T1", channel="C1", thread_ts="1.0")


class Statuses(FakeSurface):
    """Shows a status once its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.shown: list[SurfaceStatus] = []

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """See `Surface.status`."""
        await self.gates[status].wait()
        self.shown.append(status)


async def test_a_slow_status_does_not_take_the_place_of_a_newer_one() -> None:
    surface, background = Statuses(), Background()
    status = ShownStatus(surface, PLACE, background)
    status.show("processing")
    await asyncio.sleep(0)  # it is on its way
    status.show("active")
    surface.gates["active"].set()
    for _ in range(3):
        await asyncio.sleep(0)
    surface.gates["processing"].set()
    await background.drain()
    assert surface.shown == ["processing", "active"]


async def test_a_status_that_is_over_before_it_was_its_turn_is_not_shown() -> None:
    surface, background = Statuses(), Background()
    status = ShownStatus(surface, PLACE, background)
    status.show("processing")
    status.show("suspended")
    status.show("active")
    surface.gates["processing"].set()
    surface.gates["active"].set()
    await background.drain()
    assert surface.shown == []  # it stood there already


async def test_what_a_lost_claim_has_shown_is_not_taken_for_known() -> None:
    surface, background = Statuses(), Background()
    surface.gates["active"].set()
    ShownStatus(surface, PLACE, background).show("active")
    ShownStatus(surface, PLACE, background, None).show("active")
    await background.drain()
    assert surface.shown == ["active"]


async def test_a_release_waits_until_it_is_shown() -> None:
    surface, background = Statuses(), Background()
    status = ShownStatus(surface, PLACE, background, None)
    await status.settled()  # nothing is on its way
    status.show("active")
    released = asyncio.create_task(status.settled())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not released.done()
    surface.gates["active"].set()
    await released
    assert surface.shown == ["active"]
