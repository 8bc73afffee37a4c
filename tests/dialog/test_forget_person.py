"""`signoff forget-person`: nothing of what a person said is kept, what others said elsewhere is, and the audit log holds."""

from pathlib import Path

from bot.config.file import Config
from bot.config.memory_section import MemorySection
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.test_conversation_log import written
from tests.signoff import ran

SECRETS = ("zebra-question", "zebra-argument", "zebra-answer", "zebra-fact", "zebra-value", "zebra-file", "zebra-reason")


async def everything(world: World) -> str:
    """All rows of all tables, as text."""
    names = await world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = [await world.rows(f'SELECT row::text FROM "{name}" AS row') for (name,) in names]
    return "\n".join(text for rows in found for (text,) in rows)


async def forget(world: World, folder: Path, *arguments: str, answer: str = "") -> tuple[int, str, str]:
    """The exit status of the command, and what it says."""
    stores = {"DATABASE_URL": world.database_url, "REDIS_URL": world.redis_url}
    return await ran("forget-person", *arguments, folder=folder, environment=stores, answer=answer)


async def verified(world: World, folder: Path) -> str:
    status, out, err = await ran("audit", "verify", folder=folder, environment={"DATABASE_URL": world.database_url})
    assert (status, err) == (0, ""), out
    return out


async def everything_said(world: World) -> Talk:
    """Ann says, attaches, orders and has remembered all kinds of things; Ben rejects an order of hers."""
    order = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=1, note="zebra-argument")
    fact = call("remember_fact", fact="Ann likes zebra-fact", quote="zebra-fact")
    value = call("set_memory", owner="user", kind="preference", key="tea", value="zebra-value")
    world.model.script = Lines(fact, value, "Noted.", order, "The zebra-answer.")
    talk = await mention(world, "ann", "zebra-question, zebra-fact, zebra-value")
    await talk.sees("Noted.")
    files = [("notes.txt", b"zebra-file inside")]
    await world.slack.say("ann", talk.channel, f"<@{world.slack.bot_user_id}> see this", thread_ts=talk.ts, files=files)
    await talk.rejects("ben", await talk.card(), reason="zebra-reason")
    await talk.sees("The zebra-answer.")
    await talk.rests()
    return talk


async def test_nothing_of_a_person_is_kept_and_the_audit_log_holds(world: World, tmp_path: Path) -> None:
    world.config, world.log_conversations = Config(memory=MemorySection(learn_with="")), True
    await world.start_bot()
    world.model.script = Lines("Ben's own answer.")
    other = await mention(world, "ben", "what Ben says")
    await other.sees("Ben's own answer.")
    await other.rests()
    talk = await everything_said(world)
    session = f"{world.slack.team_id}:{talk.channel}:{talk.ts}"
    await written(world, session)
    world.model.script = Lines("Ann likes zebra-fact.")
    told = await mention(world, "ben", "what does Ann like?")
    await told.sees("Ann likes zebra-fact.")
    await told.rests()
    before = await everything(world)
    assert all(secret in before for secret in SECRETS)
    ann = world.slack.people["ann"]

    status, out, err = await forget(world, tmp_path, ann, answer="n\n")
    assert status == 1
    assert "2 conversations in which they spoke, or that were told what is remembered of them, whole: 0 of them" in out
    assert "Nothing was erased." in err
    assert await everything(world) == before

    status, out, err = await forget(world, tmp_path, ann, "--yes")
    assert (status, err) == (0, "")
    after = await everything(world)
    assert [line for line in after.splitlines() if "zebra" in line] == []
    assert "what Ben says" in after
    assert "2 conversations were erased for a person" in await verified(world, tmp_path)
    status, _, err = await forget(world, tmp_path, ann, "--yes")
    assert (status, err) == (1, f"Nothing is known of {ann}.\n")

    world.model.script = Lines("Hello again.")
    await talk.says("ann", f"<@{world.slack.bot_user_id}> are you still there?")
    await talk.sees("Hello again.")
    assert "zebra" not in str(world.model.requests[-1]["messages"][-1])
    await verified(world, tmp_path)


async def test_rows_that_are_gone_without_an_entry_are_still_found(world: World, tmp_path: Path) -> None:
    await world.start_bot()
    world.model.script = Lines(call("create_order", customer="ada@example.com", sku="WGT-001", quantity=1), "As you wish.")
    talk = await mention(world, "ann", "order one")
    await talk.rejects("ben", await talk.card())
    await talk.sees("As you wish.")
    await talk.rests()
    await world.rows("DELETE FROM step WHERE kind = 'action_decided' RETURNING seq")
    status, out, _ = await ran("audit", "verify", folder=tmp_path, environment={"DATABASE_URL": world.database_url})
    assert status == 1
    assert "is not there" in out


async def test_what_is_no_persons_id_is_a_sentence(world: World, tmp_path: Path) -> None:
    status, out, err = await forget(world, tmp_path, "ann")
    assert (status, out) == (2, "")
    assert err.startswith("ann is no person's id")
