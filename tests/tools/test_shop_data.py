"""The demo data, and that it comes only when asked for."""

import asyncio

from psycopg_pool import AsyncConnectionPool

from tests.tools.conftest import Shop
from tools.catalog import seed_shop


async def test_a_migrated_database_holds_no_demo_data(database_url: str) -> None:
    async with AsyncConnectionPool(database_url, min_size=1, open=False) as pool:
        assert await Shop(pool).orders() == 0


async def test_the_demo_shop_is_believable(shop: Shop) -> None:
    assert await shop.sql("SELECT count(*), count(DISTINCT category) FROM shop.product") == [(303, 14)]
    assert await shop.sql("SELECT count(*) FROM shop.customer WHERE email ~ '@example[.](com|org|net)$'") == [(114,)]
    [row] = await shop.sql(
        "SELECT count(*), count(DISTINCT status), count(DISTINCT customer_id) > 50, max(created_at) < now() FROM shop.orders"
    )
    assert row == (200, 5, True, True)
    # What is still on its way is young.
    assert await shop.sql(
        "SELECT count(*) FROM shop.orders "
        "WHERE status NOT IN ('delivered', 'cancelled') AND created_at < now() - interval '7 days'"
    ) == [(0,)]


async def test_filling_the_shop_again_changes_nothing(shop: Shop) -> None:
    await shop.call("create_order", customer="ada@example.com", sku="WGT-001", quantity=3)
    await seed_shop(shop.pool)
    assert (await shop.orders(), await shop.stock("WGT-001")) == (201, 117)


async def test_processes_that_start_together_fill_the_shop_once(database_url: str) -> None:
    async with AsyncConnectionPool(database_url, min_size=4, open=False) as pool:
        await asyncio.gather(*(seed_shop(pool) for _ in range(4)))
        assert await Shop(pool).orders() == 200


async def test_new_customers_are_numbered_on_from_the_demo(shop: Shop) -> None:
    added = "INSERT INTO shop.customer (name, email, company) VALUES ('Zoe', 'zoe@example.com', 'Solo') RETURNING id"
    assert await shop.sql(added) == [(115,)]
