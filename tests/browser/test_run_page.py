"""The page of one run in a browser: on a desk and on a phone, light and dark, from a file, without asking anything of anybody."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from agent.reports.run_tree import Fact, Node
from bot.report.run_page import run_page
from tests.browser.demo import ARTIFACTS
from tests.browser.files import BRIGHTNESS, INK, PAPER, Scheme, opened, refuses
from tests.browser.report_sample import HOSTILE

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment of the run."""
    return BEGAN + timedelta(seconds=seconds)


def chat(begins: float, ends: float) -> Node:
    """A model call."""
    facts: dict[str, Fact] = {"stop_reason": "tool_use", "input_tokens": 1_200, "output_tokens": 80, "cost_usd": 0.0048}
    return Node("chat", "claude-sonnet-5-5", at(begins), at(ends), facts)


def a_run() -> list[Node]:
    """Two turns: one with a card that was waited for and a tool of a hostile name, one that is not over."""
    card = Node(
        "approval", "create_order", at(2), at(62), {"rule": HOSTILE, "quorum": 1, "digest": "d" * 16, "outcome": "approved"}
    )
    card.children.append(Node("event", "approve", at(61), at(61), {"by": "U0ANN"}))
    run = Node("execute_tool", HOSTILE, at(62), at(70), {"outcome": "succeeded", "output_bytes": 512})
    first = Node("turn", "1", at(0), at(80), {"by": "U0ANN", "outcome": "success", "trace": "a" * 32})
    first.children += [chat(0, 2), card, run, chat(70, 80)]
    second = Node("turn", "2", at(100), None, {"by": "U0BEN", "trace": "b" * 32}, [Node("chat", "claude-sonnet-5-5", at(100))])
    return [first, second]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that run."""
    path = tmp_path_factory.mktemp("trace") / "trace.html"
    path.write_text(run_page(["T1:C1:1.0  assistant"], a_run(), lambda name, fact: f"{name} {fact}"))
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_tree_is_read_at_any_width_in_both_schemes(browser: Browser, file: Path, width: int, scheme: Scheme) -> None:
    async with opened(browser, file, width, scheme) as page:
        assert await page.locator("h2").all_inner_texts() == ["At a glance", "Turn 1", "Turn 2"]
        first = page.locator("#turn-1 > .tree > li")
        assert await first.locator("> .node .what").all_inner_texts() == [
            "chat claude-sonnet-5-5",
            "approval create_order",
            f"execute_tool {HOSTILE}",
            "chat claude-sonnet-5-5",
        ]
        assert await first.locator("> .node .took").all_inner_texts() == ["2.0s", "1m 0s", "8.0s", "10s"]
        await expect(page.locator("#turn-1 .approval li .what")).to_have_text("approve")
        await expect(page.locator("#turn-2 .took")).to_have_text("not over")
        await expect(page.locator("#overview dl")).to_contain_text("$0.009600")
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        bright, dim = (PAPER, INK) if scheme == "light" else (INK, PAPER)
        assert await page.evaluate(BRIGHTNESS, bright) > 200 > 100 > await page.evaluate(BRIGHTNESS, dim)
        await page.screenshot(path=ARTIFACTS / f"trace-{width}-{scheme}.png", full_page=True)


async def test_a_bar_shows_when_each_part_was(browser: Browser, file: Path) -> None:
    async with opened(browser, file, 1280, "light") as page:
        shares = "bars => bars.map(bar => [bar.x.baseVal.value, bar.width.baseVal.value].map(Math.round))"
        bars = await page.locator("#turn-1 > .tree > li > .bar rect").evaluate_all(shares)
        assert bars == [[0, 3], [3, 75], [78, 10], [88, 13]]


async def test_the_browser_is_forbidden_to_ask_or_run_anything(browser: Browser, file: Path) -> None:
    await refuses(browser, file, "connect-src", "frame-src", "img-src", "script-src-elem", "style-src-elem")
