"""`python -m tests.browser.film FILE`: twenty seconds of the demo, as an animated picture for README. `make film` does it.

It starts `signoff demo` in a folder that is removed afterwards, and does what a person would do in a headless Chromium.
"""

import asyncio
import base64
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page, async_playwright, expect

from bot.stores.embedded_home import Home
from tests.browser.animation import Frame, animation
from tests.browser.chromium import launched
from tests.browser.demo import DemoScreen
from tests.conftest import folder_for_servers
from tests.signoff import signoff

WIDTH, HEIGHT = 1000, 640
QUALITY = 60  # of each picture, from 0 to 100
READ, GLANCE, KEY = 3_000, 1_200, 90  # how long people look, in milliseconds: at a card, at a change, at a letter
ASKED = "@Signoff order 12 Widget Pro for ada@example.com"


@dataclass
class Film:
    """What was taken so far."""

    camera: CDPSession
    frames: list[Frame] = field(default_factory=list[Frame])

    async def take(self, milliseconds: int) -> None:
        """Take the window as it is, to be shown for so long."""
        camera: Any = self.camera  # what a command of the browser answers has no type
        picture = await camera.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        self.frames.append(Frame(base64.b64decode(picture["data"]), milliseconds))


async def play(page: Page, film: Film) -> None:
    """Ask for a large order, and have two people approve it."""
    screen = DemoScreen(page)
    await screen.act_as("Cleo Cooper")
    await screen.go_to("orders")
    await film.take(GLANCE)
    for end in range(8, len(ASKED) + 8, 8):
        await screen.part("composer").fill(ASKED[:end])
        await film.take(KEY * 2)
    await screen.part("composer").press("Enter")
    await expect(screen.button("approve")).to_be_visible()
    await film.take(READ)
    for person, seen in (("Ann Archer (admin)", "1 of 2"), ("Ben Baker", "Done: 12 ×")):
        await screen.act_as(person)
        await expect(screen.button("approve")).to_be_visible()
        await film.take(GLANCE)
        await screen.button("approve").click()
        await expect(screen.thread).to_contain_text(re.compile(seen))
        await film.take(READ)


async def taken() -> Sequence[Frame]:
    """Return the pictures of the whole play."""
    with folder_for_servers() as folder:
        async with (
            signoff("demo", "--no-browser", folder=folder, environment={"SIGNOFF_HOME": str(folder)}) as demo,
            async_playwright() as playwright,
            launched(playwright) as chromium,
        ):
            assert demo.stdout is not None
            url = (await demo.stdout.readline()).decode().strip()
            context = await chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page = await context.new_page()
            await page.goto(url)
            film = Film(await context.new_cdp_session(page))
            await play(page, film)
            demo.terminate()
            await demo.communicate()
        shutil.rmtree(Home(folder / "demo").postgres.data)  # for root it may lie outside of the folder
    return film.frames


def write(file: Path) -> None:
    """Write the film into a file, which is replaced."""
    frames = asyncio.run(taken())
    file.write_bytes(animation(frames, WIDTH, HEIGHT))
    seconds = sum(frame.milliseconds for frame in frames) / 1_000
    print(f"{file}: {len(frames)} pictures, {seconds:.0f} s, {file.stat().st_size // 1_000} kB")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
