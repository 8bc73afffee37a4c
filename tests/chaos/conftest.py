"""Stages, each with a separate database."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from bot.stores.embedded_home import Servers
from tests.chaos.stage import Stage, staged
from tools.catalog import seed_shop

pytest.register_assert_rewrite("tests.chaos.run")  # its assertions are the tests' own

NewStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(scope="session")
def shop_template(stores: Servers, migrated_template: str) -> str:
    """Name of a migrated database with a seeded shop, which others are copied from."""
    name = "chaos_shop"
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(migrated_template))
        connection.execute(made)
    asyncio.run(_seed(stores.database_url.replace("/postgres?", f"/{name}?")))
    return name


async def _seed(database_url: str) -> None:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(database_url, min_size=1, open=False)
    async with pool:
        await seed_shop(pool)


@pytest.fixture
def new_stage(stores: Servers, shop_template: str, tmp_path: Path) -> NewStage:
    """Makes a stage: `async with new_stage() as stage`."""

    def make(delay_seconds: float = 0.0) -> AbstractAsyncContextManager[Stage]:
        return staged(stores.database_url, stores.redis_url, shop_template, tmp_path, delay_seconds=delay_seconds)

    return make
