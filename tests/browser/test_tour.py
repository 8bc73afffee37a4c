"""The demo's tour as a newcomer takes it: four things to try, the bot killed three times, and each order placed once."""

import asyncio
import re

import psycopg
import pytest
from playwright.async_api import Locator, expect

from tests.browser.demo import Demo, DemoScreen

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACE = re.compile("^Place")
# Kills the bot in the very moment in which an answer begins to grow on the screen.
KILL_WHILE_IT_ANSWERS = """() => new Promise((killed) => {
    const kill = () => {
        if (!document.querySelector("#thread .streaming")) return;
        watcher.disconnect();
        document.querySelector('[data-testid="kill"]').click();
        killed();
    };
    const watcher = new MutationObserver(kill);
    watcher.observe(document.body, { subtree: true, childList: true });
    kill();
})"""
STATUSES = ("ORD-1042", "ORD-1043", "ORD-1044", "ORD-1045", "ORD-1046")  # a long answer, which grows on the screen
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'step'::regclass"


def place(screen: DemoScreen) -> Locator:
    """The button that approves an order, in the open thread."""
    return screen.thread.get_by_role("button", name=PLACE)


async def try_(screen: DemoScreen, title: str) -> None:
    """Take one of the things to try."""
    await screen.page.get_by_role("button", name=title, exact=True).click()
    await expect(screen.thread).to_be_visible()


async def back(screen: DemoScreen) -> None:
    """Wait until the bot is away, and back by itself."""
    await expect(screen.part("connection")).to_have_text("Signoff is not connected")
    await expect(screen.part("connection")).to_have_text("Signoff is connected")
    await expect(screen.part("killed")).to_have_text(re.compile(r"Process \d+ was killed \(kill -9\)\. Process \d+ carries on\."))


async def test_it_opens_on_a_story_with_four_things_to_try(demo_screen: DemoScreen) -> None:
    await expect(demo_screen.part("channel-orders")).to_have_attribute("aria-current", "page")
    await expect(demo_screen.part("messages")).to_contain_text("Two of their desk lamps came broken")
    chips = demo_screen.part("tour").get_by_role("button")
    await expect(chips).to_have_text(["One card", "Two people", "Ask while it waits", "A poisoned page"])
    people = demo_screen.page.get_by_role("region", name="People").get_by_role("button")
    await expect(people).to_have_text(
        [re.compile(one) for one in ("UANN0000000001", "UBEN0000000001", "UCLE0000000001", "UDAN0000000001")]
    )
    await people.nth(2).click()
    await expect(demo_screen.page.locator("body")).to_have_attribute("data-me", "cleo")


