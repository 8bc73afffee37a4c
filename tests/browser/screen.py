"""The sandbox's page in a browser window, as tests look at it and use it."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, expect

from bot.sandbox import SlackSandbox
from tests.patience import PATIENCE_SECONDS
from tests.sandbox.slack_bots import Json

expect.set_options(timeout=1_000 * PATIENCE_SECONDS)


@asynccontextmanager
async def window(browser: Browser) -> AsyncGenerator[Page]:
    """A separate window. Fails when a script of the page fails or when it complains on the console."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, device_scale_factor=2)
    page = await context.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    assert complaints == []


@dataclass(frozen=True)
class Screen:
    """A window with the page in it."""

    page: Page

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def message(self, ts: str) -> Locator:
        """A message in the channel's own pane."""
        return self.part("messages").locator(f'[data-ts="{ts}"]')

    @property
    def thread(self) -> Locator:
        return self.part("thread-pane")

    def button(self, action_id: str) -> Locator:
        return self.thread.locator(f'[data-action-id="{action_id}"]')

    async def choose(self, name: str) -> None:
        """Opens the menu of the last card, and takes what it offers by this name."""
        await self.button("more").last.click()
        await self.thread.locator(f'[role="menuitem"][data-value^="{name}:"]').locator("visible=true").click()

    async def go_to(self, channel: str) -> None:
        """Opens a channel: what is typed before it is on the screen would be typed into the one before."""
        await self.part(f"channel-{channel}").click()
        await expect(self.part(f"channel-{channel}")).to_have_attribute("aria-current", re.compile("."))

    async def say(self, text: str) -> None:
        """Writes in the open channel."""
        await self.part("composer").fill(text)
        await self.part("composer").press("Enter")

    async def ask(self, text: str = "@Signoff order 12 lamps") -> None:
        """Writes to the bot in the open channel, and waits for its card in the thread."""
        await self.say(text)
        await expect(self.button("approve")).to_be_visible()


@dataclass(frozen=True)
class SandboxScreen(Screen):
    """A window on a sandbox in this process."""

    sandbox: SlackSandbox

    async def look_at(self, person: str, channel: str, thread_ts: str | None = None) -> None:
        place = [self.sandbox.people[person], self.sandbox.channels.get(channel, channel), *filter(None, [thread_ts])]
        await self.page.goto(f"{self.sandbox.page_url}#/as/{'/'.join(place)}")
        await expect(self.page.locator("body")).to_have_attribute("data-me", person)


def heard_by_bot(sandbox: SlackSandbox, kind: str) -> list[Json]:
    """The events or interactions of this kind that the bot has acked."""
    done = [one for one in sandbox.deliveries if one.kind == kind and one.acked_after_seconds is not None]
    return [one.payload.get("event") or one.payload for one in done]
