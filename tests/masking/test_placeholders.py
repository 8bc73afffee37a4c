"""Placeholders: which a value gets, what is left alone, and what a team's settings add."""

import pytest

from agent.masking import NOTHING_SEEN, TeamPattern, WantedMasks, mask, mask_json
from agent.masking.finders import fast_patterns, patterns
from agent.masking.spans import Span, apart
from agent.masking.team import pattern_trouble

FIND = patterns(WantedMasks())


def test_a_value_has_one_placeholder_in_a_session_and_others_have_others() -> None:
    first = mask("ann@example.com wrote to ben@example.com", NOTHING_SEEN, FIND)
    assert first.text == "[EMAIL_1] wrote to [EMAIL_2]"
    later = mask("BEN@example.com, ann@example.com and cy@example.com, 4111 1111 1111 1111", first.seen, FIND)
    assert later.text == "[EMAIL_2], [EMAIL_1] and [EMAIL_3], [CARD_1]"
    assert mask("4111-1111-1111-1111", later.seen, FIND).text == "[CARD_1]"
    assert mask("cy@example.com", NOTHING_SEEN, FIND).text == "[EMAIL_1]"  # in another session


def test_keys_are_masked_too_and_no_item_is_lost_where_two_of_them_are_one_value() -> None:
    masked = mask_json({"ann@example.com": 1, "ANN@example.com": 2, "to": "ann@example.com"}, NOTHING_SEEN, FIND).value
    assert masked == {"[EMAIL_1]": 1, "[EMAIL_1]'": 2, "to": "[EMAIL_1]"}


def test_what_a_key_calls_a_secret_is_one_and_numbers_may_be_personal() -> None:
    given = {
        "password": "swordfish",
        "card": 4111111111111111,
        "max_tokens": 5000,
        "pwd": 1234,
        "api_token": "",
        "ok": True,
        "n": None,
    }
    assert mask_json(given, NOTHING_SEEN, FIND).value == {
        **given,
        "password": "[SECRET_1]",
        "card": "[CARD_1]",
        "pwd": "[SECRET_2]",
    }


@pytest.mark.parametrize(
    "text",
    [
        "order 48213, invoice INV-2026-00017, ticket OPS-1234, PO 4500012345",
        "signoff 0.1.0, Python 3.11.7, presidio 2.2.366, v12.0.1-rc.2",
        "2026-11-30, 30.11.2026, 11/30/2026, 2026-11-30T12:04:21.123Z, 19:00:00,000",
        "session T0123ABC:C0123ABC456:1700000000.123456, user U0123ABCD, file F0123ABC, app A0123",
        "$1,299.00, 20.000.000 tokens, 1 000 000 EUR, 99.99 %, 12 x 4",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709, 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "6f1c2d3e-1234-4abc-8def-0123456789ab, toolu_01A09q90qw90lq917835lq9, msg_01XgmXgmaBcDeFg2345678ab",
        "1764504261123 ms, 1764504261 s, 16 GB, 8192 tokens, 127.0.0.1, 0.0.0.0:3000",
        "agent/run/loop.py, tests.bench.masking, test_a_long_record_is_cut_and_keeps_its_end, TooLongForOneLineError2",
        "the token is missing, no password was set, secret: none, tokens: 5000, password=${PASSWORD}",
        "claude-sonnet-5-5, en_core_web_sm 3.8.0, wordllama-256-l2-supercat, postgresql.conf, main.py",
        "rows 100 to 200, pages 12-15, 3 of 4, 2 x 4 x 8, 555 lamps, room 1204, quarter Q3 2026",
    ],
)
def test_what_is_nobodys_is_left_alone(text: str) -> None:
    for find in (FIND, fast_patterns(WantedMasks())):
        assert mask(text, NOTHING_SEEN, find).text == text


def test_a_line_of_the_log_keeps_its_servers_and_other_texts_do_not() -> None:
    text = "see https://wiki.example.com/page"
    assert mask(text, NOTHING_SEEN, fast_patterns(WantedMasks())).text == text
    assert mask(text, NOTHING_SEEN, FIND).text == "see [DOMAIN_1]/page"


def test_ids_are_those_of_the_countries_that_are_named() -> None:
    text = "tax id 65929970489"
    assert mask(text, NOTHING_SEEN, patterns(WantedMasks(("de",)))).text == "tax id [DE_TAX_ID_1]"
    assert "DE_TAX_ID" not in mask(text, NOTHING_SEEN, FIND).text


def test_a_teams_own_pattern_names_its_placeholder() -> None:
    find = patterns(WantedMasks(patterns=(TeamPattern("EMPLOYEE", r"\bEMP-\d{4}\b"),)))
    assert mask("caf\u00e9 EMP-1234 and EMP-12345, EMP-1234", NOTHING_SEEN, find).text == (
        "caf\u00e9 [EMPLOYEE_1] and EMP-12345, [EMPLOYEE_1]"
    )


@pytest.mark.parametrize("pattern", ["(", r"(?=a)b", r"(a)\1", "a*", "", "\udc80", "a" * 1_001, "((a{100}){100}){100}"])
def test_a_pattern_that_cannot_be_used_is_a_sentence(pattern: str) -> None:
    assert str(pattern_trouble(pattern)).startswith("should ")


def test_a_teams_pattern_takes_time_by_the_length_of_the_text_alone() -> None:
    find = patterns(WantedMasks(patterns=(TeamPattern("X", "(a+)+b"),)))
    assert mask("a" * 200_000, NOTHING_SEEN, find).text.startswith("aaa")  # Python's own engine would not return


def test_what_overlaps_is_one_thing_of_the_longest_kind() -> None:
    spans = [Span(0, 4, "A"), Span(2, 9, "B"), Span(9, 12, "C"), Span(10, 11, "D")]
    assert apart(spans) == (Span(0, 9, "B"), Span(9, 12, "C"))
