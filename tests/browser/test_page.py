"""The sandbox's page as people use it: headless Chromium, the real sandbox, a bot on the Slack libraries."""

import pytest
from playwright.async_api import Browser, WebSocketRoute, expect

from bot.sandbox import SlackSandbox
from tests.browser.approving_bot import REASON, ApprovingBot
from tests.browser.screen import SandboxScreen, heard_by_bot
from tests.sandbox.slack_bots import MANIFEST, in_socket_mode, modal, section

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_is_typed_is_said(screen: SandboxScreen, sandbox: SlackSandbox) -> None:
    await screen.look_at("ann", "orders")
    await screen.part("composer").press_sequentially("Good morning")
    await screen.part("composer").press("Shift+Enter")
    await screen.part("composer").press_sequentially("<b>all</b> & sundry")
    await screen.part("composer").press("Enter")

    (said,) = await sandbox.until(lambda: list(sandbox.workspace.messages[sandbox.channels["orders"]].values()))
    assert (said.user, said.seen_text) == (sandbox.people["ann"], "Good morning\n<b>all</b> & sundry")
    await expect(screen.message(said.ts).locator(".content")).to_have_text("Good morning\n<b>all</b> & sundry")
    await expect(screen.part("composer")).to_have_value("")


async def test_what_others_say_appears_by_itself(screen: SandboxScreen, sandbox: SlackSandbox) -> None:
    await screen.look_at("ann", "orders")
    ts = await sandbox.say("ben", "orders", "Anything new?")
    await expect(screen.message(ts)).to_contain_text("Ben Baker")
    reply = await sandbox.say("cleo", "orders", "Not yet", thread_ts=ts)
    await screen.message(ts).get_by_text("1 reply").click()
    await expect(screen.thread.locator(f'[data-ts="{reply}"]')).to_contain_text("Not yet")
    await screen.part("thread-composer").fill("Soon")
    await screen.part("thread-composer").press("Enter")
    await sandbox.until(lambda: [one.text for one in sandbox.thread("orders", ts)] == ["Anything new?", "Not yet", "Soon"])
    await expect(screen.message(ts)).to_contain_text("2 replies")


async def test_a_link_to_a_message_leads_there(screen: SandboxScreen, sandbox: SlackSandbox) -> None:
    ts = await sandbox.say("ben", "orders", "Anything new?")
    reply = await sandbox.say("ben", "orders", "Yes", thread_ts=ts)
    orders = sandbox.channels["orders"]
    for message, below in ((ts, ""), (reply, f"?thread_ts={ts}&cid={orders}")):
        address = f"{sandbox.page_url}archives/{orders}/p{message.replace('.', '')}{below}"
        link = await sandbox.say("ben", "support", f"See <{address}|there>")
        await screen.look_at("ann", "support")
        await screen.message(link).get_by_role("link", name="there").click()
        await expect(screen.thread.locator(f'[data-ts="{reply}"]')).to_contain_text("Yes")


async def test_a_mention_opens_the_thread_in_which_the_bot_answers(
    screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot
) -> None:
    await screen.look_at("ann", "orders")
    await screen.part("composer").press_sequentially("@sig")
    await expect(screen.page.get_by_role("option", name="Signoff")).to_be_visible()
    await screen.part("composer").press("Enter")  # takes Signoff from the list and sends nothing
    await screen.part("composer").press_sequentially("order 12 lamps")
    await screen.part("composer").press("Enter")

    await expect(screen.thread.get_by_text("Place order: 12 × Nordic desk lamp")).to_be_visible()
    (mention,) = await sandbox.until(lambda: heard_by_bot(sandbox, "app_mention"))
    assert mention["text"] == f"<@{sandbox.bot_user_id}> order 12 lamps"
    assert screen.page.url.endswith(f"/{sandbox.channels['orders']}/{mention['ts']}")


async def test_a_click_turns_until_the_bot_has_acked_and_closes_the_card(
    screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot
) -> None:
    await screen.look_at("ben", "orders")
    await screen.ask()

    bot.may_answer.clear()
    await screen.button("approve").click()
    await sandbox.until(lambda: sandbox.deliveries[-1].kind == "block_actions")  # the bot has it, and does not answer yet
    await expect(screen.button("approve")).to_be_disabled()
    await expect(screen.button("approve")).to_have_attribute("aria-busy", "true")
    bot.may_answer.set()
    await expect(screen.thread).to_contain_text("Approved by @Ben Baker.")
    await expect(screen.button("approve")).to_have_count(0)
    (click,) = heard_by_bot(sandbox, "block_actions")
    assert (click["user"]["id"], click["actions"][0]["value"]) == (sandbox.people["ben"], "request-1")


