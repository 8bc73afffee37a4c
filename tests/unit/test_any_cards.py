"""Whatever a card holds, Slack takes it, nothing in it is live, and every name can be read."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.decide.moves import Card, Cards
from agent.types import Approvers, Change, Escalation, Preview, Verdict
from bot.cards.cards import card_blocks, card_text, question_blocks
from bot.cards.review import details_view
from bot.cards.values import LONGEST_NAME_CHARACTERS, Mask, argument_name, unmasked
from bot.dialogs.carried import Carried
from bot.dialogs.one_by_one import one_by_one_view
from bot.sandbox.slack.blocks import blocks_too_long, message_faults, view_faults
from tests.profiles import examples
from tests.unit.shown import OURS, TOOLS, VERDICT, always, card, live, shown, texts_of
from tests.unit.test_batch_cards import decide_blocks

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6_000),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=80), inner, max_size=5),
    max_leaves=20,
)
looks = st.sampled_from(
    ["pending", "approved", "succeeded", "failed", "unknown", "rejected", "expired", "withdrawn", "edited", "refused"]
)
results = st.none() | values.map(lambda value: json.dumps({"ok": True, "result": value}))
texts = st.text(max_size=1_000)
changes = st.lists(st.builds(Change, what=texts, before=texts, after=texts), max_size=30)
previews = st.none() | st.builds(Preview, headline=st.just("") | texts, changes=changes.map(tuple), trouble=st.just("") | texts)
people = st.lists(st.sampled_from([f"U{number}" for number in range(10)]), max_size=10, unique=True).map(tuple)
approvers = st.builds(
    Approvers,
    users=people,
    groups=st.sampled_from([(), ("S1",)]),
    channel_members=st.booleans(),
    requester=st.sampled_from([None, True, False]),
)
verdicts = st.just(VERDICT) | st.builds(
    Verdict,
    answer=st.just("ask"),
    rule=texts,
    approvers=approvers,
    quorum=st.integers(1, 3),
    rejections=st.integers(1, 3),
    escalation=st.none() | st.builds(Escalation, after_seconds=st.just(60), to=approvers),
    post_to=st.just("C1"),
)


def everything(text: str) -> str:
    return "*" * len(text)


def down_to_nothing(text: str) -> str:
    return ""


def hostile(text: str) -> str:
    return text.replace("a", "<!here>")


masks = st.sampled_from([unmasked, everything, down_to_nothing, hostile])


@st.composite
def batches(draw: st.DrawFn) -> Cards:
    """One action with whatever it has, or up to five with as much as the core puts into one message."""
    count = draw(st.integers(1, 5))
    most_keys = 60 if count == 1 else 40 // count
    drawn: list[Card] = []
    for number in range(1, count + 1):
        verdict = draw(verdicts)
        drawn.append(
            card(
                draw(st.dictionaries(st.text(max_size=200), values, max_size=most_keys)),
                draw(st.sampled_from(["order", "delete", "mail", "pay"])),
                f"A{number}",
                look=draw(looks),
                verdict=verdict,
                requesters=draw(people.filter(bool)),
                voters=draw(people),
                rejecters=draw(people),
                escalated=draw(st.booleans()),
                decided_by=draw(st.sampled_from(["", "U2"])),
                edited_by=draw(st.sampled_from(["", "U3"])),
                not_posted=draw(st.sampled_from(["", "not_in_channel"])) if verdict.post_to else "",
                reason=draw(texts),
                result=draw(results) or "",
                preview=draw(previews),
                sources=tuple(draw(st.lists(texts, max_size=10))),
                said=draw(texts),
            )
        )
    return Cards(tuple(drawn))


@examples(2)
@given(cards=batches(), mask=masks)
def test_slack_takes_every_card_and_shows_every_name(cards: Cards, mask: Mask) -> None:
    blocks = card_blocks(cards, TOOLS, mask=mask, may_grant=always)
    assert message_faults(blocks) == []
    assert not blocks_too_long(blocks)
    assert live(blocks) == []
    assert not set("<>") & set(OURS.sub("", card_text(cards, TOOLS, mask)))
    unhidden = card_blocks(cards, TOOLS)
    open_rows = [row for row in cards.rows if row.look == "pending"]
    for row in open_rows:
        [named] = [block for block in unhidden if block.get("block_id") == f"arguments:{row.action_id}"]
        read = "\n".join(texts_of(named))
        assert all(argument_name(name)[: LONGEST_NAME_CHARACTERS - 1] in read for name in row.arguments)
    assert [*decide_blocks(blocks)] == [f"decide:{row.action_id}" for row in open_rows]
    for row in cards.rows:
        assert view_faults(details_view(row, TOOLS.get(row.tool), mask)) == []
    assert view_faults(one_by_one_view(cards.rows, TOOLS, mask, Carried("A1"))) == []
    first = cards.rows[0]
    assert message_faults(question_blocks(first, TOOLS.get(first.tool), mask)) == []


def test_the_fullest_message_that_the_core_makes_fits_with_every_name() -> None:
    many = Approvers(users=tuple(f"U{n}" for n in range(10)) * 2, groups=("S1",) * 9, requester=False)
    verdict = Verdict(
        answer="ask",
        rule="r" * 300,
        quorum=3,
        rejections=3,
        approvers=many,
        escalation=Escalation(after_seconds=1, to=many),
        post_to="C1",
    )
    wordy = {name: replace(tool, consequence="c" * 500, undo="u" * 500) for name, tool in TOOLS.items()}
    full = tuple(
        card(
            {f"{key}{'k' * 58}": "v" * 100 for key in range(8)},
            "delete",
            f"A{row}" + "0" * 23,
            verdict=verdict,
            requesters=("U1",) * 9,
            voters=("U2",) * 9,
            rejecters=("U3",) * 9,
            escalated=True,
            edited_by="U4",
            not_posted="not_in_channel",
            said=f"{row} " + "w" * 1_000,
            sources=tuple(f"source {number} of {row}" for number in range(50)),
            preview=Preview(
                headline="h" * 500, changes=tuple(Change(what="w" * 99, before="b" * 99, after="a" * 99) for _ in range(50))
            ),
        )
        for row in range(5)
    )
    blocks = card_blocks(Cards(full), wordy, may_grant=always, mask=lambda text: text.replace("v", "*"))
    assert message_faults(blocks) == []
    assert not blocks_too_long(blocks)
    for row in full:
        [named] = [block for block in blocks if block.get("block_id") == f"arguments:{row.action_id}"]
        assert all(name in shown(named) for name in row.arguments)
