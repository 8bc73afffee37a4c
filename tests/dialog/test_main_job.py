"""The main job, end to end: asked, proposed, approved by a click, done once."""

from tests.dialog.conftest import World


async def test_a_mention_becomes_a_card_and_a_click_an_order(shop: World) -> None:
    slack, ann, orders = shop.slack, shop.slack.people["ann"], shop.slack.channels["orders"]
    before = await shop.rows("SELECT count(*) FROM shop.orders")
    ts = await slack.mention(ann, orders, "please order 2 espresso machines for ada@example.com")
    card = await slack.until(lambda: next((m for m in slack.thread(orders, ts) if "[Place order]" in m.seen_text), None))
    assert "ada@example.com" in card.seen_text
    assert await shop.rows("SELECT count(*) FROM shop.orders") == before
    await slack.click(ann, orders, card.ts, "approve")
    await slack.until(lambda: len(slack.thread(orders, ts)) == 3)
    closed = await slack.until(lambda: next((m for m in slack.thread(orders, ts) if "Done." in m.seen_text), None))
    assert closed.ts == card.ts
    assert "[Place order]" not in closed.seen_text
    assert await shop.rows("SELECT count(*) FROM shop.orders") == [(before[0][0] + 1,)]
