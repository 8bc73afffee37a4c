"""The main job as a person sees it: the real `signoff demo`, a browser, and the database behind both."""

import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from playwright.async_api import Browser, expect
from pytest_asyncio import fixture

from bot.home import Home
from tests.browser.screen import Screen, window
from tests.signoff import REPOSITORY, refused, signoff

pytestmark = pytest.mark.asyncio(loop_scope="session")

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


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """Where the demo keeps its data: gone when the tests here are over."""
    folder = Path(tempfile.mkdtemp(prefix="signoff-test-"))
    folder.chmod(0o711)  # for root, whose Postgres runs as another user
    home = Home(folder / "demo")
    yield home
    shutil.rmtree(home.postgres.data)  # for root it lies outside of the folder
    shutil.rmtree(folder)


@fixture(scope="module", loop_scope="session")
async def demo(home: Home) -> AsyncIterator[Demo]:
    folder = home.path.parent
    environment = {"SIGNOFF_HOME": str(folder)}
    async with signoff("demo", "--no-browser", "--port", "0", folder=folder, environment=environment) as process:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        yield Demo(address, home.postgres.url)
        process.terminate()
        assert await process.wait() == 0
    assert not home.postgres.running()


@fixture(loop_scope="session")
async def screen(browser: Browser, demo: Demo) -> AsyncIterator[Screen]:
    async with window(browser) as page:
        await page.goto(demo.page_url)
        screen = Screen(page)
        await expect(screen.part("connection")).to_have_text("Signoff is connected")
        yield screen


async def act_as(screen: Screen, person: str) -> None:
    await screen.part("act-as").select_option(label=person)
    await expect(screen.page.locator("body")).to_have_attribute("data-me", person.split()[0].lower())


def keep(name: str) -> Path:
    """Where a picture of this run is kept."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS / name


async def test_asked_rejected_with_a_reason_proposed_again_approved_done(screen: Screen, demo: Demo) -> None:
    newest = demo.newest_order()
    await expect(screen.part("note-model")).to_contain_text("scripted")
    await act_as(screen, "Ben Baker")
    await screen.part("channel-orders").click()
    await screen.say("Two of the desk lamps for the new office came broken. Can somebody get new ones?")
    await act_as(screen, "Ann Archer (admin)")
    await screen.ask("@Signoff please order 2 Desk Lamp Arc for ada@example.com")
    await expect(screen.thread).to_contain_text("Order 2 × LGT-001 for ada@example.com")
    await expect(screen.thread.get_by_test_id("status")).to_contain_text("waiting for a person")
    await screen.page.screenshot(path=keep("sandbox-card.png"))
    assert demo.orders_since(newest) == []

    await screen.button("reject").click()
    await screen.part("modal").get_by_label("Reason").fill("only 1, the other one can be mended")
    await screen.part("modal-submit").click()
    await expect(screen.thread).to_contain_text("Rejected by @Ann Archer")
    await expect(screen.thread).to_contain_text("Order 1 × LGT-001 for ada@example.com")
    await expect(screen.button("approve")).to_have_count(1)
    assert demo.orders_since(newest) == []

    await act_as(screen, "Ben Baker")
    await screen.button("approve").click()
    await expect(screen.thread).to_contain_text("Approved by @Ben Baker")
    await expect(screen.thread).to_contain_text(re.compile(r"Done: 1 × Desk Lamp Arc.*ORD-\d+"))
    await expect(screen.thread.locator("[data-action-id]")).to_have_count(0)  # both cards are closed
    assert demo.orders_since(newest) == [("ada@example.com", "LGT-001", 1)]


async def test_a_click_that_comes_too_late_is_told_so(screen: Screen, browser: Browser, demo: Demo) -> None:
    newest = demo.newest_order()
    await act_as(screen, "Ann Archer (admin)")
    await screen.part("channel-support").click()
    await screen.ask("@Signoff please order 1 Widget Pro for ada@example.com")
    async with window(browser) as other:
        await other.goto(screen.page.url)
        slow = Screen(other)
        await expect(slow.button("approve")).to_be_visible()
        await other.route("**/sandbox/state**", lambda route: None)  # from now on this window does not hear what happens
        await screen.button("approve").click()
        await expect(screen.thread).to_contain_text("Done.")
        await slow.button("approve").click()
        await expect(screen.part("ephemeral")).to_contain_text("already settled")
        await other.unroute_all(behavior="ignoreErrors")
    assert len(demo.orders_since(newest)) == 1


async def test_a_direct_message_is_answered_in_its_thread(screen: Screen) -> None:
    await act_as(screen, "Cleo Cooper")
    await screen.part("channel-Signoff").click()
    await screen.say("What is the status of ORD-1042?")
    await expect(screen.thread).to_contain_text(re.compile("Order ORD-1042 is delivered", re.IGNORECASE))


async def test_a_second_demo_would_answer_the_first_ones_people(demo: Demo, home: Home) -> None:
    said = await refused("demo", home.path.parent, {"SIGNOFF_HOME": str(home.path.parent)})
    assert "Another demo is running in" in said


async def test_the_home_tab_shows_what_waits_and_what_the_bot_can_do(screen: Screen) -> None:
    await act_as(screen, "Cleo Cooper")
    await screen.part("home-tab").click()
    await expect(screen.part("home")).to_contain_text("Nothing that you asked for is waiting.")
    await screen.part("channel-orders").click()
    await screen.ask("@Signoff please order 1 Widget Pro for ada@example.com")
    await screen.part("channel-Signoff").click()
    await screen.part("home-tab").click()
    await expect(screen.part("home")).to_contain_text(re.compile("Place order.* in #orders, until"))
    await expect(screen.part("home")).to_contain_text("asks for approval first")
