"""`signoff memory`: what is remembered listed, searched, forgotten, counted and written to a file."""

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from agent.memory.items import NewItem, Source, message_key
from agent.memory.terms import Terms
from agent.memory.values import NewValue
from agent.store.memory_audit import By
from agent.store.memory_items import Items
from agent.store.memory_values import Values
from tests.dialog.conftest import World
from tests.dialog.memory_command import GUIDE, configured, fact, found, knowing, memory, team
from tests.dialog.test_memory import remembers
from tests.signoff import says, signoff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configuration of a bot that remembers."""
    return configured(tmp_path)


async def keep(world: World, owner: str, key: str, value: str, channel: str) -> None:
    """A value that somebody said in a channel."""
    values = Values(world.pool, world.redis_url)
    new = NewValue(kind="preference", key=key, value=value, channel=channel, set_by="U1")
    assert await values.set(team(world), owner, new) == ""
    await values.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "nowhere.md"), "nowhere.md does not exist: name a file, a folder or an address."),
        (
            ("add", "ftp://example.com/a"),
            "ftp://example.com/a is not a plain http or https address: write it as https://host/path.",
        ),
        (
            ("add", "signoff.yaml", "--channel", "general"),
            "'general' is not the id of a channel, such as C012AB3CD, nor everybody.",
        ),
        (("list", "--kind", "page"), "'page' is not a kind of what is remembered: there are fact, summary, document."),
        (("forget",), "Name one of the three: ids, --source or --channel."),
        (("forget", "1", "--channel", "C1"), "Name one of the three: ids, --source or --channel."),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], sentence: str
) -> None:
    monkeypatch.chdir(folder)
    assert says("memory", *arguments) == (2, [], f"{sentence}\n")


def test_without_the_section_of_memory_nothing_is_added(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "signoff.yaml").write_text("{}\n")
    sentence = "signoff.yaml has no section `memory`, so no agent would know of it: add `memory: {}` to it first.\n"
    assert says("memory", "add", "signoff.yaml") == (2, [], sentence)


@pytest.mark.parametrize("arguments", [("list",), ("stats",), ("search", "apples"), ("forget", "7")])
async def test_where_nothing_is_remembered_the_status_is_1(world: World, folder: Path, arguments: Sequence[str]) -> None:
    out, err = await memory(world, folder, *arguments, status=1)
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("There is nothing remembered")
    _, err = await memory(world, folder, *arguments, "--team", "T0OTHER", status=1)
    assert err.startswith("There is nothing remembered")


async def test_what_is_remembered_is_listed_by_channel_kind_and_person(world: World, folder: Path) -> None:
    await knowing(world)
    await remembers(world, "Deploys are on Tuesday")
    secret = await fact(world, "The budget is 7 million", "finance")
    (folder / "guide.md").write_text("Lunch is at noon")
    await memory(world, folder, "add", "guide.md")
    ann, finance = world.slack.people["ann"], world.slack.channels["finance"]

    out, _ = await memory(world, folder, "list")
    assert [each.rpartition(": ")[2] for each in out.splitlines()] == [
        "Lunch is at noon",
        "The budget is 7 million",
        "Deploys are on Tuesday",
    ]
    out, _ = await memory(world, folder, "list", "--channel", finance)
    assert out.startswith(f"{secret} ")
    assert f"{finance} fact, memory of what <@{ann}> said in <#{finance}>: The budget is 7 million" in out
    assert out.count("\n") == 1
    out, _ = await memory(world, folder, "list", "--kind", "document", "--json")
    assert json.loads(out)["source"]["link"] == "guide.md"
    out, _ = await memory(world, folder, "list", "--said-by", ann, "--kind", "fact")
    assert out.count("\n") == 2


async def test_an_operator_searches_every_channel_or_some_and_is_told_so(world: World, folder: Path) -> None:
    await fact(world, "The budget is 7 million", "finance")
    await fact(world, "The budget is tight", "orders")
    out, err = await memory(world, folder, "search", "what is the budget?")
    assert "7 million" in out
    assert "tight" in out
    assert err == "This is an operator's view: no conversation is told more than everybody who reads along there may know.\n"
    out, _ = await memory(world, folder, "search", "budget", "--channel", world.slack.channels["orders"])
    assert "7 million" not in out


async def test_forgetting_shows_what_goes_and_asks_and_is_for_good(world: World, folder: Path) -> None:
    id = await fact(world, "Deploys are on Tuesday")
    place = world.slack.channels["orders"]
    summary = Source(key="session:thread", quote="They spoke of Tuesday")
    await Items(world.pool).learn(
        team(world), NewItem(channel=place, kind="summary", text=summary.quote, source=summary, group="thread")
    )
    await fact(world, "Lunch is at noon", ts="2.0", channel="support")

    out, err = await memory(world, folder, "forget", str(id), answer="n\n", status=1)
    assert "Deploys are on Tuesday" in out
    assert "They spoke of Tuesday" in out  # it goes along
    assert "Lunch" not in out
    assert err.endswith("Nothing was forgotten.\n")
    async with signoff("memory", "forget", str(id), folder=folder, environment=found(world)) as process:
        out, _ = await process.communicate(b"y\n")
    assert process.returncode == 0
    assert out.endswith(b"2 forgotten.\n")
    out, _ = await memory(world, folder, "list")
    assert out.endswith("Lunch is at noon\n")
    assert out.count("\n") == 1
    assert await Items(world.pool).gone(team(world), [message_key(place, "1.0")]) == {message_key(place, "1.0")}
    [(kind, actor, body)] = await world.rows("SELECT kind, actor, body::text FROM audit")
    assert kind == "forget"
    assert actor.startswith("operator:")
    assert json.loads(body)["items"] == [id, id + 1]
    assert "Tuesday" not in body


async def test_all_of_a_source_or_a_channel_is_forgotten(world: World, folder: Path) -> None:
    (folder / "guide.md").write_text(GUIDE)
    await memory(world, folder, "add", "guide.md")
    await fact(world, "The budget is 7 million", "finance")
    await fact(world, "Lunch is at noon")
    out, _ = await memory(world, folder, "forget", "--source", "document:guide.md", "--yes")
    assert out.endswith("2 forgotten.\n")
    out, _ = await memory(world, folder, "forget", "--channel", world.slack.channels["finance"], "--yes")
    assert out.endswith("1 forgotten.\n")
    out, _ = await memory(world, folder, "list")
    assert out.count("\n") == 1
    out, _ = await memory(world, folder, "add", "guide.md")  # a document that was forgotten may be added again
    assert out == "added guide.md (2 parts)\n"


async def test_an_export_holds_each_item_once_and_nothing_that_is_over_or_forgotten(world: World, folder: Path) -> None:
    await fact(world, "The code was swordfish", ts="1.0")
    await fact(world, "The code was marlin", ts="2.0", terms=Terms({"fact": timedelta(0)}))  # not yet purged
    gone = await fact(world, "The code was tuna", ts="3.0")
    await Items(world.pool).forget(team(world), [world.slack.channels["orders"]], by=By("U1", "home"), ids=[gone])
    out, _ = await memory(world, folder, "export", "backup.jsonl")
    assert out == "1 items and 0 values are in backup.jsonl.\n"
    [line] = (folder / "backup.jsonl").read_text().splitlines()
    assert json.loads(line)["text"] == "The code was swordfish"
    assert os.stat(folder / "backup.jsonl").st_mode & 0o777 == 0o600
    _, err = await memory(world, folder, "export", "backup.jsonl", status=2)
    assert err == "backup.jsonl is there already: name a new file.\n"


async def test_values_that_were_said_in_a_channel_are_forgotten_with_it_in_both_stores(world: World, folder: Path) -> None:
    orders, finance = world.slack.channels["orders"], world.slack.channels["finance"]
    for owner, channel in (("user:U1", finance), (f"channel:{finance}", finance), ("user:U2", orders)):
        await keep(world, owner, "tone", "short", channel)
    _, err = await memory(world, folder, "forget", "--channel", finance, answer="n\n", status=1)
    assert err.endswith("Nothing was forgotten.\n")
    out, _ = await memory(world, folder, "forget", "--channel", finance, "--yes")
    assert "preference tone of user:U1" in out
    assert out.endswith(f'{finance}: "short"\n2 forgotten.\n')
    there = Values(world.pool, world.redis_url)
    kept = await there.kept(team(world), ["user:U1", f"channel:{finance}", "user:U2"])
    await there.close()
    assert [len(each) for each in kept.values()] == [0, 0, 1]
    assert await world.rows("SELECT owner FROM memory_value") == [("user:U2",)]
    entries = await world.rows("SELECT actor LIKE 'operator:_%%', body ->> 'values' FROM audit WHERE kind = 'forget'")
    assert entries == [(True, "1")] * 2


async def test_without_redis_nothing_of_a_channel_is_forgotten(world: World, folder: Path) -> None:
    finance = world.slack.channels["finance"]
    await keep(world, "user:U1", "tone", "short", finance)
    await fact(world, "The budget is 7 million", "finance")
    world.redis_url = "redis://127.0.0.1:1"
    _, err = await memory(world, folder, "forget", "--channel", finance, "--yes", status=2)
    assert "start Redis or mend REDIS_URL, then try again" in err
    assert len(await world.rows("SELECT FROM memory")) == len(await world.rows("SELECT FROM memory_value")) == 1


async def test_an_export_holds_the_values_and_is_never_read_back(world: World, folder: Path) -> None:
    orders = world.slack.channels["orders"]
    for number in range(3):
        await keep(world, "user:U1", f"key{number}", "short", orders)
    gone = await fact(world, "The code was tuna")
    out, _ = await memory(world, folder, "export", "backup.txt")
    assert out == "1 items and 3 values are in backup.txt.\n"
    lines = [json.loads(line) for line in (folder / "backup.txt").read_text().splitlines()]
    assert [(line["owner"], line["key"], line["value"]) for line in lines[1:]] == [
        ("user:U1", f"key{number}", "short") for number in range(3)
    ]
    await memory(world, folder, "forget", str(gone), "--yes")
    for text in ((folder / "backup.txt").read_text(), f"My notes\n{json.dumps(lines[-1])}\n"):
        (folder / "notes.md").write_text(text)
        _, err = await memory(world, folder, "add", "notes.md", status=2)
        assert "notes.md was not read: it is a backup of memory, and what was forgotten since would be known again." in err
    assert await world.rows("SELECT FROM memory") == []


async def test_an_export_of_more_than_a_page_holds_all_of_it(world: World, folder: Path) -> None:
    await asyncio.gather(*(fact(world, f"Fact {number}", ts=f"{number}.0") for number in range(1_003)))
    await memory(world, folder, "export", "backup.jsonl")
    found = [json.loads(line)["text"] for line in (folder / "backup.jsonl").read_text().splitlines()]
    assert sorted(found) == sorted(f"Fact {number}" for number in range(1_003))


async def test_stats_count_items_by_channel_and_kind_and_values_by_owner(world: World, folder: Path) -> None:
    orders = world.slack.channels["orders"]
    (folder / "guide.md").write_text(GUIDE)
    await memory(world, folder, "add", "guide.md")
    await fact(world, "Deploys are on Tuesday")
    for user in ("U1", "U2"):
        await keep(world, f"user:{user}", "tone", "short", orders)
    out, _ = await memory(world, folder, "stats")
    lines = [each.split() for each in out.splitlines()]
    assert lines[0] == ["channel", "kind", "items", "oldest", "newest", "without", "vector"]
    assert [each[:3] for each in lines[1:3]] == [["everybody", "document", "2"], [orders, "fact", "1"]]
    assert lines[-1] == ["user", "preference", "2", "2"]
