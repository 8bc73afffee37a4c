"""The page of an eval in a browser: on a desk and on a phone, light and dark, from a file, without asking anything of anybody."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bot.eval.against import compared
from bot.eval.figures import results_of
from bot.eval.page import sections
from bot.eval.wording import heading
from bot.report.page import page as html
from tests.browser.demo import ARTIFACTS
from tests.browser.files import BRIGHTNESS, INK, PAPER, Scheme, opened
from tests.unit.eval_cases import played
from tests.unit.test_eval_figures import REPEATS, RUN, SHOP, UNASKED, WRONG, finished

pytestmark = pytest.mark.asyncio(loop_scope="session")

TITLES = ["At a glance", "Figures", "By what cases are about", "Against an earlier run", "Cases that failed"]
HOSTILE = "<img src=http://127.0.0.1:1/a.png>" + "x" * 300
RUNS = [
    *(one for one in REPEATS if one.case != "d"),
    finished("d", 0, played(calls=UNASKED.calls, posts=("Approval needed", HOSTILE))),
    finished("d", 1, WRONG),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run in which cases failed."""
    path = tmp_path_factory.mktemp("eval") / "eval.html"
    results = results_of(SHOP, RUNS)
    told = sections(results, RUNS, compared(REPEATS, RUNS))
    path.write_text(html(heading(RUN, results), told, title="Signoff eval"))
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_failed_cases_open_to_their_conversation(browser: Browser, file: Path, width: int, scheme: Scheme) -> None:
    async with opened(browser, file, width, scheme) as page:
        assert await page.locator("h2").all_inner_texts() == TITLES
        assert await page.locator("#overview dt").first.inner_text() == "approval correctness"
        await expect(page.locator("#overview .lead")).to_contain_text("Approvals are not as they have to be in d.")
        story = page.locator("#failed details").filter(has_text="d failed in 2 of 2")
        await expect(story.locator(".told")).to_be_hidden()
        await story.locator("summary").click()
        await expect(story.locator(".told")).to_be_visible()
        await expect(story.locator(".wrong")).to_contain_text("nothing runs unasked: create_order ran by policy")
        await expect(story.locator("li.person").first).to_contain_text("Please order two of WGT-001")
        await expect(story.locator("li.call").nth(1)).to_contain_text("→ succeeded by policy")
        await expect(story.locator("li.bot").last).to_contain_text(HOSTILE)
        await page.locator("#failed details").evaluate_all("stories => stories.forEach((story) => { story.open = true; })")
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        paper, ink = await page.evaluate(BRIGHTNESS, PAPER), await page.evaluate(BRIGHTNESS, INK)
        assert (paper > 200 > 100 > ink) if scheme == "light" else (paper < 60 < 200 < ink)
        await page.screenshot(path=ARTIFACTS / f"eval-{width}-{scheme}.png", full_page=True)
