"""What the page makes of text: markup where Slack reads it, and nothing live where data stands."""

# slack_sdk leaves its dicts untyped:
# pyright: reportUnknownMemberType=false

import pytest
from playwright.async_api import expect

from bot.sandbox import SlackSandbox
from tests.browser.approving_bot import plain
from tests.browser.screen import SandboxScreen
from tests.sandbox.slack_bots import Json, actions, button, modal, section, text_input, web_client

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = (
    '<img src=x onerror="window.ran=1"><script>window.ran=1</script> <!channel> <@U1> <https://evil.example|safe> '
    "https://evil.example *bold* _it_ `code` [x](javascript:window.ran=1) &lt;b&gt; &amp;amp;"
)


def rich(kind: str, text: str) -> Json:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": [{"type": "text", "text": text}]}]}


async def posted(screen: SandboxScreen, *blocks: Json, text: str = "A card") -> str:
    """Posts blocks as the bot and opens the channel; the ts."""
    sandbox = screen.sandbox
    answer = await web_client(sandbox).api_call(
        "chat.postMessage", json={"channel": sandbox.channels["orders"], "text": text, "blocks": [*blocks]}
    )
    await screen.look_at("ann", "orders")
    ts = str(answer["ts"])
    await expect(screen.message(ts)).to_be_visible()
    return ts


async def test_data_stays_text(screen: SandboxScreen) -> None:
    blocks: list[Json] = [
        {"type": "header", "text": plain(HOSTILE[:150])},
        {"type": "section", "text": plain(HOSTILE)},
        {"type": "section", "fields": [plain(HOSTILE)]},
        {"type": "context", "elements": [plain(HOSTILE)]},
        {"type": "image", "image_url": "https://evil.example/x.png", "alt_text": HOSTILE},
        {"type": "table", "rows": [[{"type": "raw_text", "text": "value"}], [{"type": "raw_text", "text": HOSTILE}]]},
        rich("rich_text_section", HOSTILE),
        rich("rich_text_preformatted", HOSTILE),
        rich("rich_text_quote", HOSTILE),
    ]
    ts = await posted(screen, *blocks)
    shown = screen.message(ts).locator(".block")
    await expect(shown).to_have_count(len(blocks))
    for place in range(len(blocks)):
        await expect(shown.nth(place)).to_contain_text(HOSTILE[:150])
    await expect(shown.locator("a, img, script, iframe, .mention, strong, em, code")).to_have_count(0)
    assert await screen.page.evaluate("window.ran") is None


async def test_labels_of_buttons_and_dialogs_stay_text(screen: SandboxScreen) -> None:
    label = "<img src=x onerror=window.ran=1> <!here> *b*"
    menu: Json = {"type": "overflow", "action_id": "menu", "options": [{"text": plain(label), "value": "v"}]}
    asked = {"title": plain(label), "text": plain(label), "confirm": plain("<b>Go</b>"), "deny": plain("<i>No</i>")}
    ts = await posted(screen, actions(button(label, "go", confirm=asked), menu))
    card = screen.message(ts)
    await expect(card.locator('[data-action-id="go"]')).to_have_text(label)
    await card.locator('[data-action-id="menu"]').click()
    await expect(card.get_by_role("menuitem")).to_have_text(label)
    await screen.page.keyboard.press("Escape")
    await card.locator('[data-action-id="go"]').click()
    await expect(screen.part("confirm").get_by_role("heading")).to_have_text(label)
    await expect(screen.part("confirm-yes")).to_have_text("<b>Go</b>")
    await expect(screen.page.locator("img, .mention")).to_have_count(0)
    assert await screen.page.evaluate("window.ran") is None


async def test_what_a_person_types_stays_text(screen: SandboxScreen, sandbox: SlackSandbox) -> None:
    await screen.look_at("ann", "orders")
    await screen.part("composer").fill('<img src=x onerror="window.ran=1"> <!channel> <javascript:window.ran=1|x>')
    await screen.part("composer").press("Enter")
    content = screen.part("messages").locator(".content")
    await expect(content).to_have_text('<img src=x onerror="window.ran=1"> <!channel> <javascript:window.ran=1|x>')
    await expect(content.locator("img, a, .mention")).to_have_count(0)
    assert await screen.page.evaluate("window.ran") is None


async def test_a_modal_shows_data_as_text(screen: SandboxScreen, sandbox: SlackSandbox) -> None:
    ts = await posted(screen, actions(button("Open", "open")))
    await screen.message(ts).locator('[data-action-id="open"]').click()
    click = await sandbox.until(lambda: next((one for one in sandbox.deliveries if one.kind == "block_actions"), None))
    field = text_input("why", "<b>Why</b>", element={"initial_value": "<i>so</i>"}, hint=plain("<@U1> *hint*"))
    view = modal(section("See <javascript:window.ran=1|this>"), field, title="<u>Title</u>")
    await web_client(sandbox).api_call("views.open", json={"trigger_id": click.payload["trigger_id"], "view": view})
    await expect(screen.part("modal").get_by_role("heading")).to_have_text("<u>Title</u>")
    await expect(screen.part("modal").get_by_label("<b>Why</b>")).to_have_value("<i>so</i>")
    await expect(screen.part("modal")).to_contain_text("<@U1> *hint*")
    await expect(screen.part("modal").locator("a, b, i, u, .mention")).to_have_count(0)


