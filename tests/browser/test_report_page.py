"""The report's page in a browser: on a desk and on a phone, light and dark, from a file, without asking anything of anybody."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from agent.reports.period.read import PeriodRows, figures
from bot.cards.harmless_text import visible
from bot.report.page import page as html
from bot.report.parts import count_text, money, share
from bot.report.sections import heading, sections
from tests.browser.demo import ARTIFACTS
from tests.browser.files import BRIGHTNESS, INK, PAPER, Scheme, opened, refuses
from tests.browser.report_sample import HOSTILE, LINK, SINCE, TOOLS, UNTIL, busy_month

pytestmark = pytest.mark.asyncio(loop_scope="session")

TITLES = [
    "At a glance",
    "Spending",
    "Iterations and the cap",
    "Tools",
    "Approvals",
    "Runs to look at",
    "Prompt versions",
    "Shadow runs",
]
EMPTY = [
    "No model was called.",
    "No run called a model.",
    "No tool was called.",
    "Nobody was asked to approve anything.",
    "There was no run.",
    "No prompt was used.",
    "No version ran hidden.",
]
CHARTS = {
    "spending": 4,
    "iterations": 1,
    "tools": 2,
    "approvals": 2,
    "prompts": 1,
}
CHART_PAPER, CHART_INK = ["#chart-sessions .main-svg .bg", "fill"], ["#chart-sessions .xtick text", "fill"]
OF = busy_month()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a busy month."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(heading(OF), sections(OF, visible)))
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_each_section_is_seen_with_its_figures(browser: Browser, file: Path, width: int, scheme: Scheme) -> None:
    async with opened(browser, file, width, scheme) as page:
        assert await page.locator("h2").all_inner_texts() == TITLES
        for name, number in CHARTS.items():
            charts = page.locator(f"#{name} [data-chart]")
            await expect(charts.locator("> .js-plotly-plot, .plot-container")).to_have_count(number)
            for chart in await charts.all():
                await expect(chart.locator(".main-svg").first).to_be_visible()
        await expect(page.locator("#overview dl")).to_contain_text(f"{OF.runs}")
        for by in ("agent", "user", "channel"):
            table = page.get_by_role("table", name=f"Spent by {by}", exact=True)
            dearest = OF.spent[by][0]
            cells = await table.locator("tbody tr").first.locator("td").all_inner_texts()
            assert cells == [
                *(
                    dearest.of,
                    count_text(dearest.sessions),
                    count_text(dearest.calls),
                    count_text(dearest.tokens),
                    money(dearest.nano_usd),
                ),
                *(count_text(dearest.median_tokens), count_text(dearest.p99_tokens)),
            ]
        capped = await page.get_by_role("table", name="Model calls of a run").locator("td:last-child").all_inner_texts()
        assert capped == [share(one.capped) for one in OF.iterations]
        rates = await page.get_by_role("table", name="Tools", exact=True).locator("td:nth-child(4)").all_inner_texts()
        assert rates == [share(one.failed) for one in OF.tools]
        cards = await page.get_by_role("table", name="By tool and rule").locator("td:nth-child(3)").all_inner_texts()
        assert cards == [count_text(one.cards) for one in OF.rules]
        for caption, runs in (
            ("Slowest", OF.unusual.slowest),
            ("Dearest", OF.unusual.dearest),
            ("Worst rated", OF.unusual.worst),
        ):
            traces = await page.get_by_role("table", name=caption).locator("td:last-child").all_inner_texts()
            assert traces == [run.trace for run in runs]
        good = await page.get_by_role("table", name="Prompt versions").locator("td:nth-child(9)").all_inner_texts()
        assert good == [count_text(one.good.part) for one in OF.prompts]
        await page.screenshot(path=ARTIFACTS / f"report-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("width", [1280, 390])
async def test_the_page_is_no_wider_than_the_window_and_its_tables_scroll(browser: Browser, file: Path, width: int) -> None:
    async with opened(browser, file, width, "light") as page:
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        wide = page.locator("#runs .wide").first
        assert await wide.evaluate("region => region.scrollWidth > region.clientWidth")
        await wide.evaluate("region => region.scrollTo(10_000, 0)")
        assert await wide.locator("td:last-child").first.evaluate("cell => cell.getBoundingClientRect().right") <= width
        for chart in await page.locator("[data-chart]").all():
            assert await chart.evaluate("chart => chart.getBoundingClientRect().right <= document.documentElement.clientWidth")


async def test_charts_follow_when_the_machine_turns_dark(browser: Browser, file: Path) -> None:
    async with opened(browser, file, 1280, "light") as page:
        await expect(page.locator("#chart-sessions .xtick").first).to_be_visible()
        for paper, ink in ((PAPER, INK), (CHART_PAPER, CHART_INK)):
            assert await page.evaluate(BRIGHTNESS, paper) > 200 > 100 > await page.evaluate(BRIGHTNESS, ink)
        await page.emulate_media(color_scheme="dark")
        await page.wait_for_function(f"() => ({BRIGHTNESS})({CHART_PAPER}) < 60")
        for paper, ink in ((PAPER, INK), (CHART_PAPER, CHART_INK)):
            assert await page.evaluate(BRIGHTNESS, paper) < 60 < 200 < await page.evaluate(BRIGHTNESS, ink)


async def test_names_that_look_like_code_are_text(browser: Browser, file: Path) -> None:
    async with opened(browser, file, 1280, "light") as page:
        names = await page.get_by_role("table", name="Tools", exact=True).locator("td:first-child").all_inner_texts()
        assert sorted(names) == sorted(TOOLS)
        assert HOSTILE in await page.locator("#chart-latency .ytick text").all_text_contents()
        assert LINK in await page.locator("#chart-latency .ytick text").all_text_contents()
        assert await page.locator("main a, svg a").count() == 0  # plotly would make one of it


async def test_without_javascript_the_tables_say_it_all(browser: Browser, file: Path) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(file.as_uri())
    await expect(page.locator("noscript .note")).to_be_visible()
    await expect(page.locator(".chart:visible")).to_have_count(0)
    assert await page.get_by_role("table").count() == 11
    await context.close()


async def test_the_browser_is_forbidden_to_ask_anything_of_anybody(browser: Browser, file: Path) -> None:
    await refuses(browser, file, "connect-src", "frame-src", "img-src", "script-src-elem")


async def test_where_nothing_happened_each_section_says_so(browser: Browser, tmp_path: Path) -> None:
    nothing = figures(SINCE, UNTIL, PeriodRows())
    (tmp_path / "report.html").write_text(html(heading(nothing), sections(nothing, visible)))
    async with opened(browser, tmp_path / "report.html", 390, "light") as page:
        assert await page.locator(".empty").all_inner_texts() == EMPTY
        assert await page.get_by_role("table").count() == 0
