"""Names of MCP tools: what the API takes, and never one name for two tools."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tools.mcp.names import prefix, tool_name

PART = st.one_of(
    st.text(st.sampled_from("ab_.-/ é1f0"), max_size=12),
    st.text(max_size=80),
    st.from_regex(r"[ab]{0,70}_[0-9a-f]{12}", fullmatch=True),
)
PAIR = st.tuples(PART, PART)


def test_a_plain_name_is_server_and_tool() -> None:
    assert tool_name("github", "create_issue") == "github__create_issue"
    assert tool_name("my-server", "get-sum") == "my-server__get-sum"


@given(PAIR)
def test_the_api_takes_every_name(pair: tuple[str, str]) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool_name(*pair))
    assert tool_name(*pair).startswith(prefix(pair[0]))


@given(PAIR, PAIR)
def test_no_two_tools_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (tool_name(*one) == tool_name(*other)) == (one == other)


@given(st.text("ab_", max_size=8), st.integers(0, 8), st.integers(0, 8))
def test_where_the_server_ends_cannot_be_mistaken(text: str, at: int, also: int) -> None:
    """Names that would look alike when they are only joined: a + b__c and a__b + c."""
    joined = f"{text[:at]}__{text[at:]}"
    cuts = [(joined[: found.start()], joined[found.end() :]) for found in re.finditer("(?=__)..", joined)]
    names = [tool_name(*cut) for cut in cuts]
    assert len(set(names)) == len(set(cuts))
    assert also >= 0


def test_a_tool_that_is_named_like_another_ones_digest_gets_its_own() -> None:
    mapped = tool_name("s", "with.dot")
    assert tool_name("s", mapped.removeprefix("s__")) != mapped
