"""Whatever a message of Slack's holds is read: within bounds, each of its texts once, and quoted where it is somebody else's."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from agent.session.inbox import Message
from bot.cards.messages import LONGEST_MESSAGE_CHARACTERS
from bot.slack.inbound import Inbound, read_event, text_as_written
from bot.slack.seen_text import MOST_CHARACTERS, MOST_OWN_CHARACTERS
from bot.slack.whom import Installation
from tests.profiles import examples
from tests.unit.slack_messages import BOB, rich, section, seen_in, text
from tools.slack.text import message_text

US = Installation("T1", "U0BOT")
FIELDS = (
    "text blocks attachments files type elements rows fields title value pretext footer author_name channel_name message_blocks "
    "message is_share from_url fallback style indent offset transcription preview content id name url user_id accessory"
)
NAMES = st.sampled_from(FIELDS.split())
TYPES = (
    "rich_text rich_text_section rich_text_list rich_text_quote text link user emoji section header context table markdown "
    "image mrkdwn plain_text button raw_text"
)
KINDS = st.sampled_from(TYPES.split())
STRINGS = st.text(st.characters(exclude_categories=[]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRINGS | KINDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | STRINGS, inner, max_size=6),
    max_leaves=40,
)


@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("text", "blocks", "attachments", "files"), JSON)))
@example({"text": "torn \ud83d", "attachments": [{"text": "\ud83d", "author_name": "\ude00"}], "files": [{"id": "F1"}]})
def test_any_json_is_read_without_an_error_and_within_bounds(message: JsonValue) -> None:
    read = seen_in(message)
    assert len(read.own) <= MOST_OWN_CHARACTERS + 1_100
    assert len(read.below) <= MOST_CHARACTERS + 1_100
    assert read.text.encode() is not None  # half characters cannot be written
    assert all(isinstance(name, str) for name in (*read.file_names, *read.sources))


ODD_FIELDS = (
    "text blocks attachments files subtype bot_id app_id bot_profile thread_ts parent_user_id edited user channel_type team"
)


@examples(3)
@given(st.dictionaries(st.sampled_from(ODD_FIELDS.split()), JSON, max_size=4))  # of one with more mostly nothing is read
def test_an_event_with_any_json_in_it_is_read(fields: dict[str, JsonValue]) -> None:
    event = {"user": "U1", **fields, "type": "message", "channel": "D1", "ts": "1.1"}
    read = read_event({"event": event}, US)
    assert not isinstance(read, Inbound) or read.received.model_dump_json().encode()


def nested(kind: str, depth: int) -> dict[str, Any]:
    """Something of this kind within itself, over and over."""
    value: dict[str, Any] = {"type": "text", "text": "innermost"}
    for _ in range(depth):
        match kind:
            case "forwards":
                value = {**BOB, "attachments": [value]}
            case "originals":
                value = {"is_share": True, "message_blocks": [{"message": {"text": "", "attachments": [value]}}]}
            case _:
                value = {"type": kind, "elements": [value], "text": value}
    return value


@pytest.mark.parametrize("kind", ["forwards", "originals", "rich_text_section", "rich_text_list", "section", "context", "new"])
def test_nesting_without_end_ends(kind: str) -> None:
    value = nested(kind, 900)  # JSON that nests deeper is not parsed at all
    message = {"text": "", "attachments": [value]} if kind in ("forwards", "originals") else {"text": "", "blocks": [value]}
    read = seen_in(message)
    assert "is not read" in read.text
    assert "innermost" not in read.text


def test_thousands_of_cells_are_cut_in_the_middle_and_that_is_said() -> None:
    rows = [[{"type": "raw_text", "text": f"cell-{row}-{column}"} for column in range(20)] for row in range(2_000)]
    read = seen_in({"text": "sum it up", "attachments": [{"blocks": [{"type": "table", "rows": rows}]}]})
    assert "cell-0-0 | cell-0-1 |" in read.below
    assert read.below.endswith("cell-1999-19")
    assert " characters in the middle are left out " in read.below
    assert len(read.below) < MOST_CHARACTERS + 1_100


def test_a_long_forward_is_cut_and_only_long_words_of_ones_own_are_too_long() -> None:
    long = {"is_share": True, "author_name": "Bob", "text": "word " * 10_000}
    event: dict[str, Any] = {"type": "message", "user": "U1", "channel": "D1", "ts": "1.1", "attachments": [long]}
    for said, form in (("x" * LONGEST_MESSAGE_CHARACTERS, "text"), ("x" * (LONGEST_MESSAGE_CHARACTERS + 1), "too_long")):
        read = read_event({"event": {**event, "text": said}}, US)
        assert isinstance(read, Inbound)
        assert isinstance(read.received, Message)
        assert read.received.form == form


# ---------------------------------------------------------------------------------------------- nothing twice, nothing unquoted

LEAF = "§"  # each becomes another word below


def mrkdwn(kind: str = "mrkdwn") -> dict[str, str]:
    """A text object."""
    return {"type": kind, "text": LEAF}


INLINE = st.sampled_from(
    [
        text(f"{LEAF}."),
        text(f"{LEAF}.", bold=True),
        {"type": "link", "url": "https://acme.example", "text": f"{LEAF}."},
        {"type": "date", "timestamp": 1, "fallback": f"{LEAF}."},
        {"type": "user", "user_id": "U1"},
        {"type": "emoji", "name": f"{LEAF}."},
    ]
)
SECTIONS = st.lists(INLINE, max_size=3).map(lambda inline: section(*inline))
LISTS = st.lists(SECTIONS, max_size=3).map(lambda items: {"type": "rich_text_list", "style": "ordered", "elements": items})
QUOTES = st.lists(INLINE, max_size=3).map(lambda inline: {"type": "rich_text_quote", "elements": inline})
RICH = st.lists(SECTIONS | LISTS | QUOTES, max_size=3).map(lambda parts: rich(*parts))
CELLS = SECTIONS.map(lambda cell: rich(cell)) | st.just({"type": "raw_text", "text": LEAF})
TABLES = st.lists(st.lists(CELLS, max_size=3), max_size=3).map(lambda rows: {"type": "table", "rows": rows})
BLOCKS = st.lists(
    RICH
    | TABLES
    | st.sampled_from(
        [
            {"type": "header", "text": mrkdwn("plain_text")},
            {"type": "section", "text": mrkdwn(), "fields": [mrkdwn(), mrkdwn("plain_text")]},
            {"type": "context", "elements": [mrkdwn(), {"type": "image", "alt_text": LEAF}]},
            {"type": "markdown", "text": LEAF},
            {"type": "actions", "elements": [{"type": "button", "text": mrkdwn("plain_text")}]},
            {"type": "image", "title": mrkdwn("plain_text"), "alt_text": "[nothing]"},
            {"type": "divider"},
            {"type": "new", "title": mrkdwn(), "elements": [mrkdwn()]},
        ]
    ),
    max_size=4,
)
FLAT = st.fixed_dictionaries(
    {"fallback": st.just("[no preview available]")},
    optional={
        **{name: st.just(LEAF) for name in ("pretext", "title", "footer", "author_name")},
        "fields": st.lists(st.just({"title": LEAF, "value": LEAF}), max_size=2),
        "is_share": st.booleans(),
        "from_url": st.just("https://acme.example"),
        "blocks": BLOCKS,
    },
)
ATTACHMENTS = st.recursive(
    st.lists(FLAT, max_size=2),
    lambda inner: st.lists(st.tuples(FLAT, inner).map(lambda pair: {**pair[0], "attachments": pair[1]}), max_size=2),
    max_leaves=3,
)
MESSAGES = st.fixed_dictionaries({"text": st.just(""), "blocks": BLOCKS, "attachments": ATTACHMENTS})


def worded(value: Any, count: "itertools.count[int]") -> Any:
    """The same JSON with another word for each leaf."""
    match value:
        case dict():
            return {key: worded(one, count) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [worded(one, count) for one in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value.replace(LEAF, f"w{next(count)}w") if isinstance(value, str) and LEAF in value else value


@given(MESSAGES, st.booleans())
@examples(2)
def test_each_visible_text_is_read_exactly_once(shape: dict[str, Any], with_copy: bool) -> None:
    count = itertools.count()
    message = worded(shape, count)
    words = [f"w{number}w" for number in range(next(count))]
    if with_copy:  # as Slack makes it
        message["text"] = " ".join(word for word in words if word in json.dumps(message["blocks"]))
    nameless = {one["author_name"] for one in everything_in(message["attachments"]) if "author_name" in one}
    read = seen_in(message).text
    assert [word for word in words if read.count(word) != 1 and word not in nameless] == []
    assert all(read.count(word) <= 1 for word in nameless)  # who wrote nothing is not named
    assert "[no" not in read


def everything_in(attachments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Attachments, and those within them."""
    return [each for one in attachments for each in (one, *everything_in(one.get("attachments", [])))]


HOSTILE = st.text(st.sampled_from("<>|&;!@#^ \n\r\v\x1c\x85\u2028`*aZ"), max_size=40)


@given(HOSTILE, HOSTILE, HOSTILE, st.booleans())
@examples(3)
def test_no_line_of_somebody_elses_stands_unquoted(name: str, words: str, title: str, long: bool) -> None:
    repeated = words * (1 + 20_000 // (len(words) or 1)) if long else words
    forward = {"is_share": True, "author_name": name, "text": f"x{repeated}x", "title": title, "footer": words}
    read = seen_in({"text": "", "attachments": [forward, {**forward, "is_share": False}]})
    for plain in (text_as_written(read.below, "U0BOT"), message_text(read.below, {})):
        lines = plain.splitlines()
        ours = [line for line in lines if not line.startswith(">")]
        assert all(line.startswith(("Forwarded", "Attached", "(… ")) for line in ours), ours
        assert len(ours) <= 3
