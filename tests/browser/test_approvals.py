"""Approvals as people meet them in the real `signoff demo`: cards, modals, batches, a message meanwhile, the Home tab."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.demo import Demo, DemoScreen

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN, BEN, CLEO, DAN = "Ann Archer (admin)", "Ben Baker", "Cleo Cooper", "Dan Dyer"
BATCH = "@Signoff order 2 Desk Lamp Arc, 1 Widget Pro and 1 Floor Lamp Reader for ada@example.com"


async def asked(demo_screen: DemoScreen, person: str, channel: str, text: str) -> None:
    """Somebody asks in a channel, and a card stands in the thread."""
    await demo_screen.act_as(person)
    await demo_screen.go_to(channel)
    await demo_screen.say(text)
    await expect(demo_screen.button("approve").first).to_be_visible()


async def test_a_card_says_what_would_run_and_what_would_change_in_this_order(demo_screen: DemoScreen) -> None:
    note = 'with the note "Leave at the desk"'
    await asked(demo_screen, BEN, "support", f"@Signoff please order 2 Desk Lamp Arc for ada@example.com {note}")
    card = demo_screen.replies().last
    await demo_screen.picture("card.png")
    in_order = (
        r"Order 2 × Desk Lamp Arc for Ada Byron · \$118.00",  # the action and its scope, by name, and how much
        r"customer: ada@example.com · sku: LGT-001 · note: Leave at the desk",
        r"Would change stock \d+ → \d+",
        "Binding; the shop can cancel it until it is packed.",
        "Asked by @Ben Baker · needs a full member of this conversation · until",
        r"Place order · \$118\s*Reject",
    )
    await expect(card).to_have_text(re.compile(".*".join(in_order), re.DOTALL))


async def test_the_details_have_what_the_card_has_no_room_for_and_a_decided_card_is_two_lines(demo_screen: DemoScreen) -> None:
    await asked(demo_screen, BEN, "support", "@Signoff please order 2 Desk Lamp Arc for ada@example.com")
    await demo_screen.act_as(DAN)  # who may not decide sees no less
    await demo_screen.choose("details")
    in_order = (
        r"quantity\s*2",
        r"note\s*\"\"",
        r"By which rule\s*default",
        "create_order",
        "Its digest",
        "I chose Desk Lamp Arc",
    )
    await expect(demo_screen.part("modal")).to_have_text(re.compile(".*".join(in_order), re.DOTALL))
    await demo_screen.picture("details.png", height=960)
    await demo_screen.part("modal-close").click()
    await demo_screen.act_as(BEN)
    await demo_screen.button("approve").click()
    closed = demo_screen.cards().first
    lines = r"✅ Order 2 × Desk Lamp Arc for Ada Byron · \$118.00 · ORD-\d+\s*Details\s*Approved by @Ben Baker · .* · Done\."
    await expect(closed).to_have_text(re.compile(lines))
    await demo_screen.picture("decided.png")
    await demo_screen.button("details").click()
    await expect(demo_screen.part("modal")).to_contain_text("unit_price_usd")
    await demo_screen.part("modal-close").click()


async def test_an_edit_is_filled_in_checked_and_asked_anew(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await asked(demo_screen, ANN, "orders", "@Signoff please order 2 Desk Lamp Arc for ada@example.com")
    await demo_screen.act_as(BEN)
    await demo_screen.choose("edit")
    modal = demo_screen.part("modal")
    for label, value in {"customer": "ada@example.com", "sku": "LGT-001", "quantity": "2", "note (optional)": ""}.items():
        await expect(modal.get_by_label(label, exact=True)).to_have_value(value)
    await demo_screen.fill(sku="the lamp", quantity="0")
    await demo_screen.part("modal-submit").click()
    wrong = modal.get_by_test_id("field-error").locator("visible=true")
    await expect(wrong).to_have_text("Enter a number of at least 1.")
    await demo_screen.fill(quantity="3")
    await demo_screen.part("modal-submit").click()
    await expect(wrong).to_contain_text("This is not in the form that is needed")
    await demo_screen.picture("edit-modal.png", height=960)
    await demo_screen.fill(sku="LGT-003")
    await demo_screen.part("modal-submit").click()

    old, new = demo_screen.cards().nth(0), demo_screen.cards().nth(1)
    await expect(new).to_contain_text("Order 3 × Desk Lamp Mini for Ada Byron")
    await expect(new).to_contain_text("Edited by @Ben Baker")
    await expect(old).to_contain_text("Edited by @Ben Baker")
    await expect(old.locator("[data-action-id]")).to_have_count(1)  # its details
    await demo_screen.picture("edited.png", height=1300)
    assert demo.orders_since(newest) == []
    await demo_screen.act_as(CLEO)
    await demo_screen.button("approve").click()
    await expect(new).to_contain_text("Approved by @Cleo Cooper")
    await expect(demo_screen.thread).to_contain_text("Done: 3 × Desk Lamp Mini")
    assert demo.orders_since(newest) == [("ada@example.com", "LGT-003", 3)]


async def test_a_batch_is_one_message_and_each_row_is_decided_alone(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await asked(demo_screen, ANN, "orders", BATCH)
    await demo_screen.picture("batch-open.png", height=1700)
    await expect(demo_screen.cards()).to_have_count(1)
    batch = demo_screen.cards().first
    await expect(batch.get_by_role("heading")).to_have_text("3 orders for Ada Byron · $265.00")
    for said_once in ("Binding; the shop can cancel", "Asked by"):
        await expect(batch.get_by_text(said_once)).to_have_count(1)
    await demo_screen.button("approve").nth(0).click()
    await expect(batch).to_contain_text("Approved by @Ann Archer")
    await expect(batch).to_contain_text("2 of 3 orders for Ada Byron")
    await demo_screen.picture("batch-narrow.png", width=700)
    assert await demo_screen.page.evaluate("document.documentElement.scrollWidth") == 700  # nothing is cut off on the right
    await demo_screen.picture("batch.png", height=1500)
    await demo_screen.button("one_by_one").click()
    modal = demo_screen.part("modal")
    await expect(modal.locator('[data-action-id="reject"]')).to_have_count(2)
    await demo_screen.picture("one-by-one.png", height=1100)
    await modal.locator('[data-action-id="reject"]').nth(0).click()
    await modal.get_by_label("Reason").fill("we have these")
    await demo_screen.part("modal-submit").click()
    await expect(modal).to_contain_text("Rejected by @Ann Archer")  # it is drawn anew
    await expect(modal.locator('[data-action-id="reject"]')).to_have_count(1)
    await demo_screen.part("modal-close").click()
    await expect(batch).to_contain_text("Rejected by @Ann Archer")
    await expect(demo_screen.button("approve")).to_have_count(1)
    await demo_screen.button("approve").click()
    await expect(demo_screen.thread).to_contain_text("Done: 1 × Floor Lamp Reader")
    await expect(batch).to_contain_text("3 orders for Ada Byron, none waits any more")
    await demo_screen.picture("batch-closed.png", height=1700)
    assert sorted(demo.orders_since(newest)) == [("ada@example.com", "LGT-001", 2), ("ada@example.com", "LGT-006", 1)]


async def test_one_click_approves_all_that_a_batch_shows(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await asked(demo_screen, ANN, "orders", "@Signoff order 2 Desk Lamp Arc and 1 Widget Pro for ada@example.com")
    await demo_screen.button("approve_all").click()
    await demo_screen.picture("approve-all.png")
    await demo_screen.part("confirm-yes").click()
    await expect(demo_screen.thread).to_contain_text("Done: 1 × Widget Pro")
    assert len(demo.orders_since(newest)) == 2


async def test_a_suggested_prompt_shows_cards_at_once(demo_screen: DemoScreen) -> None:
    await demo_screen.act_as(DAN)
    await demo_screen.go_to("Signoff")
    await demo_screen.picture("prompts.png")
    prompts = demo_screen.page.get_by_role("group", name="Suggested prompts")
    await prompts.get_by_role("button", name="Place an order").click()
    await expect(demo_screen.thread).to_contain_text("2 orders")
    await expect(prompts).to_have_count(0)  # the conversation has begun


async def test_always_allow_runs_the_same_order_again_until_it_is_revoked(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await asked(demo_screen, CLEO, "orders", "@Signoff order 1 Widget Pro for ada@example.com")
    await demo_screen.choose("always")
    await expect(demo_screen.part("modal")).to_contain_text("run without asking anybody")
    await demo_screen.picture("always-allow.png", height=960)
    await demo_screen.part("modal-submit").click()
    await expect(demo_screen.thread).to_contain_text("Done: 1 × Widget Pro")
    await demo_screen.reply("order 1 Widget Pro for ada@example.com")
    await expect(demo_screen.thread.get_by_text("Done: 1 × Widget Pro")).to_have_count(2)
    await demo_screen.picture("allowed.png")
    assert len(demo.orders_since(newest)) == 2

    thread = demo_screen.page.url
    await demo_screen.part("home-tab").click()
    home = demo_screen.part("home")
    await expect(home).to_contain_text("4 of 5 uses left")
    await demo_screen.picture("home-grant.png", height=1300)
    await home.locator('[data-action-id="revoke"]').click()
    await demo_screen.part("confirm-yes").click()
    await expect(home).to_contain_text("You have given none.")
    await demo_screen.page.goto(thread)
    await demo_screen.reply("order 1 Widget Pro for ada@example.com")
    await expect(demo_screen.button("approve")).to_be_visible()
    await demo_screen.button("reject").click()
    await demo_screen.part("modal-submit").click()
    await expect(demo_screen.thread).to_contain_text("Rejected by @Cleo Cooper")
    assert len(demo.orders_since(newest)) == 2


async def test_a_message_while_a_card_waits_offers_to_withdraw_it(demo_screen: DemoScreen, demo: Demo) -> None:
    newest = demo.newest_order()
    await asked(demo_screen, ANN, "orders", "@Signoff order 1 Widget Pro for ada@example.com")
    await demo_screen.reply("What is the status of ORD-1042?")
    await expect(demo_screen.replies().last).to_contain_text("I am waiting for a decision on Order 1 × Widget Pro for Ada Byron")
    await demo_screen.picture("waiting.png", height=1000)
    await demo_screen.button("withdraw").click()
    await expect(demo_screen.thread).to_contain_text("Withdrawn by @Ann Archer")
    await expect(demo_screen.thread).to_contain_text("Order ORD-1042 is")
    await expect(demo_screen.button("approve")).to_have_count(0)
    await demo_screen.picture("withdrawn.png", height=1000)
    assert demo.orders_since(newest) == []


async def test_the_home_tab_has_what_waits_first_then_outcomes_permissions_and_budget(demo_screen: DemoScreen) -> None:
    await asked(demo_screen, BEN, "orders", "@Signoff order 1 Widget Pro for ada@example.com")
    await demo_screen.choose("always")
    await demo_screen.part("modal-submit").click()
    await expect(demo_screen.thread).to_contain_text("Done: 1 × Widget Pro")
    await asked(demo_screen, BEN, "orders", "@Signoff order 12 Desk Lamp Mini for ada@example.com")
    await demo_screen.act_as(ANN)  # who asked is none of the two
    await demo_screen.button("approve").click()
    await expect(demo_screen.thread).to_contain_text("1 of 2 approvals: @Ann Archer")
    await demo_screen.picture("quorum.png")
    await asked(demo_screen, ANN, "orders", "@Signoff order 3 Office Chair Task for grace.kestrel@example.org")
    await demo_screen.act_as(BEN)
    await demo_screen.part("home-tab").click()
    home = demo_screen.part("home")
    in_order = (
        "Waiting for your decision.*3 × Office Chair Task.*Asked by @Ann Archer",
        "You asked for.*Order 12 × Desk Lamp Mini.*2 approvals needed.*heard so far: @Ann Archer",
        "Recent outcomes.*Order 1 × Widget Pro.*Done",
        r"Your standing permissions.*Place order \(create_order\).*Revoke",
        "Budgets.*No budget of yours is half used",
    )
    await expect(home).to_have_text(re.compile(".*".join(in_order), re.DOTALL))
    await demo_screen.picture("home-tab.png", height=1500)
