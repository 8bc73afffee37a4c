"""A message that grows on the page: its tasks stand open, and are folded away once it has its answer."""

import pytest
from playwright.async_api import expect
from slack_sdk.models.messages.chunk import MarkdownTextChunk, PlanUpdateChunk, TaskUpdateChunk

from agent.decide.moves import AnswerPart
from bot.cards.messages import below_answer
from bot.sandbox import SlackSandbox
from tests.browser.demo import ARTIFACTS
from tests.browser.screen import SandboxScreen
from tests.sandbox.slack_bots import web_client

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_tasks_are_open_while_a_message_grows_and_folded_away_afterwards(
    sandbox: SlackSandbox, screen: SandboxScreen
) -> None:
    client, channel = web_client(sandbox), sandbox.channels["orders"]
    root = await sandbox.mention("ann", "orders", "what does a Widget Pro cost, and a lamp?")
    await screen.look_at("ann", "orders", root)
    started = await client.chat_startStream(
        channel=channel,
        thread_ts=root,
        recipient_user_id=sandbox.people["ann"],
        recipient_team_id=sandbox.team_id,
        task_display_mode="plan",
        chunks=[
            PlanUpdateChunk(title="Working on it"),
            TaskUpdateChunk(id="t1", title="Looking up Widget Pro", status="complete"),
            TaskUpdateChunk(id="t2", title="Looking up lamp", status="in_progress"),
        ],
    )
    growing = screen.thread.locator(f'[data-ts="{started["ts"]}"]')
    await expect(growing.get_by_text("Looking up lamp")).to_be_visible()
    await expect(growing.get_by_label("in progress")).to_be_visible()
    await expect(growing.get_by_label("Still writing")).to_be_visible()
    await screen.page.screenshot(path=ARTIFACTS / "stream-growing.png")
    answer = AnswerPart("A **Widget Pro** costs 49.00 USD.\n\n| what | price |\n|---|---|\n| lamp | 12 |", rated_turn=1)
    await client.chat_stopStream(
        channel=channel,
        ts=started["ts"],
        chunks=[
            TaskUpdateChunk(id="t2", title="Looking up lamp", status="complete"),
            PlanUpdateChunk(title="2 steps"),
            MarkdownTextChunk(text=answer.text),
        ],
        blocks=below_answer(answer, {}),
    )
    await expect(growing.get_by_label("Still writing")).to_have_count(0)
    await expect(growing.get_by_text("Looking up lamp")).to_be_hidden()
    await expect(growing.get_by_role("button", name="This answer was good")).to_be_visible()
    await expect(growing.get_by_role("button", name="Say what is wrong with this answer")).to_have_text("Wrong answer?")
    await screen.page.screenshot(path=ARTIFACTS / "stream-done.png")
    await growing.get_by_text("2 steps").click()
    await expect(growing.get_by_text("Looking up lamp")).to_be_visible()
