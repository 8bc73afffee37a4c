"""The card, as a person in a hurry reads it: everything is there, nothing is live, and nothing can be forged."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.moves import Card
from agent.types import Approvers, Verdict
from bot.cards import arguments_view, card_blocks
from bot.plain import visible
from bot.sandbox.slack.blocks import blocks_too_long, message_faults, view_faults

NOW = datetime(2026, 11, 22, tzinfo=UTC)
VERDICT = Verdict(answer="ask", rule="default")


def card(arguments: dict[str, Any], **fields: Any) -> Card:
    """A card of a tool that is not there any more: the plainest one."""
    return Card("A1", "pay", arguments, "d" * 64, ("U1",), NOW, VERDICT, **fields)


def boxes(blocks: list[dict[str, Any]]) -> list[str]:
    """The preformatted texts of the arguments."""
    elements = next(block for block in blocks if block.get("block_id") == "arguments")["elements"]
    return [part["elements"][0]["text"] for part in elements if part["type"] == "rich_text_preformatted"]


def test_short_values_are_lines_of_one_table() -> None:
    [table] = boxes(card_blocks(card({"customer": "ada@example.com", "quantity": 2, "note": ""}), None))
    assert table.splitlines() == ["customer  ada@example.com", "quantity  2", 'note      ""']


def test_a_value_cannot_pass_itself_off_as_another_argument() -> None:
    table, forged = boxes(card_blocks(card({"amount": 5, "note": "hi\namount  5000"}), None))
    assert table == "amount  5"
    assert forged == "hi\namount  5000"  # in a box of its own, under its own name


@pytest.mark.parametrize("name", ["a\nquantity", "\u202eytitnauq", "qu\u200bantity", "quantity ", "qu\u0430ntity"])
def test_a_name_that_is_not_a_plain_word_stands_in_quotes(name: str) -> None:
    [table] = boxes(card_blocks(card({"quantity": 1, name: 2}), None))
    assert len(table.splitlines()) == 2
    assert table.splitlines()[1].startswith('"')


@pytest.mark.parametrize(
    ("approvers", "words"),
    [
        (Approvers(channel_members=True), "any member of this conversation"),
        (Approvers(users=("U7", "U8")), "<@U7>, <@U8>"),
        (Approvers(groups=("S1",), requester=False), "a member of <!subteam^S1> (but not <@U1>, who asked)"),
        (Approvers(users=("U7",), requester=True), "<@U7> or <@U1>, who asked"),
    ],
)
def test_the_card_says_who_may_decide(approvers: Approvers, words: str) -> None:
    verdict = Verdict(answer="ask", rule="default", approvers=approvers)
    shown = texts_of(card_blocks(replace(card({}), verdict=verdict), None))
    assert any(text.startswith(f"To be decided by {words}, until") for text in shown)


def test_the_card_shows_how_far_a_quorum_has_come() -> None:
    two = Verdict(answer="ask", rule="default", quorum=2)
    shown = "\n".join(texts_of(card_blocks(replace(card({}, voters=("U7",)), verdict=two), None)))
    assert "*1 of 2* approvals: <@U7>" in shown
    closed = "\n".join(texts_of(card_blocks(replace(card({}, voters=("U7", "U8"), look="succeeded"), verdict=two), None)))
    assert "Approved by <@U7>, <@U8>" in closed


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6_000),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=80), inner, max_size=5),
    max_leaves=20,
)
arguments = st.dictionaries(st.text(min_size=1, max_size=200), values, max_size=60)
looks = st.sampled_from(["pending", "approved", "succeeded", "failed", "unknown", "rejected", "expired", "withdrawn", "refused"])
results = st.none() | values.map(lambda value: json.dumps({"ok": True, "result": value}))


@settings(max_examples=150, deadline=None)
@given(given_arguments=arguments, look=looks, reason=st.text(max_size=1_000), result=results)
def test_slack_takes_every_card_and_shows_every_name(
    given_arguments: dict[str, Any], look: Any, reason: str, result: str | None
) -> None:
    blocks = card_blocks(card(given_arguments, look=look, reason=reason, result=result or "", decided_by="U2"), None)
    assert message_faults(blocks) == []
    assert not blocks_too_long(blocks)
    shown = "\n".join(texts_of(blocks))
    for name in given_arguments:
        quoted = visible(json.dumps(name, ensure_ascii=False))[1:-1]
        assert quoted[:50] in shown
    assert view_faults(arguments_view(given_arguments)) == []


def texts_of(blocks: Any) -> list[str]:
    """Every text in the blocks, as a reader of the JSON sees it."""
    match blocks:
        case list():
            return [text for block in cast(list[Any], blocks) for text in texts_of(block)]
        case dict():
            return [text for value in cast(dict[str, Any], blocks).values() for text in texts_of(value)]
        case str():
            return [blocks]
        case _:
            return []
