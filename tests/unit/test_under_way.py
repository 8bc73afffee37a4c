"""What is being made: taken in once it is over, given up when nobody waits for it; and what nobody waits for at all."""

import asyncio

from agent.decide.move_keys import MoveKey
from agent.decide.move_outcome import Ended
from agent.decide.moves import Permit, TurnAway
from agent.run.background import Background
from agent.run.under_way import UnderWay
from agent.session.inbox import Edit

EDIT = Edit(action_id="A1", user="U1", arguments={})
PERMIT, TURN_AWAY = Permit(1, "U1", MoveKey("permit", "1")), TurnAway(2, EDIT, "No.", MoveKey("settle", "A1"))


async def soon() -> Ended:
    return Ended(inbox_ids=(1,))


async def never() -> Ended:
    await asyncio.Event().wait()
    raise AssertionError


async def test_what_is_over_is_taken_in_once() -> None:
    under_way = UnderWay()
    task = under_way.begin(PERMIT, soon())
    assert (PERMIT in under_way, TURN_AWAY in under_way, under_way.ended()) == (True, False, [])
    await asyncio.wait(under_way.tasks)
    assert under_way.ended() == [(PERMIT, task)]
    assert (PERMIT in under_way, under_way.ended()) == (False, [])


async def test_what_nobody_waits_for_is_cancelled_and_the_rest_goes_on() -> None:
    under_way = UnderWay()
    given_up, kept = under_way.begin(PERMIT, never()), under_way.begin(TURN_AWAY, never())
    under_way.give_up(unless=lambda move: move == TURN_AWAY)
    await asyncio.wait([given_up])
    assert given_up.cancelled()
    assert list(under_way.tasks) == [kept]
    under_way.give_up()
    await asyncio.wait([kept])
    assert kept.cancelled()
    assert not under_way


async def test_what_nobody_waits_for_is_done_by_the_time_it_was_drained() -> None:
    done: list[str] = []
    background = Background()

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("done")

    background.begin(work())
    assert not done
    await background.drain()
    assert done == ["done"]
    await background.drain()  # nothing is left
