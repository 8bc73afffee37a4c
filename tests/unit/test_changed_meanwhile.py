"""Whatever changes between a card and its click, or between the click and the run: what runs is what was shown, after the people
whom the card and the rules name; else nothing runs, and a fresh card says what changed.

Prices, names, channels, files, every word of a tool, its schema, rules, groups, members: all of it is plain Python
(`changing_world`), the card is read from its blocks (`card_reader`), and what ran is read from the world.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from itertools import pairwise
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from tests.profiles import examples
from tests.unit.card_eye import Deciders, Seen, json_of
from tests.unit.changing_session import Drama, Shown
from tests.unit.changing_world import World

TOLD_AS: Mapping[str, set[str]] = {
    "headline": {"In one line"},
    "does": {"What it does", "Whether it can be undone"},
    "verb": {"Button"},
    "effect": {"Effect"},
    "deciders": {"Who may decide"},
    "needed": {"Approvals needed"},
    "rule": {"Rule"},
    "reason": {"Why people are asked"},
}
UNCOUNTED = {"how", "until", "changed", "warned", "sources", "requesters", "edited_by", "arguments", "changes"}


# ------------------------------------------------------------------------------------------------ what may change


def set_product(sku: str, name: str, price: str, world: World) -> None:
    world.products[sku] = (name, price)


def drop_product(sku: str, world: World) -> None:
    world.products.pop(sku, None)


def name_channels(seven: str, eight: str, world: World) -> None:
    world.channels = {"C7": seven, "C8": eight}


def write_file(path: str, text: str, world: World) -> None:
    world.files[path] = text


def say(tool: str, word: str, text: str, world: World) -> None:
    world.words[tool][word] = text


def take_further(tool: str, default: str | None, world: World) -> None:
    world.words[tool]["further"] = default


def rule(rules: list[dict[str, Any]], world: World) -> None:
    world.rules = rules


def group(people: set[str], world: World) -> None:
    world.group = people


def members(people: set[str], world: World) -> None:
    world.members = people


def guests(people: set[str], world: World) -> None:
    world.guests = people


tool_names = st.sampled_from(["order", "post", "save", "note"])
skus, people = st.sampled_from(["A", "B"]), st.sets(st.sampled_from(["U1", "U2", "U3", "U4"]))
rules: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "tool": tool_names,
        "above": st.none(),
        "answer": st.sampled_from(["ask", "ask", "ask", "ask", "refuse", "allow"]),
        "users": people.map(sorted),
        "group": st.booleans(),
        "members": st.booleans(),
        "requester": st.sampled_from([None, True, False]),
        "quorum": st.integers(1, 2),
        "hours": st.sampled_from([24, 24, 1]),
        "name": st.sampled_from(["rule 1", "rule 2"]),
        "reason": st.sampled_from(["", "Two look at money"]),
    }
)


def only_above(rule: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return the rule for larger orders only."""
    return {**rule, "tool": "order", "above": limit}


above = st.builds(only_above, rules, st.integers(0, 5))
policies = st.lists(rules | above, max_size=3)
versions = st.one_of(
    st.builds(partial, st.just(say), tool_names, st.just("effect"), st.sampled_from(["write", "egress", "irreversible"])),
    st.builds(
        partial,
        st.just(say),
        tool_names,
        st.sampled_from(["verb", "consequence", "undo", "headline", "description"]),
        st.sampled_from(["Wipe", "Say less"]),
    ),
    st.builds(partial, st.just(take_further), tool_names, st.sampled_from([None, "x", "y"])),
)
things = st.one_of(
    st.builds(partial, st.just(set_product), skus, st.sampled_from(["Lamp", "Gold"]), st.sampled_from(["49.00", "9.00"])),
    st.builds(partial, st.just(drop_product), skus),
    st.permutations(["general", "finance", "old"]).map(lambda names: partial(name_channels, *names[:2])),
    st.builds(partial, st.just(write_file), st.sampled_from(["a.txt", "c.txt"]), st.sampled_from(["one", "other"])),
)
authority = st.one_of(
    st.builds(partial, st.just(rule), policies),
    st.builds(partial, st.just(group), people),
    st.builds(partial, st.just(members), people),
    st.builds(partial, st.just(guests), people),
)
changes = versions | things | authority
calls = st.sampled_from(
    [
        *(("order", {"sku": sku, "quantity": quantity}) for sku in "AB" for quantity in (1, 4)),
        *(("post", {"channel": f"#{name}", "text": "Hi"}) for name in ("general", "finance")),
        *(("save", {"path": path, "text": "new"}) for path in ("a.txt", "c.txt")),
        ("note", {"text": "Remember"}),
    ]
)
several = st.lists(changes, max_size=2)
rounds = st.fixed_dictionaries(
    {
        "before": several,
        "clicks": st.lists(st.sampled_from(["U1", "U2", "U3", "U4", "U9"]), min_size=1, max_size=5, unique=True),
        "between": several,
        "minutes": st.sampled_from([0, 0, 0, 20]),
        "meanwhile": st.none() | versions | things | authority,
        "crashes": st.sampled_from([False, False, True]),
    }
)