async def test_a_dangerous_click_is_asked_about_first(screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot) -> None:
    await screen.look_at("ben", "orders")
    await screen.ask()
    await screen.button("delete").click()
    await screen.part("confirm-deny").click()
    await expect(screen.part("confirm")).to_have_count(0)
    await screen.button("delete").click()
    await screen.part("confirm-yes").click()
    clicks = await sandbox.until(lambda: heard_by_bot(sandbox, "block_actions"))
    assert len(clicks) == 1, "a click that was taken back reached the bot"


async def test_a_modal_shows_errors_beside_their_fields(screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot) -> None:
    await screen.look_at("ben", "orders")
    await screen.ask()
    await screen.button("reject").click()
    shown = screen.part("modal")
    reason, count = shown.locator('[data-block-id="reason"]'), shown.locator('[data-block-id="instead"]')

    await screen.part("modal-submit").click()
    await expect(reason.get_by_test_id("field-error")).to_have_text("Please complete this required field.")
    await shown.get_by_label("Reason").fill("expensive")
    await shown.get_by_label("How many instead?").fill("a few")
    await screen.part("modal-submit").click()
    await expect(reason.get_by_test_id("field-error")).to_be_hidden()
    await expect(count.get_by_test_id("field-error")).to_have_text("Enter a whole number.")
    assert heard_by_bot(sandbox, "view_submission") == []

    await shown.get_by_label("How many instead?").fill("6")
    await screen.part("modal-submit").click()
    await expect(reason.get_by_test_id("field-error")).to_have_text("Two words at least, please.")
    await expect(reason.get_by_test_id("field-error")).to_be_visible()
    await expect(shown.get_by_label("How many instead?")).to_have_value("6")
    await shown.get_by_label("Reason").fill("too expensive")
    await screen.part("modal-submit").click()
    await expect(shown).to_have_count(0)
    values = heard_by_bot(sandbox, "view_submission")[-1]["view"]["state"]["values"]
    assert (values["reason"]["entered"]["value"], values["instead"]["entered"]["value"]) == ("too expensive", "6")


async def test_what_is_typed_stays_when_the_app_changes_the_modal(
    screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot
) -> None:
    await screen.look_at("ben", "orders")
    await screen.ask()
    await screen.button("reject").click()
    await screen.part("modal").get_by_label("Reason").fill("too expensive")
    open_view = sandbox.view("ben")
    assert open_view is not None
    changed = modal(section("The price went up."), *REASON["blocks"])
    await bot.call("views.update", view_id=open_view.id, view=changed)
    await expect(screen.part("modal")).to_contain_text("The price went up.")
    await expect(screen.part("modal").get_by_label("Reason")).to_have_value("too expensive")


async def test_escape_closes_a_modal_and_gives_the_focus_back(
    screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot
) -> None:
    await screen.look_at("ben", "orders")
    await screen.ask()
    bot.may_answer.clear()
    await screen.button("reject").click()
    await expect(screen.part("modal").get_by_label("Reason")).to_be_focused()  # while the button still turns
    bot.may_answer.set()
    await screen.page.keyboard.press("Escape")
    await expect(screen.part("modal")).to_have_count(0)
    assert sandbox.view("ben") is None
    await expect(screen.button("reject")).to_be_focused()


async def test_an_ephemeral_is_seen_by_one_person_only(screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot) -> None:
    await screen.look_at("ann", "orders")
    await screen.ask()
    await screen.button("approve").click()
    await expect(screen.part("ephemeral")).to_contain_text("Only visible to you")
    await expect(screen.part("ephemeral")).to_contain_text("Only Ben may approve this.")
    await screen.part("act-as").select_option(label="Ben Baker")
    await expect(screen.button("approve")).to_be_visible()
    await expect(screen.part("ephemeral")).to_have_count(0)


