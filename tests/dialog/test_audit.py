"""What the audit log says of a conversation: who asked, saw, decided and ran what; and the commands that read it."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent.tool import Effect, Tool, ToolContext
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention
from tests.signoff import refused, signoff


class Letter(BaseModel):
    """What `send_letter` takes."""

    text: str


async def send(arguments: Letter, context: ToolContext) -> Mapping[str, Any]:
    """Nothing goes wrong."""
    return {"sent": arguments.text[:10]}


@pytest.fixture
async def letters(world: World) -> World:
    """A workspace with a bot that sends letters."""
    tool = Tool(name="send_letter", description="Sends a letter.", arguments=Letter, handler=send, effect=Effect.WRITE)
    world.packs["letters"] = [tool]
    await world.start_bot()
    return world


async def entries(world: World, folder: Path) -> list[dict[str, Any]]:
    """The log as `signoff audit export` hands it out."""
    out = await audit(world, folder, "export", "--since", "2000-01-01")
    return [json.loads(line) for line in out.splitlines()]


async def audit(world: World, folder: Path, *arguments: str, status: int = 0) -> str:
    """What the command says on standard output."""
    async with signoff("audit", *arguments, folder=folder, environment={"DATABASE_URL": world.database_url}) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, err) == (status, "")
    return out


async def ask_for_a_letter(world: World) -> Talk:
    """Ann asks for a letter too long for its card, and Ben reads all of it."""
    world.model.script = Lines(call("send_letter", text="Dear Ada, " * 600), "It is sent.", "As you wish.")
    talk = await mention(world, "ann", "write to Ada")
    await talk.clicks("ben", await talk.card(), "show_all")
    await world.slack.until(lambda: world.slack.view("ben"))
    return talk


async def test_an_approved_run_is_in_the_log_from_ask_to_outcome(letters: World, tmp_path: Path) -> None:
    talk = await ask_for_a_letter(letters)
    await talk.clicks("ben", await talk.card())
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

    await talk.clicks("ben", await talk.card())
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


async def test_a_file_that_holds_no_heads_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("Buy milk.\n")
    environment = {"DATABASE_URL": world.database_url}
    told = await asyncio.gather(
        refused("audit", tmp_path, environment, "verify", "--earlier", "nowhere"),
        refused("audit", tmp_path, environment, "verify", "--earlier", "notes"),
    )
    assert told[0] == "nowhere cannot be read: name a file with what an earlier `signoff audit verify` printed."
    assert told[1] == "notes is not what `signoff audit verify` prints: name a file with an earlier run's output."
