"""Reading an order, and placing one: at most once for each call, never more than the stock holds."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import class_row
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, field_validator

from agent.tool.arguments import Arguments
from agent.tool.bound import check_bound
from agent.tool.definition import Effect, Tool, ToolContext, ToolError
from agent.types import Change, Magnitude, Preview
from tools.catalog.database import Cursor, PgConnection, Pool, in_transaction, reading

STATUS_DESCRIPTION = """\
Read one order: what was ordered, by whom, when, for how much, and how far it is.
Call it when someone asks about an order that exists and names its id. There is no search by customer or date: \
without an id, ask for it. For products, prices and stock, call search_product_catalog instead.
Comes back: {"order_id", "status", "customer", "customer_name", "sku", "product", "quantity", "unit_price_usd", \
"total_usd", "note", "created_at"}; status is placed, packed, shipped, delivered or cancelled; amounts are text with \
two decimals, in US dollars; created_at is UTC.
Reads only; calling it again is safe and shows the present state. Errors: not_found (no order has this id: check it \
with the person, do not try ids that are near), invalid_input (mend the arguments), timeout or unexpected (try once \
more later)."""

CREATE_DESCRIPTION = """\
Place an order for one product for one customer, at today's price. It takes the pieces out of stock, and a person \
may have to approve it first.
Call it only when someone clearly asked for an order. First call search_product_catalog and take the exact SKU, \
price and stock from there, and have the customer's e-mail address and the quantity from the person who asks: guess \
neither. One call orders one product; several products are several calls. To look at an order, call get_order_status \
instead.
Comes back: the order as get_order_status returns it, with its new order_id and status placed; amounts are text with \
two decimals, in US dollars.
Calling it again places another order: never do that unless it is asked for. (A call that is repeated by the system \
after a crash returns its first order.) Errors: not_found (no such customer or SKU) and invalid_input (the \
arguments, or more pieces than are in stock): nothing was ordered. After timeout or unexpected, unless the detail \
says that nothing was changed, do not order again: say that a person must check first."""


# ASCII only: no look-alike letters in what a person approves, and lower() and upper() keep the length.
EMAIL = r"^[A-Za-z0-9._%+'-]+@[A-Za-z0-9.-]+$"
SKU = r"^[A-Za-z0-9-]+$"


class GetOrderStatus(Arguments, frozen=True):
    """Which order to read."""

    order_id: str = Field(min_length=1, max_length=40, description="The order's id as it was given, such as 'ORD-1042'.")


class CreateOrder(Arguments, frozen=True):
    """What to order for whom."""

    customer: str = Field(
        min_length=3,
        max_length=254,
        pattern=EMAIL,
        description="The e-mail address under which the customer is registered, such as 'ada@example.com'.",
    )
    sku: str = Field(
        min_length=1,
        max_length=40,
        pattern=SKU,
        description="The product's exact SKU as search_product_catalog gave it, such as 'WGT-001'.",
    )
    quantity: int = Field(ge=1, le=1000, description="How many pieces (or packs, as the product is sold), 1 to 1000.")
    note: str = Field(
        default="",
        max_length=500,
        description="What the warehouse or the driver should know, in the customer's words. Usually empty.",
    )

    @field_validator("customer")
    @classmethod
    def _lower(cls, customer: str) -> str:
        return customer.lower()

    @field_validator("sku")
    @classmethod
    def _upper(cls, sku: str) -> str:
        return sku.upper()


class OrderFound(BaseModel, frozen=True):
    """One order as the model reads it. Amounts become text with two decimals; `created_at` is UTC."""

    order_id: str
    status: str
    customer: str
    customer_name: str
    sku: str
    product: str
    quantity: int
    unit_price_usd: Decimal
    total_usd: Decimal
    note: str
    created_at: AwareDatetime

    @field_validator("created_at")
    @classmethod
    def _utc(cls, created_at: datetime) -> datetime:
        return created_at.astimezone(UTC)  # psycopg answers in the connection's time zone


FIELDS: LiteralString = """
SELECT orders.id AS order_id, status, customer.email AS customer, customer.name AS customer_name, sku,
       product.name AS product, quantity, unit_price_usd, total_usd, note, created_at
