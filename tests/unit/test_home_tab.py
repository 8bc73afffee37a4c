"""The Home tab, as a person in a hurry reads it: what waits comes first, everything fits, and nothing in it is live.

Long because it holds every part of one tab to what people read of it.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.memory.items import MemoryItem, Source
from agent.memory.values import Value
from agent.reports.home_overview import GrantSeen, SpentOfBudget, Waiting
from agent.session.steps import Granted, ProposedAction
from agent.store.action_seen import ActionSeen
from agent.tool.definition import Tool, ToolContext, registry
from agent.types import Allowed, Place, Preview, Verdict
from bot.cards.endings import ENDINGS
from bot.cards.values import Mask
from bot.home.budgets import BudgetSeen, Raisable, raise_view
from bot.home.home_rows import card_link, pattern_in_words
from bot.home.home_view import PAGE, AgentSeen, HomeContent, home_view
from bot.home.memories import SeenItem
from bot.sandbox.slack.blocks import view_faults
from bot.sandbox.slack.reading import read_blocks

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACE = Place(team="T1", channel="C1", thread_ts="1700000000.000100")
SLACK = "https://team.slack.com/"
NAMES = {"U1": "Ann", "U2": "Ben", "C1": "orders"}


class Payment(BaseModel):
    """What `pay` takes."""

    to: str


async def pay(arguments: Payment, context: ToolContext) -> dict[str, Any]:
    """Nothing is paid."""
    return {}


TOOLS = registry(
    [
        Tool(
            name="pay",
            description="Pays somebody. It needs the name.",
            arguments=Payment,
            handler=pay,
            verb="Pay",
            headline=lambda given: f"Pay {given.to}",
            can="Pay somebody. Ask: “Pay Ada”",
        )
    ]
)
AGENTS = (AgentSeen(TOOLS),)


REMEMBERED = SeenItem(
    MemoryItem(id=1, channel="C1", kind="fact", text="We pack on Fridays.", source=Source(key="k", quote=""), learnt_at=NOW),
    ("C1", "1.0"),
)
KEPT = Value(kind="preference", key="tone", value="short", channel="C1", set_by="U1")


def proposed(to: Any = "Ada", **fields: Any) -> ProposedAction:
    """A payment that waits."""
    values: dict[str, Any] = {"verdict": Verdict(answer="ask", rule="default"), "requesters": ("U1",), "expires_at": NOW}
    identity = {"action_id": f"A-{to}", "call_id": "call", "digest": "d" * 64}
    return ProposedAction.model_validate(identity | {"tool": "pay", "arguments": {"to": to}} | values | fields)


def seen(status: str = "pending", place: Place = PLACE, decided_by: str = "", **fields: Any) -> ActionSeen:
    """The same, as it stands."""
    return ActionSeen(proposed(**fields), place, status, decided_by, NOW if decided_by else None)


def waiting(voters: tuple[str, ...] = (), **fields: Any) -> Waiting:
    """The same, with those who voted."""
    return Waiting(seen(**fields), voters)


def granted(*pattern: Allowed, uses: int = 1) -> GrantSeen:
    """A standing permission for two further payments."""
    verdict = Verdict(answer="ask", rule="default")
    body = Granted(
        grant_id="G1", action_id="A1", tool="pay", pattern=pattern, verdict=verdict, by="U2", expires_at=NOW, most_uses=3
    )
    return GrantSeen(body, PLACE, uses, 3, NOW)


def read(gathered: HomeContent, **pages: int) -> str:
    """Everything that a person can read of the tab, which Slack takes."""
    view = home_view(gathered, pages, TOOLS, SLACK)
    assert view_faults(view) == []
    return read_blocks(view["blocks"], NAMES)


# ---------------------------------------------------------------------------------------------- what is on it


def test_what_waits_for_me_comes_first_then_what_i_asked_for() -> None:
    text = read(HomeContent(decide=[waiting(to="Cleo")], asked=[waiting(to="Ada")], recent=[seen("failed", to="Dan")]))
    order = ["Waiting for your decision", "Pay Cleo", "You asked for", "Pay Ada", "Recent outcomes", "Pay Dan"]
    order += ["Your standing permissions", "Budgets", "What I can do"]
    assert sorted(order, key=text.index) == order


def test_what_i_asked_for_and_may_decide_stands_there_once() -> None:
    mine = waiting(to="Cleo")
    both = read(HomeContent(decide=[mine], asked=[mine, waiting(to="Ada")]))
    assert (both.count("Pay Cleo"), both.count("Pay Ada")) == (1, 1)
    assert both.index("Pay Cleo") < both.index("You asked for") < both.index("Pay Ada")
    assert "stands above" in read(HomeContent(decide=[mine], asked=[mine]))


def test_an_empty_tab_says_so_in_each_part() -> None:
    text = read(HomeContent(agents=AGENTS))
    for words in ("Nothing waits for you.", "Nothing that you asked for is waiting.", "You have given none."):
        assert words in text
    assert "No budget of yours is half used." in text
    assert "Pay somebody. Ask: “Pay Ada”  _(asks for approval first)_" in text  # what the agent can do


def test_what_waits_says_who_asked_where_and_until_when() -> None:
    text = read(HomeContent(decide=[waiting()]))
    told = "Asked by @Ann in #orders, 2026-11-21 12:00 UTC  ·  until 2026-11-22 12:00 UTC  ·  Open the card"
    assert f"Pay Ada\n[Review…]\n{told}" in text


def test_a_quorum_says_who_was_heard() -> None:
    two = Verdict(answer="ask", rule="default", quorum=2)
    assert "2 approvals needed (heard so far: @Ben)" in read(HomeContent(decide=[waiting(("U2",), verdict=two)]))


def test_an_unknown_outcome_is_a_question_without_a_deadline() -> None:
    text = read(HomeContent(decide=[waiting(status="unknown")]))
    assert "Outcome unknown: Pay Ada" in text
    assert "until" not in text


def test_what_i_may_decide_has_review_and_an_unknown_outcome_leads_to_its_question() -> None:
    rows = [waiting(), waiting(to="Cleo", status="unknown")]
    view = home_view(HomeContent(decide=rows, asked=[waiting(to="Dan")], links={"A-Cleo": f"{SLACK}question"}), {}, TOOLS, SLACK)
    review, answer = [block["accessory"] for block in view["blocks"] if "accessory" in block]
    assert (review["action_id"], review["value"], review["text"]["text"]) == ("review", "A-Ada", "Review…")
    assert (answer["url"], answer["text"]["text"]) == (f"{SLACK}question", "Answer…")


def test_a_link_leads_to_the_card_and_where_that_is_not_known_to_the_thread() -> None:
    card = f"{SLACK}archives/C1/p1700000000000200?thread_ts=1700000000.000100&cid=C1"
    rows = HomeContent(decide=[waiting()], recent=[seen("succeeded", to="Dan")], links={"A-Ada": card})
    text = json.dumps(home_view(rows, {}, TOOLS, SLACK))
    assert f"<{card}|Open the card>" in text
    assert '"url": "https://team.slack.com/archives/C1/p1700000000000100", "text": "Open the card"' in text


def test_a_copys_link_is_for_those_who_cannot_read_the_thread() -> None:
    session, verdict = "T1:C1:1700000000.000100", Verdict(answer="ask", rule="default", post_to="C9")
    posted = {(session, "card:A-Ada"): "17.2", (session, "copy:A-Ada"): "17.3", (session, "question:A-Ada:2"): "17.4"}
    there, mine = f"?thread_ts={PLACE.thread_ts}&cid=C1", seen(verdict=verdict)
    assert card_link(mine, posted, {"C1"}, SLACK) == f"{SLACK}archives/C1/p172{there}"
    assert card_link(mine, posted, {"C9"}, SLACK) == f"{SLACK}archives/C9/p173"
    assert card_link(seen("unknown", verdict=verdict), posted, {"C1"}, SLACK) == f"{SLACK}archives/C1/p174{there}"
    assert card_link(mine, {}, {"C1"}, SLACK) == ""


def parts(block: dict[str, Any]) -> list[dict[str, Any]]:
    """The pieces of a rich text."""
    return [part for line in block["elements"] for part in line["elements"]] if block["type"] == "rich_text" else []


def test_a_direct_message_is_called_one() -> None:
    direct = Place(team="T1", channel="D1", thread_ts="1.0")
    assert "in a direct message" in read(HomeContent(asked=[waiting(place=direct)]))


@pytest.mark.parametrize("status", ENDINGS)
def test_every_outcome_is_told_in_words_with_who_decided(status: str) -> None:
    text = read(HomeContent(recent=[seen(status, decided_by="U2")]))
    assert (
        f"Pay Ada\n{ENDINGS[status].in_a_list()}  ·  decided by @Ben  ·  2026-11-22 12:00 UTC  ·  asked by @Ann in #orders"
        in text
    )


def test_who_only_reads_along_sees_no_more_of_an_outcome_than_its_card_shows_there() -> None:
    def masked(place: Place) -> Mask:
        return lambda text: text.replace("Ada", "[PERSON_1]")

    for user, words in (("U1", "Pay Ada"), ("U2", "Pay Ada"), ("U3", "Pay [PERSON_1]")):
        view = home_view(HomeContent(user=user, recent=[seen("succeeded", decided_by="U2")]), {}, TOOLS, SLACK, masked)
        assert f"{words}\n" in read_blocks(view["blocks"], NAMES)


def test_a_permission_is_told_in_words_and_can_be_revoked() -> None:
    view = home_view(HomeContent(grants=[granted(Allowed(argument="to", to_be="exactly", value="Ada"))]), {}, TOOLS, SLACK)
    [block] = [block for block in view["blocks"] if "accessory" in block]
    assert block["text"]["text"] == 'Pay (pay): to exactly "Ada"'
    assert block["fields"][0]["text"].startswith("2 of 3 uses left, until <!date^")
    assert (block["accessory"]["action_id"], block["accessory"]["value"]) == ("revoke", "G1")
    assert "confirm" in block["accessory"]


def test_a_pattern_in_words() -> None:
    pattern = (
        Allowed(argument="to", to_be="exactly", value="Ada"),
        Allowed(argument="amount", to_be="at_most", value=5),
        Allowed(argument="note", to_be="anything", value="secret"),
    )
    assert pattern_in_words(pattern) == 'to exactly "Ada", amount at most 5, any note'
    assert pattern_in_words(()) == "no arguments"


def test_a_budget_has_a_line_from_half_of_it_on() -> None:
    assert "25,000 of 50,000 tokens in #orders" in read(HomeContent(budget=[(SpentOfBudget(PLACE, 25_000), 50_000)]))
    assert "No budget of yours is half used." in read(HomeContent(budget=[(SpentOfBudget(PLACE, 24_999), 50_000)]))


def test_budgets_stand_above_conversations_and_only_admins_may_raise_them() -> None:
    budgets = [
        BudgetSeen("Your day with assistant", "tokens", 312, 500),
        BudgetSeen("The workspace's day", "nano_usd", 53_945_400, 10**8),
        BudgetSeen("The workspace's month", "nano_usd", 10**9, 2 * 10**9),
        BudgetSeen("Your day with shop", "tokens", 12, 500),
    ]
    text = read(HomeContent(budget=[(SpentOfBudget(PLACE, 45_000), 50_000)], budgets=budgets))
    lines = [
        "Your day with assistant: 312 of 500 tokens",
        "The workspace's day: $0.05 of $0.10",
        "The workspace's month: $1 of $2",
        "45,000 of 50,000 tokens in",
    ]
    assert "with shop" not in text
    assert sorted(lines, key=text.index) == lines
    assert "Raise a budget" not in text
    assert "[Raise a budget…]" in read(HomeContent(may_raise=True))


def test_the_headline_is_the_previews_where_it_has_one() -> None:
    assert "Pay Ada Lovelace" in read(HomeContent(decide=[waiting(preview=Preview(headline="Pay Ada Lovelace"))]))


def test_a_preview_without_words_leaves_the_tools_own_headline() -> None:
    assert "Pay Ada" in read(HomeContent(decide=[waiting(preview=Preview(headline=" \n"))]))


def test_a_tool_that_takes_other_arguments_by_now_has_its_plain_name() -> None:
    assert "Pay: pay" in read(HomeContent(decide=[waiting(arguments={"amount": 5})]))


@pytest.mark.parametrize(("unclear", "words"), [(1, "1 action could not"), (12, "12 actions could not")])
def test_what_could_not_be_checked_is_counted_and_not_shown(unclear: int, words: str) -> None:
    assert f"{words} be checked right now" in read(HomeContent(unclear=unclear))
    assert "could not be checked" not in read(HomeContent())


def test_a_list_that_was_cut_short_says_so() -> None:
    assert "Not all that waits in this workspace was looked through" in read(HomeContent(read_all=False))


# ---------------------------------------------------------------------------------------------- pages

MANY = HomeContent(
    decide=[waiting(to=f"person {number}") for number in range(1, 501)],
    asked=[waiting(to=f"other {number}") for number in range(1, 501)],
    recent=[seen("succeeded", to=f"past {number}", decided_by="U2") for number in range(1, 51)],
    grants=[granted(*(Allowed(argument=f"a{number}" * 20, to_be="anything") for number in range(60)))] * 100,
    budget=[(SpentOfBudget(PLACE, 50_000), 50_000)] * 20,
    unclear=3,
    read_all=False,
    agents=[AgentSeen(TOOLS, ("C1",))] * 10,
    remembered=[REMEMBERED] * 100,
    kept=[KEPT] * 100,
    may_raise=True,
)


def turns(pages: dict[str, int]) -> list[str]:
    """Where the buttons lead."""
    blocks = home_view(MANY, pages, TOOLS, SLACK)["blocks"]
    return [button["value"] for block in blocks if block["type"] == "actions" for button in block["elements"]]


def test_five_hundred_fit_a_page_at_a_time() -> None:
    text = read(MANY, decide=2)
    assert "11 to 20 of 500" in text
    shown = [line for line in text.splitlines() if line.startswith("Pay person")]
    assert shown == [f"Pay person {number}" for number in range(11, 21)]
    assert "Pay other 1\n" in text  # the other parts stay where they were
    led = {"decide:1", "decide:3", "asked:2", "recent:2", "grants:2", "budget:2", "memory:2", "values:2", "raise"}
    assert led == set(turns({"decide": 2}))


@pytest.mark.parametrize(
    ("page", "shown", "leads_to"),
    [
        (1, "1 to 10 of 500", ["decide:2"]),
        (50, "491 to 500 of 500", ["decide:49"]),
        (99, "491 to 500 of 500", ["decide:49"]),  # what was there is gone meanwhile
        (0, "1 to 10 of 500", ["decide:2"]),
        (-1, "1 to 10 of 500", ["decide:2"]),
    ],
)
def test_the_first_and_the_last_page_lead_one_way(page: int, shown: str, leads_to: list[str]) -> None:
    assert shown in read(MANY, decide=page)
    assert [value for value in turns({"decide": page}) if value.startswith("decide")] == leads_to


def test_one_page_has_no_buttons_and_eleven_have_two_pages() -> None:
    ten = [waiting(to=f"p{number}") for number in range(PAGE["decide"])]
    assert "Next" not in read(HomeContent(decide=ten))
    assert "1 to 10 of 11" in read(HomeContent(decide=[*ten, waiting()]))


# ---------------------------------------------------------------------------------------------- hostile words

hostile = st.text(max_size=5_000) | st.sampled_from(
    ["<!channel> <@U1>", "<https://evil.example|Approve>", "https://evil.example", "\u202eevil", "`*_~", "\0", "", "\n" * 50]
)


@given(words=hostile, name=hostile)
def test_whatever_arguments_hold_slack_takes_the_tab(words: str, name: str) -> None:
    allowed = Allowed(argument=name, to_be="exactly", value={name: words})
    rows = [waiting(to=words), waiting(preview=Preview(headline=words)), waiting(tool=name or "x", status="unknown")]
    gathered = HomeContent("U9", rows, rows, [each.seen for each in rows], [granted(allowed)], [])
    assert view_faults(home_view(gathered, {}, TOOLS, SLACK)) == []


@pytest.mark.parametrize("words", ["<!channel> <@U9>", "<https://evil.example|Open>", "https://evil.example", "*bold* `code`"])
def test_nothing_in_words_from_outside_is_live(words: str) -> None:
    pattern = Allowed(argument=words, to_be="exactly", value=words)
    rows = [waiting(to=words)], [waiting(preview=Preview(headline=words), action_id="A2")], [seen("failed", to=words)]
    gathered = HomeContent("U8", *rows, [granted(pattern)], [])
    view = home_view(gathered, {}, TOOLS, SLACK)
    live = [text for text in mrkdwn(view["blocks"]) if words in text or "evil" in text or "U9" in text]
    assert live == []
    linked = [part for block in view["blocks"] for part in parts(block) if part["type"] not in ("text", "date")]
    assert not [part for part in linked if "evil" in str(part) or "U9" in str(part)]
    assert read_blocks(view["blocks"], NAMES).count(words) >= 3  # and all of it can be read


def mrkdwn(value: Any) -> list[str]:
    """Every text that Slack parses."""
    if isinstance(value, list):
        return [text for each in value for text in mrkdwn(each)]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, dict):
        return []
    if value.get("type") == "mrkdwn":  # pyright: ignore[reportUnknownMemberType]
        return [str(value["text"])]  # pyright: ignore[reportUnknownArgumentType]
    return mrkdwn(list(value.values()))  # pyright: ignore[reportUnknownArgumentType]


def test_hidden_characters_are_spelled_out() -> None:
    assert "Pay ⟨U+202E⟩adA" in read(HomeContent(decide=[waiting(to="\u202eadA")]))
    assert "Run: pay⟨U+202E⟩" in read(HomeContent(decide=[waiting(tool="pay\u202e")]))
    pattern = Allowed(argument="to\u200b", to_be="exactly", value="\u202e")
    assert "to⟨U+200B⟩ exactly" in read(HomeContent(grants=[granted(pattern)]))


def test_the_dialog_to_raise_a_budget_is_one_that_slack_takes() -> None:
    many = [Raisable("user_day", "agent " * 20, "tokens"), Raisable("workspace_month", "", "nano_usd", "$0.05 of $50")] * 50
    assert view_faults(raise_view(many, ["Used most today: <@U1> 17,000 of 18,500 tokens"] * 20)) == []
    assert [each.words for each in many[1:2]] == ["The workspace's month: $0.05 of $50"]
