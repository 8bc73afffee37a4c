"""Long results in Postgres: kept by the session's holder, read by that session alone."""

import pytest

from agent.errors import FencedError
from agent.session.steps import Compacted, ToolReturned
from agent.store.chores import Chores, forgetting
from tests.stores.core import Core, place, until
from tests.stores.desk import Desk, reply


async def test_what_is_kept_is_read_in_parts(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    await store.kept.keep(lease.session_id, lease.epoch, "look-1", 'é😀 \\u0000 \'tis "long"')
    assert await store.kept.output(lease.session_id, "look-1", 0, 3) == ("é😀 ", 21)
    assert await store.kept.output(lease.session_id, "look-1", 21, 100) == ("", 21)


async def test_a_run_that_is_repeated_writes_its_result_over_the_lost_one(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    await store.kept.keep(lease.session_id, lease.epoch, "look-1", "first")
    await store.kept.keep(lease.session_id, lease.epoch, "look-1", "second")
    assert await store.kept.output(lease.session_id, "look-1", 0, 100) == ("second", 6)


async def test_another_session_has_no_such_result(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    other = await desk.core.hold(place(2))
    await store.kept.keep(lease.session_id, lease.epoch, "look-1", "theirs")
    assert await store.kept.output(other.session_id, "look-1", 0, 100) is None
    await store.kept.keep(other.session_id, other.epoch, "look-1", "ours")
    assert await store.kept.output(lease.session_id, "look-1", 0, 100) == ("theirs", 6)


async def test_who_no_longer_holds_the_session_writes_nothing(core: Core) -> None:
    old = await core.hold(place())
    await core.store.kept.keep(old.session_id, old.epoch, "look-1", "first")
    await core.expire(old)
    new = next(lease for lease in await core.queue.claim(10) if lease.session_id == old.session_id)
    before = await core.tables()
    with pytest.raises(FencedError):
        await core.store.kept.keep(old.session_id, old.epoch, "look-1", "too late")
    assert await core.tables() == before
    await core.store.kept.keep(new.session_id, new.epoch, "look-1", "again")
    assert await core.store.kept.output(new.session_id, "look-1", 0, 100) == ("again", 5)


async def test_results_that_are_old_are_dropped_and_the_others_stay(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    for handle, days in (("old", 31), ("young", 29)):
        await store.kept.keep(lease.session_id, lease.epoch, handle, handle)
        await desk.core.sql("UPDATE output SET made_at = now() - make_interval(days => %s) WHERE id = %s", days, handle)
    assert await store.kept.forget_outputs() == 1
    assert await store.kept.output(lease.session_id, "old", 0, 10) is None
    assert await store.kept.output(lease.session_id, "young", 0, 10) == ("young", 5)
    assert await store.kept.forget_outputs() == 0


async def test_that_is_one_of_the_chores(core: Core) -> None:
    lease = await core.hold(place())
    await core.store.kept.keep(lease.session_id, lease.epoch, "old", "old")
    await core.sql("UPDATE output SET made_at = now() - interval '31 days'")

    async def gone() -> bool:
        return await core.sql("SELECT id FROM output") == []

    async with Chores(core.pool, [forgetting(core.store)]):
        await until(gone)


async def test_a_result_that_the_log_holds_is_read_by_its_step(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    returned = ToolReturned(call_id="toolu_1", outcome="succeeded", text='{"ok":true,"result":{"text":"é\\u0000 tail"}}')
    await store.append(lease, 0, [reply({"type": "text", "text": "Well."}), returned])
    assert await store.kept.output(lease.session_id, "step-2", 0, 10) == ('{"ok":true', len(returned.text))
    assert await store.kept.output(lease.session_id, "step-2", 40, 100) == (returned.text[40:], len(returned.text))
    assert await store.kept.output(lease.session_id, "step-1", 0, 10) is None  # what the model said is not a result
    assert await store.kept.output(lease.session_id, "step-3", 0, 10) is None
    other = await desk.core.hold(place(2))
    assert await store.kept.output(other.session_id, "step-2", 0, 10) is None


async def test_a_log_is_loaded_from_where_its_last_context_begins(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    said = reply({"type": "text", "text": '"since":1'})
    compacted = [Compacted(since=2, head='{"since":9}'), Compacted(since=4, head="")]
    await store.append(lease, 0, [said, said])
    assert [item.seq for item in await store.load(lease)] == [1, 2]
    await store.append(lease, 2, [compacted[0], said])
    assert [item.seq for item in await store.load(lease)] == [2, 3, 4]
    await store.append(lease, 4, [compacted[1], said])
    assert [item.seq for item in await store.load(lease)] == [4, 5, 6]
    assert [item.seq for item in await store.load(lease, whole=True)] == [1, 2, 3, 4, 5, 6]