"""
JOINED: LiteralString = "JOIN shop.customer ON customer.id = customer_id JOIN shop.product USING (sku)"
ORDER: LiteralString = f"{FIELDS} FROM shop.orders {JOINED}"
ORDER_BY_ID: LiteralString = f"{ORDER} WHERE orders.id = %s"
ORDER_BY_KEY: LiteralString = f"{ORDER} WHERE idempotency_key = %s"

FORESEEN: LiteralString = """
SELECT product.name, stock, price_usd, customer.id, customer.name
FROM shop.product LEFT JOIN shop.customer ON email = %(customer)s WHERE sku = %(sku)s
"""
# Orders of one product wait for each other here, so few statements follow. This one sees the stock that is left then; the ones
# after it see the order that an earlier attempt of the same call has placed.
FORESEEN_AND_LOCKED: LiteralString = f"{FORESEEN} FOR NO KEY UPDATE OF product"
PLACE: LiteralString = f"""
WITH taken AS (UPDATE shop.product SET stock = stock - %(quantity)s WHERE sku = %(sku)s RETURNING sku, price_usd),
orders AS (
    INSERT INTO shop.orders (customer_id, sku, quantity, unit_price_usd, note, idempotency_key)
    SELECT %(customer_id)s, sku, %(quantity)s, price_usd, %(note)s, %(key)s FROM taken RETURNING *)
{FIELDS} FROM orders {JOINED}
"""


def get_order_status(pool: Pool) -> Tool:
    """Return the tool that reads one order."""

    async def read(arguments: GetOrderStatus, context: ToolContext) -> OrderFound:
        id = arguments.order_id.upper()
        order = await reading(pool, lambda connection: _order(connection, ORDER_BY_ID, [id]))
        if order is None:
            raise ToolError("not_found", f"There is no order {arguments.order_id!r}. Order ids look like ORD-1042.")
        return order

    return Tool(
        name="get_order_status",
        description=STATUS_DESCRIPTION,
        arguments=GetOrderStatus,
        handler=read,
        effect=Effect.READ,
        can="Look up an order. Ask: “Where is ORD-1042?”",
        verb="Read order",
        consequence="Reads one order. Nothing is changed.",
        undo="There is nothing to undo.",
        headline=lambda arguments: f"Read order {arguments.order_id}",
        doing=lambda arguments: f"Reading order {arguments.order_id}",
    )


def create_order(pool: Pool) -> Tool:
    """Return the tool that places an order."""

    async def place(arguments: CreateOrder, context: ToolContext) -> OrderFound:
        return await in_transaction(pool, lambda connection: _place_order(connection, arguments, context))

    async def preview(arguments: CreateOrder, context: ToolContext) -> Preview:
        return await reading(pool, lambda connection: _preview(connection, arguments))

    return Tool(
        name="create_order",
        description=CREATE_DESCRIPTION,
        arguments=CreateOrder,
        handler=place,
        effect=Effect.WRITE,
        idempotent=True,
        can="Place an order. Ask: “Order 2 Widget Pro for mary.quill@example.com”",
        verb="Place order",
        consequence="Binding; the shop can cancel it until it is packed.",
        headline=lambda arguments: f"Order {arguments.quantity} × {arguments.sku} for {arguments.customer}",
        doing=lambda arguments: f"Ordering {arguments.quantity} × {arguments.sku} for {arguments.customer}",
        preview=preview,
        named=("quantity", "sku", "customer"),
        several="orders",
        receipt="order_id",
    )


class Foreseen(BaseModel, frozen=True):
    """What the names of an order stand for at this moment."""

    product: str
    stock: int
    price_usd: Decimal
    customer_id: int
    customer: str

    def bound(self) -> dict[str, JsonValue]:
        """Return what the run acts on: who the customer is, and what the product is and costs. The stock may move meanwhile."""
        return {
            "customer": {"id": self.customer_id, "name": self.customer},
            "sku": {"name": self.product, "price_usd": str(self.price_usd)},
        }


def _customer_and_sku(arguments: CreateOrder) -> dict[str, Any]:
    return arguments.model_dump(include={"customer", "sku"})


async def _order_foreseen(cursor: Cursor, arguments: CreateOrder) -> Foreseen:
    """Return what the names of an order stand for, which was asked for. Raises ToolError where the order would fail."""
    found = await cursor.fetchone()
    if found is None:
        raise ToolError(
            "not_found",
            f"No product has the SKU {arguments.sku!r}, so nothing was ordered. SKUs look like WGT-001; "
            "search_product_catalog finds them.",
        )
    product, stock, price_usd, customer_id, customer = found
    if customer_id is None:
        raise ToolError(
            "not_found",
            f"No customer is registered with {arguments.customer!r}, so nothing was ordered. "
            "Ask for the address that the customer is registered with; this tool cannot register one.",
        )
    if stock < arguments.quantity:
        raise ToolError(
            "invalid_input",
            f"Nothing was ordered: {arguments.quantity} × {product} ({arguments.sku}) are more than the {stock} in stock.",
        )
    return Foreseen(product=product, stock=stock, price_usd=price_usd, customer_id=customer_id, customer=customer)


async def _preview(connection: PgConnection, arguments: CreateOrder) -> Preview:
    """Return what the order would come to at this moment; reads only."""
    seen = await _order_foreseen(await connection.execute(FORESEEN, _customer_and_sku(arguments)), arguments)
    return Preview(
        headline=f"Order {arguments.quantity} × {seen.product} for {seen.customer}",
        changes=(Change(what="stock", before=str(seen.stock), after=str(seen.stock - arguments.quantity)),),
        bound=seen.bound(),
        magnitude=Magnitude(number=arguments.quantity * seen.price_usd, of="USD"),
    )


async def _place_order(connection: PgConnection, arguments: CreateOrder, context: ToolContext) -> OrderFound:
    looked = await connection.execute(FORESEEN_AND_LOCKED, _customer_and_sku(arguments))
    if earlier := await _order(connection, ORDER_BY_KEY, [context.idempotency_key]):
        return earlier
    seen = await _order_foreseen(looked, arguments)
    if context.bound:
        check_bound(context.bound, seen.bound())
    order = arguments.model_dump(include={"sku", "quantity", "note"})
    placed = await _order(connection, PLACE, order | {"customer_id": seen.customer_id, "key": context.idempotency_key})
    assert placed is not None  # the product is locked, so it is there
    return placed


async def _order(connection: PgConnection, query: LiteralString, values: Sequence[str] | Mapping[str, Any]) -> OrderFound | None:
    async with connection.cursor(row_factory=class_row(OrderFound)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()
