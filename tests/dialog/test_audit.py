"""What the audit log says of a conversation: who asked, saw, decided and ran what; and the commands that read it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel

import migrations
from agent.tool.definition import Effect, Tool, ToolContext
from bot.config.file import Config, load_config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention
from tests.signoff import ran, refused


class Letter(BaseModel):
    """What `send_letter` takes."""

    text: str


async def send(arguments: Letter, context: ToolContext) -> Mapping[str, Any]:
    """Nothing goes wrong."""
    return {"sent": arguments.text[:10]}


LETTERS = Tool(name="send_letter", description="Sends a letter.", arguments=Letter, handler=send, effect=Effect.WRITE)


@pytest.fixture
async def letters(world: World) -> World:
    """A workspace with a bot that sends letters."""
    world.packs["letters"] = [LETTERS]
    await world.start_bot()
    return world


async def entries(world: World, folder: Path) -> list[dict[str, Any]]:
    """The log as `signoff audit export` hands it out."""
    out = await audit(world, folder, "export", "--since", "2000-01-01")
    return [json.loads(line) for line in out.splitlines()]


async def audit(world: World, folder: Path, *arguments: str, status: int = 0) -> str:
    """What the command says on standard output."""
    ended, out, err = await ran("audit", *arguments, folder=folder, environment={"DATABASE_URL": world.database_url})
    assert (ended, err) == (status, "")
    return out


async def ask_for_a_letter(world: World) -> Talk:
    """Ann asks for a letter too long for its card, and Ben reads all of it."""
    world.model.script = Lines(call("send_letter", text="Dear Ada, " * 600), "It is sent.", "As you wish.")
    talk = await mention(world, "ann", "write to Ada")
    await talk.reviews("ben", await talk.card())
    return talk


async def test_an_approved_run_is_in_the_log_from_ask_to_outcome(letters: World, tmp_path: Path) -> None:
    talk = await ask_for_a_letter(letters)
    view = talk.slack.view("ben")
    assert view is not None
    assert (await talk.slack.submit("ben", view.id, {})).closed
    await talk.sees("It is sent.")

    log = await entries(letters, tmp_path)
    ann, ben = (letters.slack.people[name] for name in ("ann", "ben"))
    kinds = [("ask", ann), ("view", ben), ("decision", ben), ("claim", ""), ("outcome", "")]
    assert [(entry["kind"], entry["actor"]) for entry in log] == kinds
    [(action_id, session_id, digest)] = await letters.rows("SELECT id, session_id, digest FROM action")
    for entry in log:
        assert (entry["action_id"], entry["session_id"], entry["digest"]) == (action_id, session_id, digest)
        assert (entry["tool"], entry["rule"]) == ("send_letter", log[0]["rule"])
        assert entry["rule"]
        assert entry["at"].endswith("Z")
    assert log[2]["body"]["decision"] == "approved"
    assert log[4]["body"]["outcome"] == "succeeded"
    assert "Ada" not in json.dumps(log)


async def look_up(arguments: Letter, context: ToolContext) -> Mapping[str, Any]:
    """Sends what the model chose to the outside."""
    return {"found": "nothing"}


async def test_what_runs_without_a_card_is_in_the_log_unless_it_is_a_plain_read(world: World, tmp_path: Path) -> None:
    look = Tool(name="look_here", description="Looks it up.", arguments=Letter, handler=look_up, effect=Effect.READ)
    world.packs["letters"] = [
        replace(LETTERS, idempotent=True),
        replace(look, name="look_up", effect=Effect.EGRESS),
        look,
    ]
    config = tmp_path / "signoff.yaml"
    config.write_text("policy: [{tool: send_letter, verdict: allow}, {tool: look_up, verdict: allow}]\n")
    world.config = load_config(config)
    await world.start_bot()
    calls = (call("look_here", text="a"), call("look_up", text="b"), call("send_letter", text="Dear Ada"))
    world.model.script = Lines(*calls, "It is sent.")
    talk = await mention(world, "ann", "write to Ada")
    await talk.sees("It is sent.")

    ann = world.slack.people["ann"]
    log = await entries(world, tmp_path)
    assert [(entry["kind"], entry["actor"], entry["tool"], entry["body"].get("effect")) for entry in log] == [
        ("claim", ann, "look_up", "egress"),
        ("outcome", "", "look_up", None),
        ("claim", ann, "send_letter", "write"),
        ("outcome", "", "send_letter", None),
    ]
    assert log[2]["rule"] == log[3]["rule"] == "rule 1 of signoff.yaml, line 1: send_letter"
    assert len(log[2]["digest"]) == 64
    assert log[3]["body"]["outcome"] == "succeeded"
    await audit(world, tmp_path, "verify")


async def test_a_rejection_is_in_the_log_without_the_words_of_its_reason(letters: World, tmp_path: Path) -> None:
    talk = await ask_for_a_letter(letters)
    await talk.rejects("ann", await talk.card(), "Ada Lovelace has moved.")
    await talk.sees("It is sent.")  # the model's next line

    decision = (await entries(letters, tmp_path))[2]
    assert (decision["kind"], decision["actor"]) == ("decision", letters.slack.people["ann"])
    assert decision["body"]["decision"] == "rejected"
    assert len(decision["body"]["reason_sha256"]) == 64
    assert "Lovelace" not in json.dumps(decision)


async def test_verify_prints_heads_to_keep_and_says_what_is_broken(letters: World, tmp_path: Path) -> None:
    talk = await ask_for_a_letter(letters)
    out = await audit(letters, tmp_path, "verify")
    team, count, hash_ = out.split()
    assert (team, count) == (letters.slack.team_id, "2")
    kept = tmp_path / "heads"
    kept.write_text(out)

    view = talk.slack.view("ben")
    assert view is not None
    assert (await talk.slack.submit("ben", view.id, {})).closed
    await talk.sees("It is sent.")
    out = await audit(letters, tmp_path, "verify", "--earlier", str(kept))
    assert out.split()[:2] == [team, "5"]

    async with letters.pool.connection() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE audit SET actor = 'U9' WHERE kind = 'decision'")
    out = await audit(letters, tmp_path, "verify", status=1)
    assert out.splitlines()[0] == f"broken: {team}, entry 3: was changed: its hash is not that of its fields"

    kept.write_text(f"{team} 2 {hash_[::-1]}\n")
    out = await audit(letters, tmp_path, "verify", "--earlier", str(kept), status=1)
    assert f"broken: {team}, entry 2: is not the entry that was there earlier" in out


def kept(world: World) -> str:
    """What the bot has written into its file of heads."""
    file = world.home / "audit-heads"
    return file.read_text() if file.exists() else ""


async def test_a_log_that_was_rewritten_as_a_whole_does_not_fit_the_heads_that_the_bot_kept(world: World, tmp_path: Path) -> None:
    ops = world.slack.channels["finance"]
    world.config = Config.model_validate({"ops_channel": ops, "audit": {"every": "1s", "post_every": "1s"}})
    world.packs["letters"] = [LETTERS]
    await world.start_bot()
    talk = await ask_for_a_letter(world)
    view = talk.slack.view("ben")
    assert view is not None
    assert (await talk.slack.submit("ben", view.id, {})).closed
    await talk.sees("It is sent.")
    team = world.slack.team_id
    assert f"\n{team} 5 " in await world.slack.until(lambda: f"\n{kept(world)}" if f"{team} 5 " in kept(world) else None)
    posts = world.slack.workspace.messages[ops]
    post = await world.slack.until(lambda: next((m for m in posts.values() if "has 5 entries" in m.seen_text), None))
    file, hash_ = str(world.home / "audit-heads"), kept(world).splitlines()[-1].split()[2]
    assert hash_ in post.seen_text
    await audit(world, tmp_path, "verify", "--head", file, "--head", hash_)

    async with world.pool.connection() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("TRUNCATE step, action, vote, audit, audit_head")
    async with world.pool.connection() as connection:
        await connection.execute("INSERT INTO audit (team, kind) SELECT %s, 'view' FROM generate_series(1, 9)", (team,))
    await audit(world, tmp_path, "verify")  # it fits together
    out = await audit(world, tmp_path, "verify", "--head", file, status=1)
    assert f"broken: {team}, entry 5: is not the entry that was there earlier" in out
    out = await audit(world, tmp_path, "verify", "--head", hash_, status=1)
    assert f"broken: -, entry 0: no entry of any workspace has the hash {hash_}" in out


def names(folder: Path) -> list[str]:
    """What lies in it."""
    return sorted(path.name for path in folder.iterdir())


READING = [
    ("audit", "verify"),
    ("audit", "export", "--since", "2000-01-01"),
    ("report", "--since", "2000-01-01"),
    ("memory", "list", "--team", "T1"),
    ("memory", "search", "words", "--team", "T1"),
    ("memory", "stats", "--team", "T1"),
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
async def test_a_store_with_nothing_in_it_is_said_and_nothing_is_created(
    empty_database_url: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """No store, a database of somebody else, and one of ours in which nothing happened."""
    there = {"DATABASE_URL": empty_database_url}
    status, out, err = await ran(*arguments, folder=tmp_path, environment={"SIGNOFF_HOME": "home"})
    assert (status, out) == (1, "")
    assert err == (
        "There is no store in home: set DATABASE_URL or SIGNOFF_HOME to those of the bot, or start it with `signoff run`.\n"
    )
    status, out, err = await ran(*arguments, folder=tmp_path, environment=there)
    assert (status, out) == (1, "")
    assert err == "The database of DATABASE_URL holds nothing of Signoff: name the one that the bot uses.\n"
    with psycopg.connect(empty_database_url) as database:
        assert database.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    migrations.upgrade(empty_database_url, "0009")
    status, out, err = await ran(*arguments, folder=tmp_path, environment=there)
    assert (status, out) == (2, "")
    assert err == "The database of DATABASE_URL is at an older schema: run `signoff migrate`, then try again.\n"
    migrations.upgrade(empty_database_url)
    status, out, err = await ran(*arguments, folder=tmp_path, environment=there)
    assert (status, out) == (1, "")
    assert err.startswith("There is no")
    assert err.count("\n") == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("arguments", [("policy", "check"), ("tools",), ("tools", "lint"), ("doctor",)], ids=" ".join)
async def test_commands_that_only_look_create_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    environment = {"SIGNOFF_HOME": "home", "SLACK_API_URL": "http://127.0.0.1:1/api/", "PORT": "0"}
    _, out, err = await ran(*arguments, folder=tmp_path, environment=environment)
    assert "Traceback" not in out + err
    assert names(tmp_path) == []


async def test_the_demos_store_is_pointed_to(tmp_path: Path) -> None:
    (tmp_path / "home" / "demo" / "postgres").mkdir(parents=True)
    (tmp_path / "home" / "demo" / "postgres" / "PG_VERSION").write_text("18\n")
    status, _, err = await ran("audit", "verify", folder=tmp_path, environment={"SIGNOFF_HOME": "home"})
    assert (status, err) == (
        1,
        "There is no store in home; the demo's is in home/demo: set SIGNOFF_HOME=home/demo to read that one.\n",
    )


async def test_a_file_that_holds_no_heads_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("Buy milk.\n")
    environment = {"DATABASE_URL": world.database_url}
    told = await asyncio.gather(
        refused("audit", tmp_path, environment, "verify", "--earlier", "nowhere"),
        refused("audit", tmp_path, environment, "verify", "--earlier", "notes"),
    )
    assert told[0] == "nowhere cannot be read: name a file with what an earlier `signoff audit verify` printed."
    assert told[1] == "notes is not what `signoff audit verify` prints: name a file with an earlier run's output."
