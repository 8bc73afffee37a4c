"""People who approve have been shown all of it: from what a person sees of a card and its dialog, the call follows exactly.

`card_reader` is that person. Where the card has an approve button, the card says everything, but for what it leaves to *Details*:
the tool, the rule, and arguments that the headline names or that are nothing. Where it has *Review…*, that dialog says
everything; what neither holds is asked of nobody. In *One by one…* each call reads as on a card with nothing else.
"""

import re
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.approvals.deciders import deciders_of
from agent.decide.moves import Card, Cards
from agent.reports.actions_now import ActionNow
from agent.session.steps import ProposedAction
from agent.store.action_seen import ActionSeen
from agent.types import Approvers, Change, Magnitude, Place, Preview, Verdict, Wording
from bot.cards.cards import card_blocks
from bot.cards.review import details_view, fits_a_dialog, review_view
from bot.cards.values import Mask, unmasked
from bot.dialogs.carried import Carried
from bot.dialogs.one_by_one import card_now, one_by_one_view
from bot.sandbox.slack.blocks import view_faults
from tests.profiles import examples
from tests.unit.card_eye import Deciders, Seen, json_of, prose
from tests.unit.card_reader import read_message, read_one_by_one
from tests.unit.shown import TOOLS, always, card
from tests.unit.test_any_cards import masks
from tests.unit.test_hostile_cards import ARGUMENTS, AROUND

# What a text is made of that is to pass for something else: other types, other cells, other rows, spellings of ours, nothing.
PIECES = st.sampled_from(
    [
        *("a", "5", "null", "true", "1.0", "NaN", "{}", "[1]", '{"a": 1}', '{\n  "a": 1\n}', '"', '"""', "'", "\\", "\\n"),
        *(" ", "  ", "    ", "\t", "\n", "\n\n\n\n\n", "\r", "\u00a0", "\u2028", "\u200b", "\u202e", "\u00ad", "\x00", "\u05d0"),
        *(
            "⟨U+202E⟩",
            "⟨",
            "⟨4 spaces⟩",
            "⟨5 line breaks⟩",
            "⇥",
            "⏎",
            "…",
            "→",
            " → ",
            "—",
            ", ",
            ": ",
            "x, before",
            "y (1 of 2)",
        ),
        *(
            "<@U9>",
            "<!here>",
            "&lt;",
            "*b*",
            " · ",
            "·",
            " · $0.00",
            "no a",
            "_i_",
            "`",
            "~",
            ":lock:",
            "Rule",
            "Which tool",
            "No preview: ",
            "rule: ",
            "Why: ",
        ),
        *(
            "an unnamed source",
            "and 3 more",
            " (write)",
            "  ·  ",
            "To be decided by <@U9>, until",
            "In one line",
            "a" * 40,
            "This cannot be undone.",
        ),
    ]
)
texts = st.lists(PIECES, max_size=6).map("".join) | st.text(st.characters(exclude_categories=[]), max_size=40)


def repeated(text: str, times: int) -> str:
    return text * times


