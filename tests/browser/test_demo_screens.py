"""What the demo looks like: on a phone, in the dark, to a screen reader, and to somebody without a mouse."""

import json
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect

from tests.browser.demo import Demo, DemoScreen
from tests.browser.files import BRIGHTNESS, INK, PAPER
from tests.signoff import REPOSITORY

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = REPOSITORY / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"  # `make axe` installs it there
PHONE, DESK = (390, 844), (1280, 800)
State = Literal["channel", "menu", "card", "decided", "dialog", "home", "log", "audit", "people"]
STATES: tuple[State, ...] = ("channel", "menu", "card", "decided", "dialog", "home", "log", "audit", "people")
# What is cut off on the right, and what lies over another thing that can be pressed, both as texts.
TROUBLE = """() => {
    const trouble = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) trouble.push(`the page is ${document.documentElement.scrollWidth} wide`);
    const pressable = "button, select, textarea, a, [role=combobox]";
    const named = (node) => node.getAttribute("aria-label") || node.textContent.trim().slice(0, 30) || node.tagName;
    const scrolledAway = (node, x, y) => {
        for (let around = node.parentElement; around; around = around.parentElement) {
            const box = around.getBoundingClientRect();
            const clips = getComputedStyle(around).overflow !== "visible";
            if (clips && (x < box.left || x > box.right || y < box.top || y > box.bottom)) return true;
        }
        return false;
    };
    for (const node of document.querySelectorAll(pressable)) {
        const box = node.getBoundingClientRect();
        if (!box.width || !node.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        if (!node.closest(".table") && (box.left < -1 || box.right > width + 1)) trouble.push(`${named(node)} is cut off`);
        const x = box.left + box.width / 2, y = box.top + box.height / 2;
        if (node.closest("[inert]") || x < 0 || y < 0 || x > width || y > innerHeight || scrolledAway(node, x, y)) continue;
        const over = document.elementFromPoint(x, y)?.closest(pressable);
        const other = over && over !== node && !over.contains(node) && !node.contains(over);
        if (other) trouble.push(`${named(over)} lies over ${named(node)}`);
    }
    return trouble;
}"""
# Does what has the focus have this name?
FOCUSED = """(name) => {
    const node = document.activeElement;
    return new RegExp(name).test(node.getAttribute("aria-label") ?? node.textContent);
}"""


async def show(screen: DemoScreen, state: State) -> None:
    """Bring this state onto the screen, whatever the window's width."""
    page = screen.page
    await page.goto(page.url.split("#")[0] + "#/")
    await page.reload()
    await expect(screen.part("connection")).to_have_text("Signoff is connected")
    if await screen.part("modal").count():  # of the state before: it is open until somebody closes it
        await page.keyboard.press("Escape")
        await expect(screen.part("modal")).to_have_count(0)
    match state:
        case "channel":
            await expect(screen.part("tour")).to_be_visible()
        case "menu":
            if await screen.part("menu").is_visible():
                await screen.part("menu").click()
            await expect(screen.part("channel-general")).to_be_visible()
        case "card" | "dialog" | "decided":
            await screen.page.get_by_role("button", name="One card", exact=True).click()
            await expect(screen.thread.get_by_role("button", name=re.compile("^Place"))).to_be_visible()
            if state != "card":
                await screen.thread.get_by_role("button", name="Reject").click()
                await expect(screen.part("modal")).to_be_visible()
            if state == "decided":
                await screen.part("modal-submit").click()
                await expect(screen.part("hint")).to_contain_text("That was one card")
        case "home":
            if await screen.part("menu").is_visible():
                await screen.part("menu").click()
            await screen.part("home-tab").click()
            await expect(screen.part("home").get_by_role("heading").first).to_be_visible()
        case "log" | "audit":
            await screen.part(f"open-{state}").click()
            await expect(screen.part("backstage").locator("pre, table").first).to_be_visible()
        case "people":
            await screen.part("composer").fill("@")
            await expect(page.get_by_role("listbox", name="People")).to_be_visible()


