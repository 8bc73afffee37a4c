"""Orders: read by id; placed once for a call, at today's price, never more than there is."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from agent.types import Magnitude
from tests.bench.wire import Wires
from tests.tools.conftest import Shop

# Each order that is written kills its own connection while the condition holds. A sequence counts across rollbacks.
DIE_ON_INSERT = """
CREATE SEQUENCE deaths;
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF {} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;
CREATE TRIGGER die BEFORE INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION die();
"""
WIDGETS: dict[str, Any] = {"customer": "ada@example.com", "sku": "WGT-001", "quantity": 3}


async def test_an_order_is_read_by_its_id(shop: Shop) -> None:
    answer = await shop.call("get_order_status", order_id=" ord-1042 ")
    assert answer.ok
    del answer.result["created_at"]  # counted back from now, see seed.py
    assert answer.result == {
        "order_id": "ORD-1042",
        "status": "delivered",
        "customer": "ada@example.com",
        "customer_name": "Ada Byron",
        "sku": "WGT-001",
        "product": "Widget Pro",
        "quantity": 3,
        "unit_price_usd": "49.00",
        "total_usd": "147.00",
        "note": "",
    }


async def test_an_order_takes_five_statements_since_others_wait_for_its_product(shop: Shop) -> None:
    async with (
        Wires() as wires,
        AsyncConnectionPool[Any](
            await wires.told(str(shop.pool.conninfo)), min_size=1, max_size=1, open=False, kwargs={"autocommit": True}
        ) as pool,
    ):
        counted = Shop(pool)
        assert (await counted.call("create_order", **WIDGETS)).ok
        assert wires.postgres.requests == 5  # BEGIN and COMMIT too


async def test_times_are_utc_wherever_the_database_stands(shop: Shop) -> None:
    [(database,)] = await shop.sql("SELECT current_database()")
    await shop.sql(sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'").format(sql.Identifier(database)))
    await shop.sql("UPDATE shop.orders SET created_at = '2026-01-02T03:04:05Z' WHERE id = 'ORD-1042'")
    async with AsyncConnectionPool(shop.pool.conninfo, min_size=1, open=False) as in_tokyo:
        answer = await Shop(in_tokyo).call("get_order_status", order_id="ORD-1042")
    assert answer.result["created_at"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("order_id", ["ORD-9999999", "1042", "' OR true --"])
async def test_an_unknown_order_is_not_found_and_the_answer_shows_an_id(shop: Shop, order_id: str) -> None:
    answer = await shop.call("get_order_status", order_id=order_id)
    assert (answer.ok, answer.error) == (False, "not_found")
    assert answer.detail is not None
    assert answer.detail.endswith("Order ids look like ORD-1042.")


async def test_an_order_takes_its_pieces_out_of_stock(shop: Shop) -> None:
    answer = await shop.call("create_order", **WIDGETS, note="Leave at the door.")
    assert answer.ok, answer.detail
    assert answer.result["order_id"] == "ORD-1201"  # the demo's last is ORD-1200
    assert (answer.result["unit_price_usd"], answer.result["total_usd"]) == ("49.00", "147.00")
    assert (answer.result["status"], answer.result["note"]) == ("placed", "Leave at the door.")
    assert await shop.stock("WGT-001") == 117
    assert (await shop.call("get_order_status", order_id="ORD-1201")).result == answer.result


async def test_addresses_and_skus_may_be_written_in_any_case(shop: Shop) -> None:
    answer = await shop.call("create_order", customer=" Ada@Example.COM", sku="wgt-001 ", quantity=1)
    assert (answer.result["customer"], answer.result["sku"]) == ("ada@example.com", "WGT-001")


async def test_one_call_is_one_order_however_often_it_is_run(shop: Shop) -> None:
    first = await shop.call("create_order", key="call-1", **WIDGETS)
    again = await shop.call("create_order", key="call-1", **WIDGETS)
    assert again == first
    assert (await shop.orders(), await shop.stock("WGT-001")) == (201, 117)


async def test_one_call_is_one_order_when_it_is_run_at_once_by_many(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.call("create_order", key="call-1", **WIDGETS) for _ in range(8)))
    assert {answer.result["order_id"] for answer in answers} == {"ORD-1201"}
    assert (await shop.orders(), await shop.stock("WGT-001")) == (201, 117)


async def test_a_repeated_call_finds_its_order_when_nothing_is_left(shop: Shop) -> None:
    first = await shop.call("create_order", key="call-1", **WIDGETS)
    await shop.sql("UPDATE shop.product SET stock = 0 WHERE sku = 'WGT-001'")
    assert await shop.call("create_order", key="call-1", **WIDGETS) == first


async def test_two_calls_are_two_orders(shop: Shop) -> None:
    await shop.call("create_order", key="call-1", **WIDGETS)
    await shop.call("create_order", key="call-2", **WIDGETS)
    assert (await shop.orders(), await shop.stock("WGT-001")) == (202, 114)


async def test_orders_at_once_never_take_more_than_there_is(shop: Shop) -> None:
    await shop.sql("UPDATE shop.product SET stock = 10 WHERE sku = 'WGT-001'")
    answers = await asyncio.gather(*(shop.call("create_order", key=f"call-{n}", **WIDGETS) for n in range(20)))
    assert [answer.ok for answer in answers].count(True) == 3
    assert {answer.error for answer in answers if not answer.ok} == {"invalid_input"}
    assert (await shop.orders(), await shop.stock("WGT-001")) == (203, 1)


@pytest.mark.parametrize(
    ("change", "error", "detail"),
    [
        ({"sku": "WGT-999"}, "not_found", "search_product_catalog finds them"),
        ({"customer": "nobody@example.com"}, "not_found", "No customer is registered with 'nobody@example.com'"),
        ({"quantity": 121}, "invalid_input", "more than the 120 in stock"),
        ({"sku": "SAF-020", "quantity": 1}, "invalid_input", "more than the 0 in stock"),
    ],
)
async def test_what_the_shop_cannot_do_is_said_and_nothing_ordered(
    shop: Shop, change: dict[str, Any], error: str, detail: str
) -> None:
    answer = await shop.call("create_order", **WIDGETS | change)
    assert (answer.ok, answer.error) == (False, error)
    assert answer.detail is not None
    assert detail in answer.detail
    assert (await shop.orders(), await shop.stock("WGT-001")) == (200, 120)


async def test_a_failure_on_the_way_leaves_stock_and_orders_as_they_were(shop: Shop) -> None:
    await shop.sql("ALTER TABLE shop.orders ADD CHECK (note <> 'boom')")
    answer = await shop.call("create_order", **WIDGETS, note="boom")
    assert (answer.error, answer.unclear) == ("unexpected", True)
    assert answer.detail is not None
    assert "Traceback" not in answer.detail
    assert (await shop.orders(), await shop.stock("WGT-001")) == (200, 120)


async def test_connections_that_died_meanwhile_are_replaced(shop: Shop) -> None:
    """What a restarted Postgres leaves behind: every connection of the pool is dead."""
    await shop.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    answer = await shop.call("create_order", **WIDGETS)
    assert answer.ok, answer.detail


async def test_a_connection_lost_on_the_way_is_tried_once_more_and_orders_once(shop: Shop) -> None:
    await shop.sql(DIE_ON_INSERT.format("nextval('deaths') = 1"))
    answer = await shop.call("create_order", **WIDGETS)
    assert answer.ok, answer.detail
    assert (await shop.orders(), await shop.stock("WGT-001")) == (201, 117)


async def test_a_connection_lost_twice_leaves_the_outcome_unclear(shop: Shop) -> None:
    await shop.sql(DIE_ON_INSERT.format("true"))
    answer = await shop.call("create_order", **WIDGETS)
    assert (answer.error, answer.unclear) == ("unexpected", True)


async def test_no_database_is_a_sentence(unused_tcp_port: int) -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{unused_tcp_port}/shop"
    async with AsyncConnectionPool(nowhere, min_size=0, max_size=1, open=False) as pool:
        shop = Shop(pool)
        answers = await asyncio.gather(
            shop.call("search_product_catalog", query="lamp"),
            shop.call("get_order_status", order_id="ORD-1042"),
            shop.call("create_order", **WIDGETS),
        )
    sentence = "The shop's database cannot be reached. Nothing was read or changed; try again in a minute."
    assert [(answer.error, answer.detail) for answer in answers] == [("unexpected", sentence)] * 3
    assert not any(answer.unclear for answer in answers)


async def test_a_preview_says_what_an_order_would_come_to_and_changes_nothing(shop: Shop) -> None:
    before = await shop.stock("WGT-001")
    foreseen = await shop.preview("create_order", **WIDGETS)
    assert foreseen.headline == "Order 3 × Widget Pro for Ada Byron"
    assert [(change.what, change.before, change.after) for change in foreseen.changes] == [
        ("stock", str(before), str(before - 3)),
    ]
    assert foreseen.magnitude == Magnitude(number=Decimal("147.00"), of="USD")
    assert (await shop.stock("WGT-001"), await shop.orders()) == (before, 200)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sku": "WGT-999"}, "No product has the SKU 'WGT-999', so nothing was ordered."),
        ({"customer": "nobody@example.com"}, "No customer is registered with 'nobody@example.com', so nothing was ordered."),
        ({"quantity": 1000}, "Nothing was ordered: 1000 × Widget Pro (WGT-001) are more than"),
    ],
)
async def test_a_preview_says_that_an_order_would_fail(shop: Shop, wrong: dict[str, Any], told: str) -> None:
    arguments = {**WIDGETS, **wrong}
    foreseen = await shop.would_fail("create_order", **arguments)
    assert str(foreseen.detail).startswith(told)
    assert foreseen == await shop.call("create_order", **arguments)  # the run would end in the same words
