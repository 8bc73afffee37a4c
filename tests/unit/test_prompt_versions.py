"""Versions of prompts: none that was released ever changes, variables have their types, a session always gets the same one."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approvals.policy import Policy, Rule
from agent.prompts.eval_key import eval_key
from agent.prompts.labels import Labelled, Live, live_version
from agent.prompts.versions import PROMPTS, Registry, Version, read_version, written_version
from agent.store.prompt_labels import Moved
from agent.tool.declare import tool
from agent.tool.definition import Tool
from agent.types import Place
from bot.agents.packs import BUILT_IN
from bot.agents.toolbox import Agents, Toolbox
from bot.commands.prompts import leading, new_version
from bot.config.file import Config
from bot.config.refusal import Refusal
from tools.mcp import Bridge

WRITTEN = """\
author: Ada
parent: null
notes: The first.
variables:
  company: {type: text}
  most: {type: number, default: 3}
text: |
"""
TEXT = "  You work for {{company}}, and answer in {{ most }} lines.\n"


def version(**changes: Any) -> Version:
    """One with two variables, or otherwise."""
    return read_version("helper", 1, WRITTEN + TEXT).model_copy(update=changes)


@pytest.mark.parametrize("name", PROMPTS.names())
def test_a_released_version_is_what_it_was(name: str) -> None:
    released = PROMPTS.released(name)
    assert {number: PROMPTS.load(f"{name}@{number}").digest for number in released} == released, "add a version instead"
    assert PROMPTS.shipped(name) in released, "what comes with the code is released"


def test_each_part_of_a_version_counts_for_its_digest() -> None:
    others = [
        version(text="You work for {{company}} in {{most}} lines!"),
        version(notes="Another."),
        version(author="Grace"),
        version(parent=7),
        version(settings=version().settings.model_copy(update={"max_iterations": 3})),
        version(variables={**version().variables, "most": version().variables["most"].model_copy(update={"default": 4})}),
        version(name="other"),
        version(number=2),
    ]
    assert len({version().digest, *(other.digest for other in others)}) == 9


def test_variables_are_filled_in_by_their_types() -> None:
    assert version().filled({"company": "Acme"}) == "You work for Acme, and answer in 3 lines."
    assert version().filled({"company": "{{most}}", "most": 2.5}) == "You work for {{most}}, and answer in 2.5 lines."


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, "needs a text for its variable 'company'"),
        ({"company": 7}, "needs a text"),
        ({"company": "Acme", "most": "three"}, "needs a number"),
        ({"company": "Acme", "most": True}, "needs a number"),
        ({"company": "Acme", "colour": "red"}, "has no variable 'colour'; its variables are: company, most"),
    ],
)
def test_what_is_missing_or_of_another_type_is_said(values: dict[str, Any], wrong: str) -> None:
    with pytest.raises(LookupError, match=wrong):
        version().filled(values)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        (WRITTEN.replace("  company: {type: text}\n", "") + TEXT, "names .*company.* in its text"),
        (WRITTEN + "  No variables at all.\n", "and its variables are"),
        ("text: [", "is not YAML"),
        ("text: x\n", "author"),
        ("7", "author"),
        (WRITTEN + TEXT + "colour: red\n", "colour"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(written: str, wrong: str) -> None:
    with pytest.raises(LookupError, match=wrong):
        read_version("helper", 1, written)


@pytest.mark.parametrize(
    ("reference", "wrong"),
    [
        ("nobody", "the prompts are: assistant"),
        ("assistant@9", "the versions are: 1, 2"),
        ("assistant@two", "write a number behind the @"),
        ("assistant@-1", "write a number behind the @"),
        (f"assistant@{'9' * 5_000}", "write a number behind the @"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(reference: str, wrong: str) -> None:
    with pytest.raises(LookupError, match=wrong):
        PROMPTS.load(reference)


@pytest.mark.parametrize("name", ["../assistant", "", ".", "assistant/..", "A"])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(LookupError, match="there is no prompt named"):
        PROMPTS.load(name)


def test_the_next_version_is_a_copy_with_its_own_author_and_parent(tmp_path: Path) -> None:
    (tmp_path / "helper").mkdir()
    (tmp_path / "helper" / "promoted").write_text("1\n")
    (tmp_path / "helper" / "1.yaml").write_text(WRITTEN + TEXT)
    path = new_version(tmp_path, "helper", "Grace: the second", "It's shorter\nand clearer")
    new, first = Registry(tmp_path).load("helper@2"), Registry(tmp_path).load("helper@1")
    assert path == tmp_path / "helper" / "2.yaml"
    assert (new.author, new.parent, new.notes) == ("Grace: the second", 1, "It's shorter\nand clearer")
    assert (new.text, new.variables, Registry(tmp_path).load("helper").number) == (first.text, first.variables, 1)
    with pytest.raises(Refusal, match="There is no prompt nobody"):
        new_version(tmp_path, "nobody", "Grace", "")


WORDS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), include_characters="\n"), min_size=1)


@given(WORDS, WORDS, WORDS)
def test_a_version_is_read_as_it_was_written(text: str, author: str, notes: str) -> None:
    told = text.replace("{{", "").replace("\r", "").strip() or "x"
    written = version(text=told, author=author, notes=notes, variables={}, parent=None)
    read = read_version("helper", 1, written_version(written))
    assert (read.author, read.notes) == (author, notes)
    assert read.text.split() == told.split()


def test_a_rollback_goes_back_once_for_each_time_and_never_to_what_was_gone_back_from() -> None:
    def moved(number: int | None, back: bool = False) -> Moved:
        return Moved(datetime(2026, 11, 30, tzinfo=UTC), "production", number, "", 100, "U1", "", "", back)

    one, two, three = moved(1), moved(2), moved(3)
    newest_first = [one]
    assert [each.version for each in leading(newest_first)] == [1]
    newest_first = [three, two, one]
    assert [each.version for each in leading(newest_first)] == [1, 2, 3]
    newest_first = [moved(2, back=True), *newest_first]
    assert [each.version for each in leading(newest_first)] == [1, 2]
    newest_first = [moved(1, back=True), *newest_first]
    assert [each.version for each in leading(newest_first)] == [1]
    assert leading([moved(None, back=True), *newest_first]) == []
    assert [each.version for each in leading([three, *newest_first])] == [1, 3]


def test_a_file_is_read_once_and_a_version_without_its_values_does_not_lead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "assistant"
    home.mkdir()
    (home / "promoted").write_text("1\n")
    (home / "1.yaml").write_text(written_version(PROMPTS.load("assistant@2").model_copy(update={"number": 1, "parent": None})))
    (home / "2.yaml").write_text(WRITTEN + TEXT)  # wants a value for `company`, which nobody gives
    found = Registry(tmp_path).load("assistant@2")
    live: Live = {"production": Labelled(2, found.digest)}

    async def labels(prompt: str) -> Live:
        return live

    agents = Agents(Config(), Toolbox({BUILT_IN: [], "catalog": []}, Bridge(())), labels=labels, prompts_in=Registry(tmp_path))
    place = Place(team="T1", channel="C1", thread_ts="1.0")
    asyncio.run(agents.look_up(place))
    for _ in range(3):
        assert agents.for_place(place).pinned.prompt == "assistant@1"
        shutil.rmtree(home, ignore_errors=True)
    assert [record.getMessage() for record in caplog.records if "company" in record.getMessage()] == [caplog.messages[-1]]


@given(share=st.integers(1, 100), seed=st.integers(0, 1_000))
def test_a_canary_leads_its_share_and_a_session_always_gets_the_same(share: int, seed: int) -> None:
    production, canary = Labelled(1, "one"), Labelled(2, "two", share)
    live = {"production": production, "canary": canary}
    chosen = [live_version({"production": production, "canary": canary}, f"T1:C1:{seed}.{number}") for number in range(300)]
    assert chosen == [live_version(dict(reversed(live.items())), f"T1:C1:{seed}.{number}") for number in range(300)]  # pyright: ignore[reportArgumentType]
    led = sum(each == canary for each in chosen)
    assert abs(led - 3 * share) <= 45  # five deviations of 300 draws
    assert live_version({}, "T1:C1:1") is None
    assert live_version({"canary": Labelled(2, "two", 100)}, "T1:C1:1") == Labelled(2, "two", 100)


@tool(effect="read")
def look(word: str) -> str:
    """Look something up."""
    return word


@tool(effect="write")
def look_and_note(word: str) -> str:
    """Look something up."""
    return word


def key(of: Version | None = None, values: Any = (), model: str = "m", tools: tuple[Tool, ...] = (look,), **more: Any) -> str:
    """The key of what was tested."""
    offered = [(each, each.schema()) for each in tools]
    servers, policy = more.get("servers", ()), more.get("policy", Policy())
    return eval_key(of or version(), dict(values), model, offered, servers, policy).key


def test_each_thing_that_a_version_was_tested_with_counts_for_the_key() -> None:
    rule = Rule(tool="look", quorum=2)
    keys = [
        key(),
        key(version(text="Another {{company}} {{most}}.")),
        key(values={"company": "Acme"}),
        key(model="n"),
        key(tools=(look_and_note,)),
        key(tools=(look, look_and_note)),
        key(servers=("mcp:git",)),
        key(policy=Policy((rule,))),
        key(policy=Policy((Rule(tool="look", quorum=3),))),
        key(policy=Policy((), ("example.com",))),
    ]
    assert len(set(keys)) == len(keys)
    assert key(policy=Policy((rule,))) == key(policy=Policy((Rule(tool="look", quorum=2, name="rule 7", line=70),)))