@asynccontextmanager
async def seen(screen: DemoScreen, size: tuple[int, int], scheme: Literal["light", "dark"]) -> AsyncGenerator[Page]:
    """The window at a size, by day or by night."""
    await screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    await screen.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    yield screen.page
    await screen.page.emulate_media(color_scheme="light", reduced_motion="no-preference")


@pytest.mark.parametrize("state", STATES)
async def test_on_a_phone_nothing_is_cut_off_and_nothing_lies_over_another(demo_screen: DemoScreen, state: State) -> None:
    async with seen(demo_screen, PHONE, "light") as page:
        await show(demo_screen, state)
        await demo_screen.picture(f"phone-{state}.png", width=PHONE[0], height=PHONE[1])
        assert await page.evaluate(TROUBLE) == []


@pytest.mark.parametrize("state", STATES)
async def test_it_has_a_dark_side(demo_screen: DemoScreen, state: State) -> None:
    async with seen(demo_screen, DESK, "dark") as page:
        await show(demo_screen, state)
        await demo_screen.picture(f"dark-{state}.png")
        assert await page.evaluate(BRIGHTNESS, PAPER) < 60 < 190 < await page.evaluate(BRIGHTNESS, INK)
        bright = "(nodes) => nodes.filter((node) => getComputedStyle(node).backgroundColor === 'rgb(255, 255, 255)').length"
        assert await page.locator("body *").evaluate_all(bright) == 0


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        sentence = "axe-core is not here: run `make axe`."
        if os.environ.get("SIGNOFF_REQUIRE_BROWSER"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return Path(AXE).read_text()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(
    demo_screen: DemoScreen, axe: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    found: dict[str, list[str]] = {}
    async with seen(demo_screen, size, scheme) as page:
        for state in STATES:
            await show(demo_screen, state)
            await page.evaluate(axe)
            told: Any = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
            for one in told["violations"]:
                if one["impact"] in ("serious", "critical"):
                    found.setdefault(one["id"], []).extend(
                        f"{state}: {node['html'][:150]} {node['failureSummary']}" for node in one["nodes"]
                    )
    assert found == {}, json.dumps(found, indent=1)


async def test_the_tour_is_taken_without_a_mouse(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    page = demo_screen.page

    async def press(name: str) -> None:
        """Tab on until this button has the focus, as everybody sees it, and press it."""
        for _ in range(80):
            await page.keyboard.press("Tab")
            if await page.evaluate(FOCUSED, f"^{name}"):
                style = "getComputedStyle(document.activeElement).outlineStyle"
                assert await page.evaluate(style) != "none"
                await page.keyboard.press("Enter")
                return
        pytest.fail(f"Tab never comes to {name}.")

    await press("Kill the bot")
    await expect(demo_screen.part("connection")).to_have_text("Signoff is not connected")
    await expect(demo_screen.part("kill")).to_be_focused()
    await expect(demo_screen.part("connection")).to_have_text("Signoff is connected")
    await expect(demo_screen.part("kill")).to_be_focused()
    await press("Two people")
    await expect(demo_screen.part("hint")).to_contain_text("two others decide")
    for name in ("Ben", "Cleo"):
        await press(f"Act as {name}")
        await expect(demo_screen.part("hint")).to_contain_text(f"You are {name}")
        await press("Place")
        if name == "Ben":
            await expect(demo_screen.part("hint")).to_contain_text("One has approved")
    await expect(demo_screen.part("hint")).to_contain_text("placed once")
    await press("Open the audit log")
    await expect(demo_screen.part("audit")).to_contain_text("The chain is whole")
    await page.keyboard.press("Escape")
    await expect(demo_screen.part("hint").get_by_role("button")).to_be_focused()
    assert demo.orders_since(newest) == [("ada@example.com", "WGT-001", 12)]
