"""The bytes of attached files in Postgres: kept by the session's holder, read for that session alone."""

import pytest

from agent.errors import FencedError
from tests.stores.core import Core, place
from tests.stores.desk import Desk

BYTES = bytes(range(256))


async def test_what_is_kept_comes_back_byte_for_byte(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    await store.kept.keep_file(lease.session_id, lease.epoch, "file-1", BYTES)
    await store.kept.keep_file(lease.session_id, lease.epoch, "file-2", b"%PDF-")
    assert await store.kept.files(lease.session_id, ["file-2", "file-1", "file-9"]) == {"file-1": BYTES, "file-2": b"%PDF-"}
    assert await store.kept.files(lease.session_id, []) == {}


async def test_a_file_that_is_fetched_again_after_a_crash_is_written_over_the_lost_one(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    await store.kept.keep_file(lease.session_id, lease.epoch, "file-1", b"first")
    await store.kept.keep_file(lease.session_id, lease.epoch, "file-1", b"second")
    assert await store.kept.files(lease.session_id, ["file-1"]) == {"file-1": b"second"}


async def test_another_session_has_no_such_file(desk: Desk) -> None:
    store, lease = desk.core.store, desk.lease
    other = await desk.core.hold(place(2))
    await store.kept.keep_file(lease.session_id, lease.epoch, "file-1", b"theirs")
    assert await store.kept.files(other.session_id, ["file-1"]) == {}


async def test_who_no_longer_holds_the_session_keeps_no_file(core: Core) -> None:
    old = await core.hold(place())
    await core.store.kept.keep_file(old.session_id, old.epoch, "file-1", b"first")
    await core.expire(old)
    await core.queue.claim(10)
    before = await core.tables()
    with pytest.raises(FencedError):
        await core.store.kept.keep_file(old.session_id, old.epoch, "file-1", b"too late")
    assert await core.tables() == before