long_texts = st.builds(repeated, texts, st.sampled_from([1, 1, 1, 30, 300]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | long_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(["to", "amount", "Rule", "Tool", "tool", "body_of_the_message"]) | texts
changes = st.lists(st.builds(Change, what=texts, before=texts | long_texts, after=texts), max_size=4).map(tuple)
magnitudes = st.none() | st.builds(
    Magnitude,
    number=st.decimals(-(10**6), 10**6, places=2) | st.integers(0, 10**6).map(Decimal),
    of=st.sampled_from(["USD", "JPY", "CHF", "rows", "members"]),
)
bound = st.dictionaries(names, values, max_size=2)
previews = st.none() | st.builds(Preview, headline=texts, changes=changes, trouble=texts, magnitude=magnitudes, bound=bound)
few_people = st.lists(st.sampled_from([f"U{number}" for number in range(4)]), max_size=4, unique=True).map(tuple)
people = few_people | st.lists(st.sampled_from([f"U{number}" for number in range(12)]), max_size=12, unique=True).map(tuple)
approvers = st.builds(
    Approvers,
    users=people,
    groups=st.lists(st.sampled_from(["S1", "S2", "S3"]), max_size=3, unique=True).map(tuple),
    channel_members=st.booleans(),
    requester=st.sampled_from([None, True, False]),
)
verdicts = st.builds(
    Verdict,
    answer=st.just("ask"),
    rule=texts,
    reason=texts,
    approvers=approvers,
    quorum=st.integers(1, 3),
    rejections=st.integers(1, 3),
)
wordings = st.builds(
    Wording,
    effect=st.sampled_from(["egress", "write", "irreversible"]),
    verb=st.sampled_from(
        ["Send", "Wipe", "Send the letter to its reader", "Send this to everybody in the whole wide world", "Send\u202e"]
    ),
    consequence=texts,
    undo=texts,
    headline=texts,
)
cards = st.builds(
    card,
    st.dictionaries(names, values, max_size=6),
    st.sampled_from(["order", "mail", "pay"]),
    requesters=people.filter(bool),
    verdict=verdicts,
    voters=people,
    rejecters=people,
    wording=wordings,
    preview=previews,
    changed=changes,
    sources=st.lists(texts, max_size=4).map(tuple),
    edited_by=st.sampled_from(["", "U3"]),
    said=texts,
)


def payment(one: Card) -> Card:
    """The same call of a tool whose headline names some of its arguments."""
    said = f"Move {one.arguments.get('amount')} to {one.arguments.get('to')}"
    found = (one.preview or Preview()).model_copy(update={"headline": said})
    changed = (Change(what="to", before="nobody", after=str(one.arguments.get("to"))),)
    return replace(one, tool="move", preview=found.model_copy(update={"changes": changed} if one.edited_by else {}))


def a_line(text: str) -> str:
    """Return prose as it is compared: blanks count as one."""
    return re.sub(r"[ \t\n]+", " ", text).strip(" ")


def meant(one: Card, how: Any, sources: tuple[str, ...]) -> Seen:
    """Return what is to be known of an action, from the action itself."""
    assert one.wording is not None
    wording, preview, deciders = one.wording, one.preview or Preview(), deciders_of(one.verdict.approvers, one.requesters)
    amount = preview.magnitude
    headline = a_line(preview.headline) or a_line(wording.headline) or f"{wording.verb}: {one.tool}"
    return Seen(
        how,
        headline=headline,
        magnitude=f"{amount.number:f} {amount.of}" if amount is not None else "",
        verb=a_line(wording.verb),
        does=a_line(f"{wording.consequence} {wording.undo}"),
        tool=one.tool,
        effect=wording.effect,
        warned=wording.effect == "irreversible",
        arguments=tuple(sorted((name, json_of(value)) for name, value in one.arguments.items())),
        changed=tuple((change.what, change.before, change.after) for change in one.changed),
        changes=tuple((change.what, change.before, change.after) for change in preview.changes),
        trouble=a_line(preview.trouble),
        sources=tuple(dict.fromkeys(sources)),
        requesters=one.requesters,
        edited_by=one.edited_by,
        deciders=Deciders(deciders.users, deciders.groups, deciders.channel_members, deciders.included, deciders.excluded),
        needed=(one.verdict.quorum, one.verdict.rejections),
        until=int(one.expires_at.timestamp()),
        rule=a_line(one.verdict.rule),
        reason=a_line(one.verdict.reason),
    )


def not_known(found: Seen, one: Card, sources: tuple[str, ...]) -> list[str]:
    """Return what of an action nobody could say who has seen it: no more than names, since these texts are long."""
    known = meant(one, found.how, sources)
    return [each.name for each in fields(Seen) if getattr(found, each.name) != getattr(known, each.name)]


def assert_all_of_it_is_seen(shown: Cards, mask: Mask = unmasked) -> None:
    blocks = card_blocks(shown, TOOLS, mask=mask, may_grant=always)
    dialogs = {row.action_id: review_view(row, TOOLS.get(row.tool)) for row in shown.rows}
    details = {row.action_id: details_view(row, TOOLS.get(row.tool), mask) for row in shown.rows}
    seen = read_message(blocks, dialogs, details)
    assert list(seen) == [row.action_id for row in shown.rows if row.look == "pending"]
    read = tuple(source for row in shown.rows for source in row.sources)
    for row in shown.rows:
        if row.look == "pending":
            found = seen[row.action_id]
            assert not_known(found, row, read if found.how == "approve" else row.sources) == []


@examples(1)
@given(one=cards | cards.map(payment), mask=st.just(unmasked) | masks)
def test_any_call_is_known_exactly_from_what_is_seen_of_it(one: Card, mask: Mask) -> None:
    if fits_a_dialog(one, TOOLS.get(one.tool)):  # nobody is asked about another one
        assert_all_of_it_is_seen(Cards((one,)), mask)


@st.composite
def batches(draw: st.DrawFn) -> Cards:
    """The calls of one message: of two to five, some alike in who asked and who decides, none more than a dialog holds."""
    several = draw(st.lists(cards | cards.map(payment), min_size=2, max_size=5))
    first = several[0]
    shared = {"requesters": first.requesters, "verdict": first.verdict, "wording": first.wording, "tool": first.tool}
    alike = shared if draw(st.booleans()) else {}
    rows = tuple(replace(one, action_id=f"A{at}", **alike) for at, one in enumerate(several))
    assume(all(fits_a_dialog(row, TOOLS.get(row.tool)) for row in rows))
    return Cards(rows)


@examples(0.25)
@given(batches())
def test_any_calls_of_one_message_are_known_exactly(several: Cards) -> None:
    assert_all_of_it_is_seen(several)


def as_stored(one: Card) -> Card:
    """Return a card as the dialog has it: made from what is on record of the action, and not from its session."""
    on_record = {name: getattr(one, name) for name in ProposedAction.model_fields if hasattr(one, name)}
    proposed = ProposedAction(call_id="c", **on_record)
    seen = ActionSeen(proposed, Place(team="T1", channel="C1", thread_ts="1.0"), one.look, one.decided_by, one.decided_at)
    return card_now(ActionNow(seen, one.voters, one.rejecters, one.reason, one.result))


def assert_each_is_seen_one_by_one(shown: Cards, mask: Mask = unmasked) -> None:
    view = one_by_one_view([*map(as_stored, shown.rows)], TOOLS, mask, Carried(",".join(row.action_id for row in shown.rows)))
    assert view_faults(view) == []
    reviews = {row.action_id: review_view(row, TOOLS.get(row.tool)) for row in shown.rows}
    details = {row.action_id: details_view(row, TOOLS.get(row.tool), mask) for row in shown.rows}
    assert [fault for each in (*reviews.values(), *details.values()) for fault in view_faults(each)] == []
    seen = read_one_by_one(view, reviews, details)
    waiting = [row for row in shown.rows if row.look == "pending"]
    assert list(seen) == [row.action_id for row in waiting]
    for row in waiting:
        assert not_known(seen[row.action_id], row, row.sources) == []


@examples(0.25)
@given(batches(), st.sets(st.integers(0, 4)), st.just(unmasked) | masks)
def test_any_calls_are_known_exactly_one_by_one_too(several: Cards, decided: set[int], mask: Mask) -> None:
    looks = [replace(row, look="rejected" if at in decided else "pending") for at, row in enumerate(several.rows)]
    assert_each_is_seen_one_by_one(Cards(tuple(looks)), mask)


WORDING = Wording(effect="irreversible", verb="Wipe", consequence="It is gone.")


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize("around", [{}, AROUND], ids=["plain around", "hostile around"])
def test_a_hostile_call_is_known_exactly(arguments: dict[str, Any], around: dict[str, Any]) -> None:
    hostile = card(arguments, "mail", wording=WORDING, **around)
    other = card({"to": "Ada"}, "mail", "A2", wording=WORDING)
    if fits_a_dialog(hostile, TOOLS["mail"]):
        assert_all_of_it_is_seen(Cards((hostile,)))
        assert_all_of_it_is_seen(Cards((other, hostile)))
        assert_each_is_seen_one_by_one(Cards((other, hostile)))


@given(texts)
def test_the_eye_sees_no_blank_at_a_line_s_end(text: str) -> None:
    assert prose(f"{text} \n\t") == prose(text)
