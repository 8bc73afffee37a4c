"""The tables of all tool packs, gathered for Alembic: importing them registers them in SQLModel.metadata."""

from tools.catalog.tables import CustomerRow, OrderRow, ProductRow

__all__ = ["CustomerRow", "OrderRow", "ProductRow"]
