"""A demo that ends, in whatever way, and is started again: its workspace is there, and a card of before is decided after."""

import os
import re
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bot.stores.embedded_home import Home
from tests.browser.demo import Demo, DemoScreen
from tests.browser.screen import window
from tests.conftest import folder_for_servers
from tests.signoff import signoff

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACE = re.compile("^Place")


@asynccontextmanager
async def demo_screen(browser: Browser, folder: Path, ends_with: signal.Signals) -> AsyncGenerator[DemoScreen]:
    """A demo in this folder and a window on it; at the end it gets this signal."""
    environment = {"SIGNOFF_HOME": str(folder)}
    async with signoff("demo", "--no-browser", folder=folder, environment=environment) as process:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        async with window(browser) as page:
            await page.goto(address)
            screen = DemoScreen(page)
            await expect(screen.part("connection")).to_have_text("Signoff is connected")
            yield screen
        os.kill(process.pid, ends_with)
        await process.wait()


@pytest.mark.parametrize("ends_with", [signal.SIGTERM, signal.SIGKILL])
async def test_the_workspace_is_there_again_and_the_card_of_before_is_decided_once(
    browser: Browser, ends_with: signal.Signals
) -> None:
    with folder_for_servers() as folder:
        home = Home(folder / "demo")
        demo = Demo("", home.postgres.url)
        async with demo_screen(browser, folder, ends_with) as screen:
            newest = demo.newest_order()
            await screen.page.get_by_role("button", name="One card", exact=True).click()
            await expect(screen.thread.get_by_role("button", name=PLACE)).to_be_visible()
            place = screen.page.url.split("#")[1]
        async with demo_screen(browser, folder, signal.SIGTERM) as screen:
            await expect(screen.part("messages")).to_contain_text("Two of their desk lamps came broken")
            await screen.page.goto(f"{screen.page.url.split('#')[0]}#{place}")  # people, channels and times are the same
            await expect(screen.part("hint")).to_contain_text("Nothing has run")
            await screen.thread.get_by_role("button", name=PLACE).click()
            await expect(screen.thread).to_contain_text(re.compile(r"Done: 2 × Desk Lamp Arc.*ORD-\d+"))
            await expect(screen.thread.get_by_role("button", name=PLACE)).to_have_count(0)
            assert demo.orders_since(newest) == [("ada@example.com", "LGT-001", 2)]
        shutil.rmtree(home.postgres.data)  # for root it may lie outside of the folder
