"""NAME__execute: one statement, committed as a whole or not at all; and the preview, which leaves nothing behind."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from agent import fence
from agent.tool.definition import PREVIEW_SECONDS
from agent.types import Change, Magnitude
from tests.tools.desk import Desk, desk
from tests.tools.proxy import Proxy

__all__ = ["desk"]

PACK = "UPDATE orders SET status = 'packed' WHERE status = 'placed'"


@asynccontextmanager
async def locked(desk: Desk) -> AsyncGenerator[None]:
    """Somebody else works on the orders."""
    async with await psycopg.AsyncConnection[Any].connect(desk.admin_url) as other:
        await other.execute("LOCK TABLE orders")
        yield


# ---------------------------------------------------------------------------------------------- the run


async def test_a_statement_is_committed_and_counted(desk: Desk) -> None:
    result = await desk.execute(PACK, expect_rows=2)
    assert result.result == {"done": "UPDATE 2", "affected_rows": 2, "columns": [], "rows": [], "more": False}
    assert await desk.seen("SELECT status FROM orders ORDER BY id") == [("packed",), ("packed",), ("shipped",)]


async def test_what_it_returns_is_json_and_limited(desk: Desk) -> None:
    values = "SELECT n, 'new', n + 0.50 FROM generate_series(11, 20) AS n"
    returning = "id, total, total > 12, '{\"a\": 1.5}'::json, NULL, date 'infinity', 0.5::float8"
    result = await desk.execute(f"INSERT INTO orders {values} RETURNING {returning}")
    assert result.ok, result
    assert result.result["affected_rows"] == 10
    assert result.result["columns"][:2] == ["id", "total"]
    assert result.result["rows"][:2] == [
        [11, "11.50", False, {"a": 1.5}, None, "infinity", 0.5],
        [12, "12.50", True, {"a": 1.5}, None, "infinity", 0.5],
    ]
    assert (len(result.result["rows"]), result.result["more"]) == (3, True)


@pytest.mark.parametrize(
    ("statement", "expect_rows", "kind", "words"),
    [
        (PACK, 1, "invalid_input", "affected 2 rows, not the 1"),
        ("CREATE TABLE a (b int)", 0, "permission_denied", "permission denied for schema public"),
        ("WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone", 3, "invalid_input", "expect_rows is for INSERT"),
        ("UPDATE orders SET nosuch = 1", None, "invalid_input", 'at character 19 (42703): column "nosuch"'),
        ("INSERT INTO orders VALUES (1, 'x', 1)", None, "invalid_input", "duplicate key"),
        ("INSERT INTO line VALUES (99, 'x')", None, "invalid_input", "violates foreign key constraint"),
        ("INSERT INTO private VALUES ('x')", None, "permission_denied", "permission denied for table private"),
        (f"{PACK}; {PACK}", None, "invalid_input", "multiple commands"),
        ("COMMIT", None, "invalid_input", "each statement has a separate one"),
        ("ROLLBACK", None, "invalid_input", "each statement has a separate one"),
        ("VACUUM", None, "invalid_input", "cannot run inside a transaction block"),
        ("COPY orders TO STDOUT", None, "invalid_input", "COPY"),
        ("COPY orders FROM STDIN", None, "invalid_input", "COPY"),
        ("UPDATE orders SET total = (SELECT count(*) FROM generate_series(1, 100000000000))", None, "timeout", "2 seconds"),
    ],
)
async def test_what_fails_changes_nothing(desk: Desk, statement: str, expect_rows: int | None, kind: str, words: str) -> None:
    before = await desk.state()
    result = await desk.execute(statement, expect_rows)
    assert (result.error, result.unclear) == (kind, False), result
    assert words in str(result.detail)
    assert await desk.state() == before


async def test_a_check_at_the_commit_is_an_error_and_not_unclear(desk: Desk) -> None:
    await desk.seen("ALTER TABLE line ALTER CONSTRAINT line_order_id_fkey DEFERRABLE INITIALLY DEFERRED")
    result = await desk.execute("INSERT INTO line VALUES (99, 'x')")
    assert (result.error, result.unclear) == ("invalid_input", False)
    assert "foreign key" in str(result.detail)
    assert "foreign key" in str((await desk.would_fail("INSERT INTO line VALUES (99, 'x')")).detail)


async def test_a_lock_of_somebody_else_ends_it(desk: Desk) -> None:
    async with locked(desk):
        result = await desk.execute(PACK)
    assert (result.error, result.unclear) == ("timeout", False)


async def test_a_connection_lost_before_the_commit_changed_nothing(desk: Desk) -> None:
    async with Proxy(desk.database.url) as proxy:
        proxy.breaks_at = b"UPDATE orders"
        result = await desk.limited(url=proxy.url).execute(PACK)
    assert (result.error, result.unclear) == ("unexpected", False)
    assert "nothing was changed" in str(result.detail)


async def test_a_connection_lost_at_the_commit_is_unclear(desk: Desk) -> None:
    async with Proxy(desk.database.url) as proxy:
        proxy.breaks_at = b"COMMIT"
        result = await desk.limited(url=proxy.url).execute(PACK)
    assert (result.ok, result.unclear) == (False, True)


async def test_a_call_that_was_held_back_for_too_long_does_not_begin(desk: Desk) -> None:
    before = await desk.state()
    with fence.effects_of_start(time.monotonic() - fence.BEGIN_WITHIN_SECONDS):
        result = await desk.execute(PACK)
    assert (result.error, result.unclear) == ("unexpected", False)
    assert await desk.state() == before


# ---------------------------------------------------------------------------------------------- the preview


async def test_the_preview_of_an_update_shows_plan_rows_and_values_and_changes_nothing(desk: Desk) -> None:
    before = await desk.state()
    preview = await desk.preview(PACK, expect_rows=2)
    *changes, plan = preview.changes
    assert preview.trouble == ""
    assert changes == [
        Change(what="In public.orders", after="2 updated"),
        Change(what="Row 1 (id: 1)", before="status: placed", after="status: packed"),
        Change(what="Row 2 (id: 2)", before="status: placed", after="status: packed"),
    ]
    assert plan.what == "Plan (EXPLAIN)"
    assert plan.after.startswith("Update orders ← Seq Scan orders, about ")
    assert await desk.state() == before


async def test_cascades_triggers_and_with_are_counted_by_table(desk: Desk) -> None:
    preview = await desk.preview("DELETE FROM orders WHERE id = 1")
    assert preview.changes[:3] == (
        Change(what="In public.line", after="2 deleted"),
        Change(what="In public.orders", after="1 deleted"),
        Change(what="Row 1", before="id: 1, status: placed, total: 10.5", after="(deleted)"),
    )
    nested = await desk.preview(f"WITH gone AS (DELETE FROM line WHERE sku = 'c') {PACK} RETURNING id")
    assert nested.changes[:2] == (
        Change(what="In public.line", after="1 deleted"),
        Change(what="In public.orders", after="2 updated"),
    )


async def test_at_most_five_rows_are_shown_of_many(desk: Desk) -> None:
    preview = await desk.preview("INSERT INTO orders SELECT n, repeat('x', 1000), 1 FROM generate_series(11, 20) AS n -- ten")
    rows = [change for change in preview.changes if change.what.startswith("Row")]
    assert preview.magnitude == Magnitude(number=Decimal(10), of="rows")
    assert len(rows) == 5
    assert all(len(row.after) == 120 and row.before == "" for row in rows)


async def test_a_merge_can_be_tried_out(desk: Desk) -> None:
    merge = (
        "MERGE INTO orders USING (VALUES (3), (4)) AS new (id) ON orders.id = new.id "
        "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (new.id, 'merged', 0)"
    )
    preview = await desk.preview(merge)
    assert preview.changes[0] == Change(what="In public.orders", after="1 inserted, 1 deleted")


@pytest.mark.parametrize(
    ("statement", "expect_rows", "words"),
    [
        ("CREATE DATABASE other", None, "only INSERT, UPDATE, DELETE and MERGE can be tried out"),
        ("VACUUM", None, "only INSERT, UPDATE, DELETE and MERGE can be tried out"),
        ("COPY orders TO PROGRAM 'true'", None, "only INSERT, UPDATE, DELETE and MERGE can be tried out"),
        ("ANALYZE DELETE FROM orders", None, "only INSERT, UPDATE, DELETE and MERGE can be tried out"),
        ("SELECT * FROM orders", None, "no INSERT, UPDATE, DELETE or MERGE was found"),
        ("/* why */ ANALYZE DELETE FROM orders", None, "syntax error"),
        ("UPDATE orders SET id = nextval('numbers')", None, "it names nextval, whose effects a rollback may not take back"),
        ("DELETE FROM orders WHERE pg_notify('news', 'x') IS NULL", None, "it names pg_notify"),
        ("UPDATE orders SET total = (SELECT count(*) FROM generate_series(1, 100000000000))", None, "longer than 1.5 seconds"),
    ],
)
async def test_what_cannot_be_foreseen_is_said(desk: Desk, statement: str, expect_rows: int | None, words: str) -> None:
    before = await desk.state()
    assert words in (await desk.preview(statement, expect_rows)).trouble
    assert await desk.state() == before


@pytest.mark.parametrize(
    ("statement", "expect_rows", "words"),
    [
        (PACK, 1, "It would affect 2 rows, not the 1 of expect_rows"),
        ("UPDATE orders SET nosuch = 1", None, "at character 19 (42703)"),
        ("INSERT INTO orders VALUES (1, 'x', 1)", None, "duplicate key"),
        ("DELETE FROM orders; COMMIT", None, "multiple commands"),
        ("DELETE FROM orders) SELECT 1; --", None, "syntax error"),
    ],
)
async def test_nobody_is_asked_about_what_would_fail(desk: Desk, statement: str, expect_rows: int | None, words: str) -> None:
    before = await desk.state()
    assert words in str((await desk.would_fail(statement, expect_rows)).detail)
    assert await desk.state() == before


async def test_a_preview_waits_for_nobody(desk: Desk) -> None:
    async with locked(desk), asyncio.timeout(PREVIEW_SECONDS - 1):
        foreseen = await desk.preview(PACK)
        assert "holds a lock" in foreseen.trouble
        assert "nobody was asked" not in foreseen.trouble, "it stands on the card that asks"


@pytest.mark.parametrize(
    ("statement", "headline"),
    [
        (PACK, "UPDATE orders in the database reports"),
        ("insert  into public.orders values (1)", "INSERT INTO public.orders in the database reports"),
        ('DELETE FROM ONLY "Orders" WHERE true', 'DELETE FROM "Orders" in the database reports'),
        ("UPDATE orders.status.x SET a = 1", "UPDATE … in the database reports"),
        ('UPDATE "a b" SET a = 1', "UPDATE … in the database reports"),
        ("TRUNCATE orders", "TRUNCATE … in the database reports"),
        ("WITH x AS (SELECT 1) DELETE FROM orders", "WITH … in the database reports"),
        ("/* UPDATE orders */ DROP TABLE orders", "Run SQL in the database reports"),
    ],
)
def test_the_headline_says_only_what_is_plain_to_see(desk: Desk, statement: str, headline: str) -> None:
    tool = desk.tools["reports__execute"]
    assert tool.headline is not None
    assert tool.headline(tool.arguments.model_validate({"sql": statement})) == headline
