"""Arguments that somebody wrote to deceive approvers: every key can be read, nothing is live, Slack takes all of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.decide.moves import Card, Cards
from agent.types import Change, Preview
from bot.cards.block_kit import SlackBlock
from bot.cards.boxes import CUT
from bot.cards.cards import card_blocks, card_text, question_blocks, question_text
from bot.cards.review import details_view
from bot.cards.values import LONGEST_NAME_CHARACTERS, argument_name
from bot.dialogs.modals import reject_view
from bot.sandbox.slack.blocks import blocks_too_long, message_faults, view_faults
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import OURS, TOOLS, always, card, every, live

MENTIONS = "<!channel> <!here> <@U666> <!subteam^S666> @everyone"
LINKS = "<https://evil.example|your bank> https://evil.example [docs](https://evil.example) &lt;https://evil.example&gt;"
MARKS = "```\n*Approved* by `Ann` _yes_ ~no~\n> quoted :white_check_mark:\n```"
BIDI = "pay \u202e0005\u202c to \u2066Ann\u2069"
UNSEEN = "ada\u200b@example.com\u2060\ufeff\u00ad\u3164\U000e0041"


def deep(levels: int) -> Any:
    return {"and": deep(levels - 1)} if levels else ["<!channel>"]


ARGUMENTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "mentions": {"to": MENTIONS, MENTIONS: 1},
    "links": {"url": LINKS, LINKS: 1},
    "backticks": {"note": MARKS, MARKS: 1, "`": "`"},
    "bidi": {"amount": BIDI, BIDI: 1},
    "zero width": {"customer": UNSEEN, "quan\u200btity": 2, "quantity": 1},
    "controls": {"note": "a\x00\x1b[2J\r\x08b\u2028c", "\x00": 1},
    "5,000 characters": {"text": "a" * 4_990 + MENTIONS},
    "one line of another argument": {"note": "hi\namount  5000", "amount": 5},
    "spaces": {"a": "", "b": " ", "c": "x" + " " * 70 + "y", "d": "\n\n", " ": 1, "": 1},
    "60 keys": {f"key_{number}": number for number in range(60)},
    "60 keys of 5,000 characters": {f"key_{number}": "<@U666> " * 625 for number in range(60)},
    "60 long keys": {f"{number:02}{'k' * 200}": "v" * LONGEST_NAME_CHARACTERS for number in range(60)},
    "deep nesting": {"deep": deep(60), "wide": {f"<!here>{number}": [number] * 20 for number in range(60)}},
    "lookalike keys": {"amount": 1, "аmount": 2, "amount ": 3, "amount\u200b": 4, "Amount": 5, "amount\n": 6, "amоunt": 7},
}
HOSTILE = f"{MENTIONS} {LINKS} {MARKS} {BIDI} {UNSEEN}"
PREVIEW = Preview(headline=HOSTILE, changes=(Change(what=HOSTILE, before=MARKS, after=MENTIONS),) * 60, trouble=HOSTILE)
AROUND: dict[str, Any] = {
    "preview": PREVIEW,
    "sources": (HOSTILE, *(f"web page <https://evil.example/{number}>" for number in range(60))),
    "said": HOSTILE * 20,
}
RESULT = json.dumps({"ok": True, "result": {"<!channel>": HOSTILE, "text": MARKS * 200}})
FAILURE = json.dumps({"ok": False, "error": "unexpected", "detail": HOSTILE * 20})


def alone(hostile: Card) -> tuple[list[SlackBlock], str]:
    return card_blocks(Cards((hostile,)), TOOLS, may_grant=always), card_text(Cards((hostile,)), TOOLS)


def in_a_batch(hostile: Card) -> tuple[list[SlackBlock], str]:
    others = tuple(card({"to": MENTIONS}, "mail", f"A{number}") for number in range(2, 6))
    return card_blocks(Cards((others[0], hostile, *others[1:])), TOOLS), card_text(Cards((hostile, *others)), TOOLS)


def asked_about(hostile: Card) -> tuple[list[SlackBlock], str]:
    tool = TOOLS.get(hostile.tool)
    return question_blocks(hostile, tool), question_text(hostile, tool)


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize("around", [{}, AROUND], ids=["plain around", "hostile around"])
@pytest.mark.parametrize("look", ["pending", "succeeded", "failed", "rejected"])
@pytest.mark.parametrize("surface", [alone, in_a_batch, asked_about])
def test_a_hostile_argument(
    arguments: dict[str, Any], around: dict[str, Any], look: Any, surface: Callable[[Card], tuple[list[SlackBlock], str]]
) -> None:
    result = {"succeeded": RESULT, "failed": FAILURE}.get(look, "")
    hostile = card(arguments, "mail", look=look, result=result, reason=HOSTILE * 20, decided_by="U2", **around)
    blocks, text = surface(hostile)
    assert message_faults(blocks) == []
    assert not blocks_too_long(blocks)
    assert live(blocks) == []
    assert not set("<>") & set(OURS.sub("", text))
    assert_values_stand_where_nothing_is_parsed(blocks)
    if look == "pending" and (arguments or surface is not asked_about):
        [named] = [block for block in blocks if block.get("block_id") == "arguments:A1"]
        assert_every_key_can_be_read(arguments, read_blocks([named], {}))


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_hostile_argument_in_full(arguments: dict[str, Any]) -> None:
    view = details_view(card(arguments, "mail", preview=PREVIEW, said=AROUND["said"], result=RESULT), TOOLS["mail"])
    assert view_faults(view) == []
    assert live(view["blocks"]) == []
    assert_values_stand_where_nothing_is_parsed(view["blocks"])
    read = read_blocks(view["blocks"], {})
    assert all(argument_name(name) in read for name in arguments)
    if CUT not in read:
        assert "cut here" not in read
        written = sum(len(value) for value in arguments.values() if isinstance(value, str))
        assert sum(len(box["elements"][0]["text"]) for box in every(view["blocks"], "rich_text_preformatted")) >= written


def test_a_hostile_headline_over_the_question_why() -> None:
    view = reject_view(HOSTILE.replace("\n", " "), "A1")
    assert view_faults(view) == []
    assert every(view, "mrkdwn") == []


def test_lookalike_keys_do_not_look_alike() -> None:
    names = [argument_name(name) for name in ARGUMENTS["lookalike keys"]]
    assert len(set(names)) == len(names)
    assert [name for name in names if not name.startswith('"')] == ["amount", "Amount"]


def assert_every_key_can_be_read(arguments: dict[str, Any], read: str) -> None:
    for name in arguments:
        assert argument_name(name)[: LONGEST_NAME_CHARACTERS - 1] in read


def assert_values_stand_where_nothing_is_parsed(blocks: list[SlackBlock]) -> None:
    for one in every(blocks, "mrkdwn"):
        ours = OURS.sub("", one["text"])
        assert not any(word in ours for word in ("evil", "666", "everyone", "white_check_mark:*", "example.com")), ours
