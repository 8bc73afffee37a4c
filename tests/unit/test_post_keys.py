"""Keys of messages: one spelling, one parse."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.session.machine import apply
from agent.session.post_keys import FORMS, PostKey
from agent.session.snapshot import SESSION
from agent.session.state import Session
from agent.session.steps import STEP, Asked, Posted, PostStarted
from agent.types import Place, Said

PARTS: dict[type, st.SearchStrategy[Any]] = {str: st.text() | st.text("a:1"), int: st.integers()}
PERSON = st.text().map(lambda id: id.replace(":", ""))  # as ids of people are


def parts(kind: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """What a key of this kind may be made of."""
    drawn = [PARTS[part] for part in FORMS[kind]]
    return st.tuples(*drawn[:2], *([PERSON] if drawn[2:] else []))


KEYS = st.sampled_from(sorted(FORMS)).flatmap(lambda kind: parts(kind).map(lambda drawn: PostKey(kind, *drawn)))  # pyright: ignore[reportArgumentType]
# As they stand in logs and in the metadata of messages in Slack.
OLD = {
    "card:A1": PostKey("card", "A1"),
    "copy:A1": PostKey("copy", "A1"),
    "escalated:A1": PostKey("escalated", "A1"),
    "allowed:toolu_1": PostKey("allowed", "toolu_1"),
    "budget:user_day/2026-11-26/tokens/1000": PostKey("budget", "user_day/2026-11-26/tokens/1000"),
    "remind:A1:2": PostKey("remind", "A1", 2),
    "notice:A1:2": PostKey("notice", "A1", 2),
    "copy_notice:A1:1": PostKey("copy_notice", "A1", 1),
    "question:A1:3": PostKey("question", "A1", 3),
    "remind_outcome:A1:1": PostKey("remind_outcome", "A1", 1),
    "outage:4": PostKey("outage", 4),
    "waiting:17": PostKey("waiting", 17),
    "answer:1:0": PostKey("answer", 1, 0),
    "stream:1:0": PostKey("stream", 1, 0),
    "unstream:1:0": PostKey("unstream", 1, 0),
    "capabilities:17:0": PostKey("capabilities", 17, 0),
    "too_long:17:40001": PostKey("too_long", 17, 40_001),
    "again:A1:1": PostKey("again", "A1", 1),
    "too_few:A1": PostKey("too_few", "A1"),
    "nudged:A1:1": PostKey("nudged", "A1", 1),
    "inquiry:17": PostKey("inquiry", 17),
    "dm:A1:0:U1": PostKey("dm", "A1", 0, "U1"),
}


@given(KEYS)
def test_what_is_spelled_is_read_as_it_was(key: PostKey) -> None:
    assert PostKey.parse(str(key)) == key
    for step in (PostStarted(key=key), Posted(key=key, ts="1.0")):
        assert step.model_dump(mode="json")["key"] == str(key)
        assert STEP.validate_python(step.model_dump(mode="json")) == step


def test_a_session_is_stored_with_its_keys_spelled() -> None:
    posts = {PostKey("card", "A1"): Posted(key=PostKey("card", "A1"), ts="2.0"), PostKey("answer", 1, 0): None}
    session = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1, posts=posts)
    stored = SESSION.dump_python(session, mode="json")
    assert list(stored["posts"]) == ["card:A1", "answer:1:0"]
    assert SESSION.validate_python(stored) == session


@given(st.text() | st.tuples(st.sampled_from(sorted(FORMS)), st.text()).map(":".join))
def test_a_text_is_a_key_only_if_it_is_its_spelling(text: str) -> None:
    try:
        key = PostKey.parse(text)
    except ValueError:
        return
    assert str(key) == text


@pytest.mark.parametrize("text", OLD)
def test_the_spelling_is_that_of_logs_and_messages_there_are(text: str) -> None:
    assert PostKey.parse(text) == OLD[text]
    assert str(OLD[text]) == text


def test_every_kind_has_its_old_spelling_here() -> None:
    assert {key.kind for key in OLD.values()} == FORMS.keys()


@pytest.mark.parametrize(
    "text", ["", "card", "note:1", "dm:A1:0", "answer:1", "answer:one:0", "answer:01:0", "outage:4:1", "remind:A1"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no key of a message|invalid literal"):
        PostKey.parse(text)


@pytest.mark.parametrize(
    "wrong", [("card", 1), ("answer", "1", 0), ("answer", 1), ("outage", 4, 1), ("note", "x"), ("dm", "A1", 0, "U:1")]
)
def test_a_key_is_made_of_what_its_kind_is_about(wrong: Any) -> None:
    with pytest.raises(ValueError, match="no key of a message"):
        PostKey(*wrong)


@pytest.mark.parametrize("key", OLD.values(), ids=str)
def test_it_is_known_what_follows_from_each_message(key: PostKey) -> None:
    session = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)
    asked = Asked(said=(Said(user="U1", text="hello", ts="1.0"),))
    for step in (asked, PostStarted(key=key), Posted(key=key, ts="2.0")):
        session = apply(session, step, 1)
    assert session.posts == {key: Posted(key=key, ts="2.0")}
