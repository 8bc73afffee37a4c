"""Values by key: Postgres is the truth, Redis a copy that is never older than the last write."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from agent.errors import UnreachableError
from agent.memory.terms import Terms
from agent.memory.values import MOST_KEYS, NewValue, Value
from agent.store.memory_audit import By
from agent.store.memory_values import LOCK, Values
from tests.stores.core import Core

TEAM, ADA = "T1", "user:U1"
BY = By("U1", "tool", "T1:C1:1.0")


def preference(key: str = "tone", value: str = "short", **further: Any) -> NewValue:
    """What a person prefers."""
    return NewValue.model_validate({"kind": "preference", "key": key, "value": value, "channel": "C1", "set_by": "U1", **further})


@pytest.fixture
async def values(core: Core, redis_url: str) -> AsyncIterator[Values]:
    """Values on both stores."""
    values = Values(core.pool, redis_url)
    yield values
    await values.close()


async def told(values: Values, owner: str = ADA) -> dict[str, Any]:
    """What an owner's values are."""
    return {value.key: value.value for value in (await values.kept(TEAM, [owner]))[owner]}


async def test_a_value_is_kept_replaced_and_deleted(values: Values) -> None:
    assert await values.set(TEAM, ADA, preference()) == ""
    assert await values.set(TEAM, ADA, preference(value="long")) == ""
    expected = Value(kind="preference", key="tone", value="long", channel="C1", set_by="U1")
    assert await values.kept(TEAM, [ADA, "workspace"]) == {ADA: (expected,), "workspace": ()}
    assert await values.kept("T2", [ADA]) == {ADA: ()}
    assert await values.delete(TEAM, ADA, "tone", BY)
    assert not await values.delete(TEAM, ADA, "tone", BY)
    assert await told(values) == {}


async def test_a_flushed_redis_loses_nothing(values: Values, redis_url: str) -> None:
    await values.set(TEAM, ADA, preference())
    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]  # redis leaves kwargs untyped
        await redis.flushall()  # pyright: ignore[reportUnknownMemberType]
    assert await told(values) == {"tone": "short"}


async def test_what_is_known_is_read_from_redis_alone(values: Values, core: Core) -> None:
    await values.set(TEAM, ADA, preference())
    await core.sql("DELETE FROM memory_value")  # behind its back
    assert await told(values) == {"tone": "short"}


async def test_without_redis_values_are_read_and_none_is_changed(core: Core) -> None:
    there = Values(core.pool, "redis://127.0.0.1:1/0")
    await core.sql(
        "INSERT INTO memory_value (team, owner, key, kind, channel, value, set_by) "
        "VALUES ('T1', 'user:U1', 'tone', 'preference', 'C1', '\"short\"', 'U1')"
    )
    assert await told(there) == {"tone": "short"}
    with pytest.raises(UnreachableError):
        await there.set(TEAM, ADA, preference(value="long"))
    with pytest.raises(UnreachableError):
        await there.delete(TEAM, ADA, "tone", BY)
    assert await told(there) == {"tone": "short"}
    await there.close()


async def test_readers_beside_a_writer_never_leave_an_older_value(core: Core, redis_url: str) -> None:
    processes = [Values(core.pool, redis_url) for _ in range(4)]
    for number in range(40):
        reading = [asyncio.create_task(told(process)) for process in processes[1:] for _ in range(3)]
        await processes[0].set(TEAM, ADA, preference(value=str(number)))
        seen = await asyncio.gather(*(told(process) for process in processes))
        assert seen == [{"tone": str(number)}] * len(processes)
        await asyncio.gather(*reading)
        assert await told(processes[1]) == {"tone": str(number)}  # nor does who was slow
    await asyncio.gather(*(process.close() for process in processes))


async def test_who_was_done_first_leaves_no_copy_without_what_another_wrote(values: Values, core: Core) -> None:
    async with core.pool.connection() as connection, connection.transaction():
        await connection.execute(LOCK, {"team": TEAM, "owner": ADA})
        later = asyncio.create_task(values.set(TEAM, ADA, preference()))
        await core.held_up(later)
        await values.delete(TEAM, ADA, "other", BY)
    await later
    assert await told(values) == {"tone": "short"}


async def test_writers_at_once_keep_every_key_up_to_the_limit(values: Values) -> None:
    said = await asyncio.gather(*(values.set(TEAM, ADA, preference(f"key-{number}")) for number in range(MOST_KEYS + 5)))
    assert len([trouble for trouble in said if trouble]) == 5
    assert len(await told(values)) == MOST_KEYS
    assert (
        await values.set(TEAM, ADA, preference("key-0" if said[0] == "" else "key-50", "anew")) == ""
    )  # a known key is none more


async def test_a_value_ends_with_its_term_in_both_stores(core: Core, redis_url: str) -> None:
    values = Values(core.pool, redis_url, Terms({"preference": timedelta(seconds=0.3)}))
    await values.set(TEAM, ADA, preference())
    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]
        assert 0 < await redis.pttl("memory:{T1:user:U1}") <= 300  # pyright: ignore[reportUnknownMemberType]
    await core.sql("UPDATE memory_value SET expires_at = now() - interval '1 second'")
    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]
        await redis.delete("memory:{T1:user:U1}")  # pyright: ignore[reportUnknownMemberType]
    assert await told(values) == {}
    assert await values.purge() == 1
    await values.close()


async def test_what_was_said_in_a_channel_is_forgotten_in_both_stores_whosever_it_is(values: Values, core: Core) -> None:
    for owner in (ADA, "channel:C1"):
        await values.set(TEAM, owner, preference("tone"))
        await values.set(TEAM, owner, preference("language", channel="C2"))
    assert len(await told(values)) == 2  # there is a copy in Redis
    assert await values.forget(TEAM, "C1", BY) == 2
    for reader in (values, Values(core.pool, "redis://127.0.0.1:1")):
        assert [set(await told(reader, owner)) for owner in (ADA, "channel:C1")] == [{"language"}] * 2
    assert await values.forget(TEAM, "C1", BY) == 0


async def test_values_that_are_deleted_or_forgotten_are_in_the_audit_log_without_their_words(values: Values, core: Core) -> None:
    for key in ("tone", "language", "city"):
        await values.set(TEAM, ADA, preference(key))
    await values.delete(TEAM, ADA, "tone", BY)
    await values.delete(TEAM, ADA, "tone", BY)  # it is gone already
    await values.forget(TEAM, "C1", By("operator:root", "command"))
    entries = await core.sql("SELECT kind, actor, session_id, rule, body FROM audit WHERE team = %s ORDER BY seq", TEAM)
    assert entries[-2:] == [
        ("forget", "U1", "T1:C1:1.0", "memory", {"from": "tool", "owner": ADA, "values": 1}),
        ("forget", "operator:root", "", "memory", {"from": "command", "owner": ADA, "values": 2}),
    ]
