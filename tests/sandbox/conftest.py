"""A sandbox, a bot in it and a window on it."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, ConsoleMessage

from bot.sandbox import SlackSandbox
from tests.sandbox.approving_bot import ApprovingBot
from tests.sandbox.screen import Screen
from tests.sandbox.slack_bots import MANIFEST, in_socket_mode

NOTES = {"model": "The scripted shop assistant is answering"}


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, notes=NOTES) as sandbox:
        yield sandbox


@pytest.fixture
async def bot(sandbox: SlackSandbox) -> AsyncIterator[ApprovingBot]:
    bot = ApprovingBot(sandbox)
    async with in_socket_mode(sandbox, bot):
        yield bot


@pytest.fixture
async def screen(browser: Browser, sandbox: SlackSandbox) -> AsyncIterator[Screen]:
    """A page that fails its test when a script of it fails or when it complains on the console."""
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield Screen(page, sandbox)
    await page.close()
    assert complaints == []
