"""The running `signoff demo`, as tests look at it and use it: its page in a window, and the database behind it."""

import os
from dataclasses import dataclass
from pathlib import Path

import psycopg
from playwright.async_api import Locator, expect

from tests.browser.screen import Screen
from tests.signoff import REPOSITORY

ARTIFACTS = Path(os.environ.get("SIGNOFF_ARTIFACTS") or REPOSITORY / "artifacts")
ORDERS = "SELECT customer.email, orders.sku, orders.quantity FROM shop.orders JOIN shop.customer ON customer.id = customer_id "


@dataclass(frozen=True)
class Demo:
    """A running `signoff demo`."""

    page_url: str
    database_url: str

    def orders_since(self, order_id: str) -> list[tuple[str, str, int]]:
        """Customer, product and quantity of every order after this one, as they stand in Postgres."""
        with psycopg.connect(self.database_url) as database:
            return database.execute(ORDERS + "WHERE orders.id > %s ORDER BY orders.id", [order_id]).fetchall()

    def newest_order(self) -> str:
        with psycopg.connect(self.database_url) as database:
            row = database.execute("SELECT max(id) FROM shop.orders").fetchone()
        assert row is not None
        return str(row[0])


@dataclass(frozen=True)
class DemoScreen(Screen):
    """A window on the demo."""

    async def act_as(self, person: str) -> None:
        await self.part("act-as").select_option(label=person)
        await expect(self.page.locator("body")).to_have_attribute("data-me", person.split()[0].lower())

    async def reply(self, text: str) -> None:
        """Writes in the open thread."""
        await self.part("thread-composer").fill(text)
        await self.part("thread-composer").press("Enter")

    async def fill(self, **values: str) -> None:
        """Fills in fields of the open modal, by label."""
        for label, value in values.items():
            await self.part("modal").get_by_label(label, exact=True).fill(value)

    def replies(self) -> Locator:
        """What the bot has posted in the open thread."""
        return self.thread.locator('[aria-label^="Signoff,"]')

    def cards(self) -> Locator:
        """Those of them that people decide, or did: not what was worked on before."""
        pressed = ", ".join(f'[data-action-id="{name}"]' for name in ("more", "one_by_one", "details"))
        return self.replies().filter(has=self.page.locator(pressed))

    async def picture(self, name: str, height: int = 800, width: int = 1280) -> None:
        """Keeps a picture of this run, of a window of this size."""
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.screenshot(path=ARTIFACTS / name)
