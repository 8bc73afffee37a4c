"""The modal in which an approver allows further calls: words that say what, the narrowest first, and nothing wider unasked."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approvals.grants import matches, sound
from agent.types import Allowed, Wish
from bot.dialogs.grant_form import TOO_WIDE, grant_fits, grant_view, read_grant
from bot.sandbox.slack.blocks import view_faults
from bot.sandbox.slack.entering import client_errors
from tests.profiles import examples
from tests.unit.forms import Json, block_of, names, put, texts, untouched, values

PAID: Json = {"to": "ada@example.com", "amount": 5}


def drawn(arguments: Json) -> Json:
    """The modal."""
    return grant_view("Pay 5 to ada@example.com", "Pay", "pay", "A1", arguments)


def options(view: Json, name: str) -> list[str]:
    """What may be chosen in a select."""
    return [one["text"]["text"] for one in block_of(view, name)["element"]["options"]]


def wished(arguments: Json, **fields: str | None) -> Wish | Mapping[str, str]:
    """What comes of the modal after these fields were changed."""
    labels = {"lasts": "For how long", "uses": "How many times at most"}
    return read_grant(arguments, put(drawn(arguments), {labels.get(name, name): value for name, value in fields.items()}))


def test_the_modal_says_what_will_be_allowed() -> None:
    view = drawn(PAID)
    assert (view["callback_id"], view["private_metadata"]) == ("grant", "A1")
    headline, told = (block["text"]["text"] for block in view["blocks"][:2])
    assert headline == "Pay 5 to ada@example.com"
    for words in (
        "approves the call above, now",
        "“Pay” (pay)",
        "in this thread",
        "without asking anybody",
        "No other tool",
        "Home tab",
    ):
        assert words in told
    assert options(view, "to") == ["exactly: ada@example.com", "anything"]
    assert options(view, "amount") == ["exactly: 5", "at most: 5", "anything"]
    assert options(view, "For how long") == ["1 hour", "24 hours", "7 days"]


def test_untouched_it_allows_exactly_such_calls_five_times_within_a_day() -> None:
    exactly = tuple(Allowed(argument=name, to_be="exactly", value=value) for name, value in PAID.items())
    assert read_grant(PAID, untouched(drawn(PAID))) == Wish(pattern=exactly, lasts_seconds=24 * 3600, most_uses=5)


def test_each_wider_choice_is_read() -> None:
    wish = wished(PAID, amount="at_most", to="anything", lasts="7 days", uses="100")
    assert isinstance(wish, Wish)
    assert [(one.argument, one.to_be, one.value) for one in wish.pattern] == [("to", "anything", None), ("amount", "at_most", 5)]
    assert (wish.lasts_seconds, wish.most_uses) == (7 * 24 * 3600, 100)
    assert sound(wish, PAID)


def test_a_grant_for_any_call_at_all_is_refused_beside_the_first_argument() -> None:
    assert wished(PAID, amount="anything", to="anything") == {block_of(drawn(PAID), "to")["block_id"]: TOO_WIDE}
    assert isinstance(wished({}), Wish)


@pytest.mark.parametrize("uses", ["0", "101", "-1", "1.5", "many", "1e2", None])
def test_how_many_times_is_from_1_to_100(uses: str | None) -> None:
    assert wished(PAID, uses=uses) == {"uses": "Please enter a whole number from 1 to 100."}
    view = drawn(PAID)
    assert client_errors(view["blocks"], put(view, {"How many times at most": uses})).keys() == {"uses"}, "Slack says so first"


def test_what_was_not_offered_or_not_chosen_is_no_wish() -> None:
    to, amount = (block_of(drawn(PAID), name)["block_id"] for name in PAID)
    assert wished(PAID, lasts=None, to=None) == {
        "lasts": "Please choose one of the options.",
        to: "Please choose one of the options.",
    }
    state = put(drawn(PAID), {})
    for block_id, forged in ((to, "at_most"), (amount, "whatever"), ("lasts", "999999999")):
        other = {**state, block_id: {"choice": {"type": "static_select", "selected_option": {"value": forged}}}}
        assert read_grant(PAID, other) == {block_id: "Please choose one of the options."}
    renamed = {**PAID, "extra": 1}
    assert isinstance(read_grant(renamed, state), dict), "a form that was made from other arguments"


def test_a_long_value_is_told_below_its_choices() -> None:
    view = drawn({"note": "Please " * 20})
    assert len(options(view, "note")[0]) <= 75
    assert block_of(view, "note")["hint"]["text"].startswith('Now: "Please Please')


def test_more_arguments_than_a_modal_holds_are_not_offered() -> None:
    assert grant_fits({str(number): 1 for number in range(96)})
    assert not grant_fits({str(number): 1 for number in range(97)})
    assert not grant_fits({f"{number}{chr(0x1F600) * 600}": chr(0x1F600) * 600 for number in range(60)})


@examples(2)
@given(arguments=st.dictionaries(names, values, max_size=60), headline=texts, verb=texts, tool=names)
def test_slack_takes_every_such_modal(arguments: Json, headline: str, verb: str, tool: str) -> None:
    view = grant_view(headline, verb, tool, "A1", arguments)
    assert view_faults(view) == []
    if not grant_fits(arguments):
        return
    wish = read_grant(arguments, untouched(view))
    assert isinstance(wish, Wish)
    assert all(one.to_be == "exactly" for one in wish.pattern)
    assert matches(wish.pattern, arguments) or "nan" in repr(arguments)


shown: Any = st.sampled_from(["exactly", "anything"])


@examples(0.5)
@given(chosen=st.lists(shown, min_size=1, max_size=5))
def test_only_what_was_chosen_is_allowed(chosen: list[str]) -> None:
    arguments: Json = {f"a{number}": "x" for number in range(len(chosen))}
    wish = wished(arguments, **dict(zip(arguments, chosen, strict=True)))
    if set(chosen) == {"anything"}:
        assert not isinstance(wish, Wish)
    else:
        assert isinstance(wish, Wish)
        assert [one.to_be for one in wish.pattern] == chosen
