"""A demo shop: some 300 products, 114 customers and 200 orders, the same at every run.

For `signoff demo` and the tests only: nothing else puts demo data into a database.
"""

import csv
from collections.abc import Iterator
from importlib.resources import files
from typing import LiteralString

from tools.catalog.database import PgConnection, Pool

COPY_PRODUCTS = "COPY shop.product (sku, name, category, description, price_usd, stock) FROM STDIN"
COPY_CUSTOMERS = "COPY shop.customer (id, name, email, company) FROM STDIN"
COPY_ORDERS = "COPY demo_order FROM STDIN"

# The demo's orders tell their age instead of a date, so that the newest are always a few hours old.
DEMO_ORDER = """
CREATE TEMPORARY TABLE demo_order
    (id text, customer_id bigint, sku text, quantity int, status text, note text, hours_ago int) ON COMMIT DROP
"""
PLACE = """
INSERT INTO shop.orders (id, customer_id, sku, quantity, unit_price_usd, status, note, created_at)
SELECT id, customer_id, sku, quantity, price_usd, status, note, now() - make_interval(hours => hours_ago)
FROM demo_order JOIN shop.product USING (sku)
"""
# New customers and orders are numbered on from the demo's.
NUMBER_ON = """
SELECT setval(pg_get_serial_sequence('shop.customer', 'id'), (SELECT max(id) FROM shop.customer)),
       setval('shop.order_number', (SELECT max(substr(id, 5)::bigint) FROM shop.orders))
"""


async def seed_shop(pool: Pool) -> None:
    """Fill an empty shop with the demo data. One that has products is left alone: calling it again changes nothing."""
    async with pool.connection() as connection, connection.transaction():
        # Processes that start together: the first one fills the shop, the others wait here and find it filled.
        await connection.execute("LOCK TABLE shop.product IN SHARE ROW EXCLUSIVE MODE")
        if (await connection.execute("SELECT FROM shop.product LIMIT 1")).rowcount:
            return
        await _copy(connection, COPY_PRODUCTS, "product.csv")
        await _copy(connection, COPY_CUSTOMERS, "customer.csv")
        await connection.execute(DEMO_ORDER)
        await _copy(connection, COPY_ORDERS, "orders.csv")
        await connection.execute(PLACE)
        await connection.execute(NUMBER_ON)


async def _copy(connection: PgConnection, statement: LiteralString, name: str) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in _demo_rows(name):
            await copy.write_row(row)


def _demo_rows(name: str) -> Iterator[list[str]]:
    """Yield the rows of a file in demo/, in the order of the columns in its COPY statement."""
    rows = csv.reader((files("tools.catalog") / "demo" / name).read_text(encoding="utf-8").splitlines())
    next(rows)  # the columns' names
    yield from rows