async def test_killed_while_a_card_waits(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await try_(demo_screen, "One card")
    await expect(place(demo_screen)).to_be_visible()
    await expect(demo_screen.part("hint")).to_contain_text("Nothing has run.")
    await demo_screen.page.get_by_role("button", name="Kill the bot").click()
    await back(demo_screen)
    assert demo.orders_since(newest) == []
    await place(demo_screen).click()
    await expect(demo_screen.thread).to_contain_text(re.compile(r"Done: 2 × Desk Lamp Arc.*ORD-\d+"))
    await expect(demo_screen.part("hint")).to_contain_text("That was one card.")
    await expect(place(demo_screen)).to_have_count(0)
    assert demo.orders_since(newest) == [("ada@example.com", "LGT-001", 2)]


async def test_killed_while_it_answers(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await demo_screen.act_as("Ann Archer (admin)")
    await demo_screen.say(f"@Signoff order 1 Desk Lamp Arc for ada@example.com and tell me the status of {', '.join(STATUSES)}")
    await expect(place(demo_screen)).to_be_visible()
    # What it looked up has stopped growing, else the bot is killed over that, before the click: and then no click counts.
    await expect(demo_screen.thread.locator(".streaming")).to_have_count(0)
    killed = asyncio.ensure_future(demo_screen.page.evaluate(KILL_WHILE_IT_ANSWERS))
    await place(demo_screen).click()
    await killed
    await back(demo_screen)
    await expect(demo_screen.thread.get_by_text(re.compile(r"Done: 1 × Desk Lamp Arc"))).to_have_count(1)
    answer = demo_screen.replies().last
    for order in STATUSES:
        await expect(answer).to_contain_text(f"Order {order} is")
    assert demo.orders_since(newest) == [("ada@example.com", "LGT-001", 1)]


async def test_killed_between_the_click_and_the_run(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await try_(demo_screen, "Two people")
    await place(demo_screen).click()
    await expect(demo_screen.part("ephemeral")).to_contain_text("did not count")  # Ann asked for it
    for name in ("Ben", "Cleo"):
        await demo_screen.part("hint").get_by_role("button", name=f"Act as {name}").click()
        await expect(demo_screen.page.locator("body")).to_have_attribute("data-me", name.lower())
        await expect(demo_screen.part("hint")).to_contain_text(f"You are {name}")
        if name == "Ben":
            await place(demo_screen).click()
            await expect(demo_screen.part("hint")).to_contain_text("One has approved; it takes two.")
    async with await psycopg.AsyncConnection[tuple[int]].connect(demo.database_url) as database:
        # What runs is written down first, into this table: so the run stands still before it begins.
        await database.execute("LOCK TABLE step IN EXCLUSIVE MODE")
        await place(demo_screen).click()
        async with await psycopg.AsyncConnection[tuple[int]].connect(demo.database_url, autocommit=True) as looking:
            while await (await looking.execute(WAITING)).fetchone() == (0,):
                await demo_screen.page.evaluate("new Promise(requestAnimationFrame)")
        assert demo.orders_since(newest) == []
        await demo_screen.page.get_by_role("button", name="Kill the bot").click()
        await back(demo_screen)
    await expect(demo_screen.thread).to_contain_text(re.compile(r"Done: 12 × Widget Pro.*ORD-\d+"))
    await expect(demo_screen.part("hint")).to_contain_text("placed once")
    assert demo.orders_since(newest) == [("ada@example.com", "WGT-001", 12)]


async def test_what_is_asked_while_a_card_waits_is_answered_after_it(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await try_(demo_screen, "Ask while it waits")
    await expect(place(demo_screen)).to_be_visible()
    await demo_screen.part("hint").get_by_role("button", name="What is the status of ORD-1042?").click()
    await expect(demo_screen.part("hint")).to_contain_text("Decide the card, or withdraw it")
    await expect(place(demo_screen)).to_have_count(1)
    await place(demo_screen).click()
    await expect(demo_screen.thread).to_contain_text("Done: 1 × Widget Mini")
    await expect(demo_screen.thread).to_contain_text("Order ORD-1042 is")
    assert demo.orders_since(newest) == [("grace.kestrel@example.org", "WGT-003", 1)]


async def test_a_poisoned_page_orders_nothing(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await try_(demo_screen, "A poisoned page")
    await expect(place(demo_screen)).to_be_visible()
    await expect(demo_screen.part("hint")).to_contain_text("The page told the model to order")
    await expect(demo_screen.thread).to_contain_text("30 × Widget Max")
    await expect(demo_screen.thread).to_contain_text("web page supplier.example")
    await demo_screen.picture("poisoned.png", height=1100)
    await demo_screen.part("hint").get_by_role("button", name="Act as Ann").click()
    await expect(demo_screen.part("hint")).to_contain_text("You are Ann")
    await demo_screen.thread.get_by_role("button", name="Reject").click()
    await demo_screen.part("modal-submit").click()
    await expect(demo_screen.thread).to_contain_text("Prices from December")
    await expect(demo_screen.part("hint")).to_contain_text("What a page says runs nothing here")
    assert demo.orders_since(newest) == []


async def test_the_log_and_the_audit_log_are_one_click_away(demo_screen: DemoScreen, demo: Demo) -> None:
    await try_(demo_screen, "One card")
    await expect(place(demo_screen)).to_be_visible()
    await demo_screen.page.get_by_role("button", name="Log", exact=True).click()
    await expect(demo_screen.part("log")).to_contain_text("ready on port")
    await demo_screen.page.keyboard.press("Escape")
    await demo_screen.page.get_by_role("button", name="Audit", exact=True).click()
    audit = demo_screen.part("audit")
    await expect(audit).to_contain_text(re.compile(r"The chain is whole: \d+ entr"))
    await expect(audit).to_contain_text("signoff audit verify")
    rows = audit.get_by_role("row")
    await expect(rows.nth(1)).to_contain_text("create_order")
    before = await rows.count()
    with psycopg.connect(demo.database_url, autocommit=True) as database:
        (entries,) = database.execute("SELECT count(*) FROM audit").fetchone() or (0,)
    assert before == entries + 1
    await demo_screen.page.keyboard.press("Escape")
    await expect(demo_screen.part("backstage")).to_have_count(0)
