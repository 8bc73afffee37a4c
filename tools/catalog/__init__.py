"""A shop: its product catalogue and its orders."""

from agent.tool.definition import Tool
from tools.catalog.database import Pool
from tools.catalog.orders import create_order, get_order_status
from tools.catalog.search import search_product_catalog
from tools.catalog.seed import seed_shop

__all__ = ["catalog", "seed_shop"]


def catalog(pool: Pool) -> tuple[Tool, ...]:
    """Return the shop's tools over the tables of schema `shop`, which migration 0002 makes."""
    return (search_product_catalog(pool), get_order_status(pool), create_order(pool))
