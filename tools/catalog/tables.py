"""The shop's tables, in a separate Postgres schema. Migration 0002 makes them; a test compares the two."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    Sequence,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

SCHEMA = "shop"

# A name counts for more than a category, a category for more than a description.
SEARCH = (
    "setweight(to_tsvector('english', name), 'A')"
    " || setweight(to_tsvector('english', category), 'B')"
    " || setweight(to_tsvector('english', description), 'C')"
)

order_number = Sequence("order_number", start=1001, schema=SCHEMA, metadata=SQLModel.metadata)


class ProductRow(SQLModel, table=True):
    """Something that the shop sells. `stock` is what can be ordered now, in pieces."""

    __tablename__: ClassVar[Any] = "product"
    __table_args__ = (
        CheckConstraint("price_usd >= 0", name="product_price_usd_check"),
        CheckConstraint("stock >= 0", name="product_stock_check"),
        Index("product_search", "search", postgresql_using="gin"),
        {"schema": SCHEMA},
    )

    sku: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    category: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    price_usd: Decimal = Field(sa_column=Column(Numeric(10, 2), nullable=False))
    stock: int = Field(sa_column=Column(BigInteger, nullable=False))
    search: Any = Field(default=None, sa_column=Column(TSVECTOR, Computed(SEARCH, persisted=True), nullable=True))


class CustomerRow(SQLModel, table=True):
    """Someone who can order. `email` is lower case, so that an address is there once."""

    __tablename__: ClassVar[Any] = "customer"
    __table_args__ = (CheckConstraint("email = lower(email)", name="customer_email_check"), {"schema": SCHEMA})

    id: int = Field(sa_column=Column(BigInteger, Identity(), primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    email: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    company: str = Field(sa_column=Column(Text, nullable=False))


class OrderRow(SQLModel, table=True):
    """One product for one customer, at the price of that day. `idempotency_key` names the call that placed it."""

    __tablename__: ClassVar[Any] = "orders"  # "order" is a word of SQL
    __table_args__ = (
        CheckConstraint("quantity > 0", name="orders_quantity_check"),
        CheckConstraint("status IN ('placed', 'packed', 'shipped', 'delivered', 'cancelled')", name="orders_status_check"),
        Index("orders_customer_id", "customer_id"),
        {"schema": SCHEMA},
    )

    id: str = Field(sa_column=Column(Text, primary_key=True, server_default=text("'ORD-' || nextval('shop.order_number')")))
    customer_id: int = Field(sa_column=Column(BigInteger, ForeignKey("shop.customer.id"), nullable=False))
    sku: str = Field(sa_column=Column(Text, ForeignKey("shop.product.sku"), nullable=False))
    quantity: int = Field(sa_column=Column(BigInteger, nullable=False))
    unit_price_usd: Decimal = Field(sa_column=Column(Numeric(10, 2), nullable=False))
    total_usd: Decimal = Field(
        sa_column=Column(Numeric(14, 2), Computed("unit_price_usd * quantity", persisted=True), nullable=False)
    )
    status: str = Field(default="placed", sa_column=Column(Text, nullable=False, server_default="placed"))
    note: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    idempotency_key: str | None = Field(default=None, sa_column=Column(Text, nullable=True, unique=True))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()")))
