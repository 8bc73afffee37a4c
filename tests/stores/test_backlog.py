"""What waits in the database, as figures show it: due conversations, cards, questions, and a log that no kept head covers."""

from pathlib import Path

import pytest

from agent.errors import UnreachableError
from agent.metrics import Backlog
from agent.reports.backlog import backlog
from agent.store.aside import set_aside
from agent.store.chores import Chores
from agent.store.queue import MOST_FAILURES
from agent.store.sessions import Pool
from bot.app.anchors import keep_heads
from tests.stores.audit_log import Log
from tests.stores.core import Core, message, place

HOUR = 3600.0
NOTHING = Backlog(due=0, due_age=0, aside=0, cards=0, cards_age=0, questions=0, questions_age=0, uncovered_age=0)


async def figures(pool: Pool) -> Backlog:
    async with pool.connection() as connection:
        return await backlog(connection)


async def test_what_is_due_and_nobody_has_is_counted_with_its_age(core: Core) -> None:
    for number in (1, 2, 3):
        await core.wake(place(number))
    await core.sql("UPDATE session SET wake_at = now() - interval '1 hour' WHERE thread_ts = %s", place(2).thread_ts)
    await core.sql("UPDATE session SET wake_at = now() + interval '1 hour' WHERE thread_ts = %s", place(3).thread_ts)
    found = await figures(core.pool)
    assert found.due == 2
    assert HOUR <= found.due_age < 2 * HOUR
    leases = await core.queue.claim(9)
    assert (await figures(core.pool)).due == 0
    await core.expire(*leases)  # their holder is gone
    assert (await figures(core.pool)).due == 2


async def test_what_is_set_aside_is_not_due_any_more(core: Core) -> None:
    await core.wake(place())
    for _ in range(MOST_FAILURES):
        await core.expire(*await core.queue.claim(9))
    async with core.pool.connection() as connection:
        assert len(await set_aside(connection)) == 1
    await core.wake(place(), message("are you there?"))  # it is due by this, and yet nobody claims it
    found = await figures(core.pool)
    assert (found.due, found.aside) == (0, 1)


async def test_cards_and_questions_are_counted_apart_with_the_age_of_the_oldest(core: Core) -> None:
    made = """
        INSERT INTO action (id, session_id, status, digest, body, expires_at, created_at, started_at)
        SELECT status || n, 's', status, 'd', '{}', now() + interval '1 day', now() - n * interval '1 hour',
            now() - interval '3 hours'
        FROM unnest(%s::text[]) AS status, generate_series(1, 2) AS n
    """
    await core.sql(made, ["pending", "unknown", "approved", "succeeded"])
    found = await figures(core.pool)
    assert (found.cards, found.questions) == (2, 2)
    assert 2 * HOUR <= found.cards_age < 3 * HOUR
    assert 3 * HOUR <= found.questions_age < 4 * HOUR  # since its run began: the card came before


async def test_an_audit_log_that_grows_is_uncovered_until_a_head_of_it_is_kept(log: Log, tmp_path: Path) -> None:
    assert await figures(log.pool) == NOTHING
    await log.write("T1", "post_message")
    await log.tamper(("UPDATE audit SET at = now() - interval '5 hours'", ()))
    assert 5 * HOUR <= (await figures(log.pool)).uncovered_age < 6 * HOUR  # no head was ever kept
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    with pytest.raises(UnreachableError, match="cannot be kept"):
        await Chores(log.pool, ()).look(keep_heads(log.pool, no_folder / "heads", 0.0))
    assert (await figures(log.pool)).uncovered_age >= 5 * HOUR  # a head that cannot be written covers nothing
    assert await Chores(log.pool, ()).look(keep_heads(log.pool, tmp_path / "heads", 0.0))
    assert (await figures(log.pool)).uncovered_age == 0
    await log.sql("UPDATE chore SET done_at = now() - interval '3 hours'")
    await log.write("T1", "post_message")
    assert 3 * HOUR <= (await figures(log.pool)).uncovered_age < 4 * HOUR