MRKDWN = [
    ("*bold* _slanted_ ~gone~ `*code*`", "<strong>bold</strong> <em>slanted</em> <s>gone</s> <code>*code*</code>"),
    ("*_both_*", "<strong><em>both</em></strong>"),
    ("snake_case_name 2*3*4 a~b~c", "snake_case_name 2*3*4 a~b~c"),
    ("&lt;b&gt; &amp;lt;", "&lt;b&gt; &amp;lt;"),
    ("&gt; quoted\nnot", "<blockquote>quoted</blockquote>not"),
    ("```\n*raw* &lt;x&gt;\n```", '<pre class="code">*raw* &lt;x&gt;</pre>'),
    ("<!here>", '<span class="mention mention-me">@here</span>'),
    ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
    ("<!date^0^{nothing}|then>", "<time>{nothing}</time>"),
    (
        "<https://a.example/x_y_z?a=1&amp;b=2|a _b_>",
        '<a href="https://a.example/x_y_z?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">a _b_</a>',
    ),
    (
        "See https://a.example/x_y_z.",
        'See <a href="https://a.example/x_y_z" target="_blank" rel="noopener noreferrer">https://a.example/x_y_z</a>.',
    ),
]


async def test_mrkdwn(screen: SandboxScreen) -> None:
    ts = await posted(screen, *(section(text) for text, _ in MRKDWN))
    shown = await screen.message(ts).locator(".section-body .text").evaluate_all("all => all.map((one) => one.innerHTML)")
    assert shown == [html for _, html in MRKDWN]


async def test_people_and_channels_are_mentioned_by_name(screen: SandboxScreen) -> None:
    sandbox = screen.sandbox
    text = f"<@{sandbox.people['ann']}> <@{sandbox.people['ben']}> <#{sandbox.channels['general']}>"
    ts = await posted(screen, section(text))
    await expect(screen.message(ts).locator(".mention")).to_have_text(["@Ann Archer", "@Ben Baker", "#general"])
    await expect(screen.message(ts).locator(".mention-me")).to_have_text("@Ann Archer")


async def test_a_markdown_block(screen: SandboxScreen) -> None:
    lines = [
        "# Stock",
        "**3 lamps**, *cheap*, ~~old~~ and `a*b*`",
        "",
        "- one",
        "  - nested",
        "- two",
        "",
        "| sku | price |",
        "|:----|------:|",
        "| L\\|1 | **9** |",
        "",
        "```python",
        "print('<b>')",
        "```",
        "[good](https://a.example) [bad](javascript:window.ran=1) <b>raw</b>",
    ]
    ts = await posted(screen, {"type": "markdown", "text": "\n".join(lines)})
    block = screen.message(ts).locator(".block-markdown")
    await expect(block.get_by_role("heading")).to_have_text("Stock")
    assert await block.locator("p").first.inner_html() == (
        "<strong>3 lamps</strong>, <em>cheap</em>, <s>old</s> and <code>a*b*</code>"
    )
    assert await block.locator("ul").first.inner_html() == "<li>one<ul><li>nested</li></ul></li><li>two</li>"
    await expect(block.get_by_role("cell")).to_have_text(["L|1", "9"])
    await expect(block.locator("pre")).to_have_text("print('<b>')")
    await expect(block.get_by_role("link")).to_have_text("good")
    await expect(block).to_contain_text("<b>raw</b>")


async def test_a_block_that_the_page_does_not_know_is_named(screen: SandboxScreen) -> None:
    sandbox = screen.sandbox
    ts = await posted(screen, section("known"))
    message = sandbox.workspace.message(sandbox.channels["orders"], ts)
    assert message is not None
    sandbox.workspace.change_message(message, blocks=({"type": "hologram", "block_id": "b0"},))
    await expect(screen.message(ts)).to_contain_text("This page cannot show a block of the type hologram.")


async def test_a_table_on_a_phone_breaks_no_word(screen: SandboxScreen) -> None:
    heads = ("Product", "Customer", "Quantity", "Description")
    cells = ("Espresso Machine Barista", "grace@example.org", "1,234", "Unbreakable porcelain")
    rows = [[{"type": "raw_text", "text": text} for text in row] for row in (heads, cells)]
    markdown = "\n".join(("| " + " | ".join(row) + " |") for row in (heads, ["---"] * 4, cells))
    await screen.page.set_viewport_size({"width": 390, "height": 844})
    await posted(screen, {"type": "table", "rows": rows}, {"type": "markdown", "text": markdown})
    broken = """(tables) => tables.flatMap((table) => [...table.querySelectorAll("th, td")]).flatMap((cell) => {
        const range = document.createRange(), text = cell.firstChild;
        return [...text.data.matchAll(/[^ ]+/g)].filter(({ index, 0: word }) => {
            range.setStart(text, index);
            range.setEnd(text, index + word.length);
            return range.getClientRects().length > 1;
        }).map(([word]) => word);
    })"""
    tables = screen.part("messages").locator("table")
    await expect(tables).to_have_count(2)
    assert await tables.evaluate_all(broken) == []
    assert await screen.page.evaluate("document.documentElement.scrollWidth") == 390
