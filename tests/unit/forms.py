"""A form in Slack's hands: what Slack takes, what it reports of the inputs, and what people put into them."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from bot.sandbox.slack.blocks import view_faults
from bot.sandbox.slack.entering import client_errors, entered
from bot.sandbox.slack.methods.views import state_of

Json = dict[str, Any]

HOSTILE = (
    "<!channel>", "<@U1>", "`a`", "*b*", "\u202eevil", "zero\u200bwidth", "", " ", "a\nb", "a\rb", "\x00", "\ud800", "x" * 200,
    "quantity", "qu\u0430ntity", "&lt;b&gt;", "&amp;", " lead", "trail ", "tab\there", "empty", "null", "5", "-", ":smile:",
    "lasts", "uses",
)  # fmt: skip
names = st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=200)
texts = st.sampled_from(HOSTILE) | st.text(max_size=80) | st.integers(2_990, 3_010).map(lambda length: "y" * length)
numbers = st.integers() | st.floats() | st.sampled_from([10**16, -0.0, 1e300, 0.1, 2**53, 10**30])
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4), max_leaves=8
)


def untouched(view: Json) -> Json:
    """`state.values` of the modal as it was opened. Slack must take the modal, and let it be submitted as it is."""
    assert view_faults(view) == []
    assert len(json.dumps(view)) < 250_000
    state = json.loads(json.dumps(state_of(view["blocks"], {})))
    assert client_errors(view["blocks"], state) == {}
    return state


def put(view: Json, fields: Mapping[str, str | None]) -> Json:
    """`state.values` after these inputs, named by their labels, were filled with something else."""
    state = state_of(view["blocks"], {})
    for name, value in fields.items():
        block = block_of(view, name)
        state[block["block_id"]] = {block["element"]["action_id"]: entered(block["element"], value)}
    return state


def block_of(view: Json, name: str) -> Json:
    """The block with this label."""
    return next(block for block in view["blocks"] if block["type"] == "input" and block["label"]["text"] == name)
