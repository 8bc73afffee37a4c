"""The main job as a person sees it: the real `signoff demo`, a browser, and the database behind both."""

import re

import pytest
from playwright.async_api import Browser, expect

from bot.stores.embedded_home import Home
from tests.browser.demo import Demo, DemoScreen
from tests.browser.screen import Screen, window
from tests.signoff import refused

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_asked_rejected_with_a_reason_proposed_again_approved_done(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await expect(demo_screen.part("note-model")).to_contain_text("scripted")
    await demo_screen.act_as("Ben Baker")
    await demo_screen.go_to("orders")
    await demo_screen.say("Two of the desk lamps for the new office came broken. Can somebody get new ones?")
    await demo_screen.act_as("Ann Archer (admin)")
    await demo_screen.ask("@Signoff please order 2 Desk Lamp Arc for ada@example.com")
    await expect(demo_screen.thread).to_contain_text("Order 2 × Desk Lamp Arc for Ada Byron")
    await expect(demo_screen.thread.get_by_test_id("status")).to_contain_text("waiting for a person")
    await demo_screen.picture("sandbox-card.png", height=880)
    assert demo.orders_since(newest) == []

    await demo_screen.button("reject").click()
    await demo_screen.part("modal").get_by_label("Reason").fill("only 1, the other one can be mended")
    await demo_screen.part("modal-submit").click()
    await expect(demo_screen.thread).to_contain_text("Rejected by @Ann Archer")
    await expect(demo_screen.thread).to_contain_text("Order 1 × Desk Lamp Arc for Ada Byron")
    await expect(demo_screen.button("approve")).to_have_count(1)
    assert demo.orders_since(newest) == []

    await demo_screen.act_as("Ben Baker")
    await demo_screen.button("approve").click()
    await expect(demo_screen.thread).to_contain_text("Approved by @Ben Baker")
    await expect(demo_screen.thread).to_contain_text(re.compile(r"Done: 1 × Desk Lamp Arc.*ORD-\d+"))
    for name in ("approve", "reject", "more"):
        await expect(demo_screen.button(name)).to_have_count(0)  # both cards are closed
    assert demo.orders_since(newest) == [("ada@example.com", "LGT-001", 1)]


async def test_a_click_that_comes_too_late_is_told_so(demo_screen: DemoScreen, browser: Browser, demo: Demo) -> None:
    newest = demo.newest_order()
    await demo_screen.act_as("Ann Archer (admin)")
    await demo_screen.go_to("support")
    await demo_screen.ask("@Signoff please order 1 Widget Pro for ada@example.com")
    async with window(browser) as other:
        await other.goto(demo_screen.page.url)
        slow = Screen(other)
        await expect(slow.button("approve")).to_be_visible()
        await other.route("**/sandbox/state**", lambda route: None)  # from now on this window does not hear what happens
        await demo_screen.button("approve").click()
        await expect(demo_screen.thread).to_contain_text("Done.")
        await slow.button("approve").click()
        await expect(demo_screen.part("ephemeral")).to_contain_text("already settled")
        await other.unroute_all(behavior="ignoreErrors")
    assert len(demo.orders_since(newest)) == 1


async def test_a_direct_message_is_answered_in_its_thread(demo_screen: DemoScreen) -> None:
    await demo_screen.act_as("Cleo Cooper")
    await demo_screen.go_to("Signoff")
    await demo_screen.say("What is the status of ORD-1042?")
    await expect(demo_screen.thread).to_contain_text(re.compile("Order ORD-1042 is delivered", re.IGNORECASE))


async def test_a_second_demo_would_answer_the_first_ones_people(demo: Demo, home: Home) -> None:
    said = await refused("demo", home.path.parent, {"SIGNOFF_HOME": str(home.path.parent)})
    assert "Another demo is running in" in said


async def test_the_home_tab_shows_what_waits_and_what_the_bot_can_do(demo_screen: DemoScreen) -> None:
    await demo_screen.act_as("Cleo Cooper")
    await demo_screen.part("home-tab").click()
    await expect(demo_screen.part("home")).to_contain_text("Nothing that you asked for is waiting.")
    await demo_screen.go_to("orders")
    await demo_screen.ask("@Signoff please order 1 Widget Pro for ada@example.com")
    await demo_screen.go_to("Signoff")
    await demo_screen.part("home-tab").click()
    await expect(demo_screen.part("home")).to_contain_text("Order 1 × Widget Pro for Ada Byron")
    await expect(demo_screen.part("home")).to_contain_text("Asked by @Cleo Cooper in #orders")
    await expect(demo_screen.part("home")).to_contain_text("until Tomorrow")
    await expect(demo_screen.part("home")).to_contain_text("asks for approval first")