# ------------------------------------------------------------------------------------------------ what must hold


def rule_shown(deciders: Deciders, needed: tuple[int, int]) -> dict[str, Any]:
    """Return who may decide as the card says it, as a rule of the plain world."""
    requester = True if deciders.asked_too else False if deciders.not_who_asked else None
    return {
        **{"users": deciders.users, "group": bool(deciders.groups), "members": deciders.members},
        **{"requester": requester, "quorum": needed[0]},
    }


def assert_as_shown(shown: Shown) -> None:
    """What ran is what the card said, and enough of those whom the rules named by then had said yes."""
    ran, seen, judged = shown.ran, shown.seen, shown.judged_by
    assert ran is not None
    assert judged is not None
    assert ran.tool == seen.tool
    assert tuple(sorted((name, json_of(value)) for name, value in ran.arguments.items())) == seen.arguments
    assert tuple((what, "", now) for what, now in ran.facts.items()) == seen.changes
    words = ran.words
    assert (words["effect"], words["verb"], f"{words['consequence']} {words['undo']}") == (seen.effect, seen.verb, seen.does)
    assert seen.headline == f"{words['headline']} {next(iter(ran.arguments.values()))}"
    assert shown.description == (words["description"], words["further"])
    assert len(shown.votes) >= seen.needed[0]
    assert judged["answer"] != "refuse"
    if judged["answer"] == "ask":
        assert len(shown.votes) >= judged["quorum"]


def assert_told(before: Shown, now: Shown) -> None:
    """A fresh card says everything in which it is not like the one before; one where only time has passed says nothing."""
    told = {what for what, _, _ in now.seen.changed}
    values = {(was, is_now) for _, was, is_now in now.seen.changed}
    different = 0
    for field in (field.name for field in fields(Seen) if field.name not in UNCOUNTED):
        if getattr(before.seen, field) != getattr(now.seen, field):
            different += 1
            assert TOLD_AS[field] & told, (field, now.seen.changed)
    for what in ("arguments", "changes"):
        were, are = ({each[0]: each[-1] for each in getattr(card.seen, what)} for card in (before, now))
        for name in {*were, *are}:
            if were.get(name) != are.get(name):
                different += 1
                spelled = tuple(each.strip('"') if each else "(nothing)" for each in (were.get(name), are.get(name)))
                assert spelled in values, (name, spelled, now.seen.changed)
    if before.hours != now.hours:
        different += 1
        assert "Time to decide" in told, now.seen.changed
    if before.description != now.description:
        different += 1
        assert "What the tool is" in told, now.seen.changed
    assert different or before.late, "it was asked anew for nothing"
    assert different or not told


async def play(world: World, asked: list[Any], story: list[Mapping[str, Any]]) -> None:
    """Let it happen, and look at every card once nothing moves any more."""
    drama = Drama(world, asked)
    await drama.begin()
    for act in story:
        await perform(drama, act)
    by_call: dict[str, list[Shown]] = {}
    for shown in drama.cards.values():
        by_call.setdefault(shown.call_id, []).append(shown)
    assert len(world.ran) <= len(asked)
    for call_id, cards in by_call.items():
        for before, now in pairwise(cards):
            assert before.ran is None
            assert_told(before, now)
        last = cards[-1]
        if last.ran is not None:
            event("ran")
            assert_as_shown(last)
        elif last.approved:
            event("refused")
            end = drama.ends[call_id]
            if end.step.outcome == "unknown":  # it was lost, and people are asked what became of it
                event("unknown")
                continue
            assert end.step.outcome in ("refused", "failed")
            assert end.refusable, end.step.text
        if len(cards) > 1:
            event("asked anew")


async def perform(drama: Drama, act: Mapping[str, Any]) -> None:
    """One round: the world changes, people click, the world changes again, and what is approved goes on."""
    world = drama.world
    for change in act["before"]:
        change(world)
    for user in act["clicks"]:
        for id, shown in list(drama.cards.items()):
            if not shown.approved and drama.is_open(id):
                named = rule_shown(shown.seen.deciders, shown.seen.needed)
                allowed = user in shown.votes or world.may(user, named, shown.seen.requesters)
                await drama.click(id, user)
                assert (user in shown.votes) == allowed, (user, named)
                assert shown.approved == (len(shown.votes) >= shown.seen.needed[0])
    for change in act["between"]:
        change(world)
    drama.wait(act["minutes"])
    drama.meanwhile, drama.crashes = act["meanwhile"], act["crashes"]
    await drama.drive()
    drama.meanwhile, drama.crashes = None, False


Story = list[Mapping[str, Any]]


@examples(2)
@given(
    policy=policies,
    asked=st.lists(calls, min_size=1, max_size=2),
    story=st.lists(rounds, min_size=1, max_size=3),
)
def test_what_runs_is_what_was_shown_whatever_changes_meanwhile(
    policy: list[dict[str, Any]], asked: list[Any], story: Story
) -> None:
    asyncio.run(play(World(rules=policy), asked, story))
