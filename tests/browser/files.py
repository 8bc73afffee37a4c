"""Pages that are files: opened at a width and in a scheme, and what the browser forbids them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page

from tests.browser.screen import window

Scheme = Literal["light", "dark"]
# How bright a colour is, from 0 to 255, as the eye weighs its parts.
BRIGHTNESS = """([selector, property]) => {
    const [red, green, blue] = getComputedStyle(document.querySelector(selector))[property].match(/[0-9.]+/g).map(Number);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
}"""
PAPER, INK = ["body", "backgroundColor"], ["body", "color"]
TRIES = """() => {
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (event) => window.refused.push(event.effectiveDirective));
    fetch("http://127.0.0.1:1/").catch(() => {});
    new Image().src = "http://127.0.0.1:1/a.png";
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    const frame = document.createElement("iframe");
    frame.src = "http://127.0.0.1:1/";
    document.body.append(frame);
    const style = document.createElement("style");
    style.textContent = "body { background: red }";
    document.body.append(style);
}"""


@asynccontextmanager
async def opened(browser: Browser, file: Path, width: int, scheme: Scheme) -> AsyncGenerator[Page]:
    """The file in a window. Fails if anything but the file is asked for, or the page complains."""
    async with window(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.set_viewport_size({"width": width, "height": 844})
        await page.emulate_media(color_scheme=scheme)
        await page.goto(file.as_uri())
        yield page
        assert asked == [file.as_uri()]


async def refuses(browser: Browser, file: Path, *directives: str) -> None:
    """Asks others, runs a script, opens a frame and adds a style in the page: these directives of its policy refuse it."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(file.as_uri())
    await page.evaluate(TRIES)
    await page.wait_for_function(f"window.refused.length === {len(directives)}")
    assert sorted(await page.evaluate("window.refused")) == sorted(directives)
    assert await page.evaluate("window.ran") is None
    await context.close()
