"""One Chromium for all tests here, and for each a sandbox, a bot in it and a window on it.

What Playwright opened in one event loop cannot be used in another, so all of this, and the tests, run in the session's.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, async_playwright, expect
from pytest_asyncio import fixture

from bot.sandbox import SlackSandbox
from bot.stores.embedded_home import Home
from tests.browser.approving_bot import ApprovingBot
from tests.browser.chromium import launched
from tests.browser.demo import Demo, DemoScreen
from tests.browser.screen import SandboxScreen, window
from tests.conftest import folder_for_servers
from tests.sandbox.slack_bots import MANIFEST, in_socket_mode
from tests.signoff import signoff

NOTES = {"model": "The scripted shop assistant is answering"}


@fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """See `launched`."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        try:
            chromium = await stack.enter_async_context(launched(playwright))
        except LookupError as none_here:
            if os.environ.get("SIGNOFF_REQUIRE_BROWSER"):
                pytest.fail(str(none_here))
            pytest.skip(str(none_here))
        yield chromium


@fixture(loop_scope="session")
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, notes=NOTES) as sandbox:
        yield sandbox


@fixture(loop_scope="session")
async def bot(sandbox: SlackSandbox) -> AsyncIterator[ApprovingBot]:
    bot = ApprovingBot(sandbox)
    async with in_socket_mode(sandbox, bot):
        yield bot


@fixture(loop_scope="session")
async def screen(browser: Browser, sandbox: SlackSandbox) -> AsyncIterator[SandboxScreen]:
    async with window(browser) as page:
        yield SandboxScreen(page, sandbox)


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """Where the demo keeps its data: gone when all tests here are over."""
    with folder_for_servers() as folder:
        home = Home(folder / "demo")
        yield home
        shutil.rmtree(home.postgres.data)  # for root it may lie outside of the folder


@fixture(scope="session", loop_scope="session")
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
async def demo_screen(browser: Browser, demo: Demo) -> AsyncIterator[DemoScreen]:
    async with window(browser) as page:
        await page.goto(demo.page_url)
        screen = DemoScreen(page)
        await expect(screen.part("connection")).to_have_text("Signoff is connected")
        yield screen