async def test_acting_as_somebody_else_shows_and_does_what_they_can(screen: SandboxScreen, sandbox: SlackSandbox) -> None:
    await screen.look_at("ann", "orders")
    await expect(screen.part("channel-finance")).to_be_visible()
    await screen.part("act-as").select_option(label="Ben Baker")
    await expect(screen.part("channel-finance")).to_have_count(0)
    await screen.part("composer").fill("This is Ben")
    await screen.part("composer").press("Enter")
    await sandbox.until(lambda: [m.user for m in sandbox.workspace.messages[sandbox.channels["orders"]].values()])
    (said,) = sandbox.workspace.messages[sandbox.channels["orders"]].values()
    assert said.user == sandbox.people["ben"]

    await screen.part("act-as").select_option(label="Dan Dyer")
    await expect(screen.part("channel-pane")).to_contain_text("Dan Dyer is not a member of #orders")
    await expect(screen.part("composer")).to_have_count(0)


async def test_a_direct_message_and_the_home_tab(screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot) -> None:
    await screen.look_at("ann", "orders")
    await screen.part("home-tab").click()
    await expect(screen.part("home")).to_contain_text("Waiting for you")
    await screen.go_to("Signoff")
    await screen.part("composer").fill("What is in stock?")
    await screen.part("composer").press("Enter")
    await expect(screen.thread).to_contain_text("What is in stock?")
    (message,) = await sandbox.until(lambda: heard_by_bot(sandbox, "message"))
    assert (message["channel_type"], message["text"]) == ("im", "What is in stock?")


async def test_a_session_tells_what_it_does_and_can_be_stopped(
    screen: SandboxScreen, sandbox: SlackSandbox, bot: ApprovingBot
) -> None:
    await screen.look_at("ann", "orders")
    await screen.ask()
    (mention,) = await sandbox.until(lambda: heard_by_bot(sandbox, "app_mention"))
    await bot.call("agents.sessions.setStatus", channel_id=mention["channel"], thread_ts=mention["ts"], status="processing")
    await expect(screen.thread.get_by_test_id("status")).to_contain_text("Signoff is thinking…")
    await bot.call("agents.sessions.setStatus", channel_id=mention["channel"], thread_ts=mention["ts"], status="suspended")
    await expect(screen.thread.get_by_test_id("status")).to_contain_text("Signoff is waiting for a person")
    await screen.part("stop").click()
    (stopped,) = await sandbox.until(lambda: heard_by_bot(sandbox, "agent_session_stopped"))
    assert stopped["user"] == sandbox.people["ann"]


async def test_the_bar_says_which_model_answers_and_whether_the_bot_is_there(
    screen: SandboxScreen, sandbox: SlackSandbox
) -> None:
    await screen.look_at("ann", "orders")
    await expect(screen.part("note-model")).to_have_text("The scripted shop assistant is answering")
    await expect(screen.part("connection")).to_have_text("Signoff is not connected")
    async with in_socket_mode(sandbox, ApprovingBot(sandbox)):
        await expect(screen.part("connection")).to_have_text("Signoff is connected")


async def test_a_lost_connection_is_made_again(screen: SandboxScreen, sandbox: SlackSandbox) -> None:
    lines: list[WebSocketRoute] = []

    def through(line: WebSocketRoute) -> None:
        line.connect_to_server()
        lines.append(line)

    await screen.page.route_web_socket("**/sandbox/live**", through)
    await screen.look_at("ann", "orders")
    await lines[0].close()
    await expect(screen.part("connection")).to_have_text("Reconnecting to the sandbox…")
    ts = await sandbox.say("ben", "orders", "Still there?")
    await expect(screen.message(ts)).to_be_visible()
    assert len(lines) == 2


async def test_a_click_that_nobody_acks_says_so(browser: Browser) -> None:
    async with SlackSandbox(MANIFEST, ack_seconds=0.3) as sandbox:
        bot = ApprovingBot(sandbox)
        async with in_socket_mode(sandbox, bot):
            screen = SandboxScreen(await browser.new_page(), sandbox)
            await screen.look_at("ben", "orders")
            await screen.ask()
            bot.may_answer.clear()
            await screen.button("delete").click()
            await screen.part("confirm-yes").click()
            await expect(screen.part("toast")).to_contain_text("This didn't work")
            bot.may_answer.set()
            await screen.page.close()
