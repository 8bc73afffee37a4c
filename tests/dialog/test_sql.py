"""A team's own database in a thread: a question is answered by reading, a change waits for a click and is made once."""

import pytest

from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.sections import Database
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention

READ = call("reports__query", sql="SELECT id, stock FROM parts ORDER BY id")
WRITE = call("reports__execute", sql="UPDATE parts SET stock = stock - 1 WHERE id = 7", expect_rows=1)
SETTINGS = Config(databases={"reports": Database(url="${REPORTS_URL}")})


@pytest.fixture
async def stocked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A bot that knows the database `reports`."""
    async with world.pool.connection() as connection:
        await connection.execute("CREATE TABLE parts (id int PRIMARY KEY, stock int NOT NULL)")
        await connection.execute("INSERT INTO parts VALUES (7, 40), (8, 50)")
    monkeypatch.setenv("REPORTS_URL", world.database_url)
    world.config = SETTINGS
    await world.start_bot()
    return world


async def test_a_question_reads_and_a_change_is_made_once_when_it_was_approved(stocked: World) -> None:
    stocked.model.script = Lines(READ, WRITE, "One is taken out.")
    talk = await mention(stocked, "ann", "take one of part 7 out of stock")
    card = await talk.card()
    read = stocked.model.requests[-1]["messages"][-1]["content"][0]["content"]
    assert '"columns":["id","stock"],"rows":[[7,40],[8,50]],"more":false' in read
    shown = card.seen_text
    for words in (
        "UPDATE parts in the database reports · 1 row",
        "1 updated",
        "stock: 40",
        "stock: 39",
        "database reports",
    ):
        assert words in shown
    assert stocked.database_url not in shown
    assert await stocked.rows("SELECT stock FROM parts WHERE id = 7") == [(40,)]  # the preview was rolled back
    await talk.clicks("ben", card)
    await talk.sees("Done.", "UPDATE 1")
    await talk.sees("One is taken out.")
    await stocked.slack.click("cleo", talk.channel, card.ts, "approve", stale=True)
    await talk.is_told("cleo", "already settled")
    assert await stocked.rows("SELECT stock FROM parts ORDER BY id") == [(39,), (50,)]
    assert stocked.database_url not in str([request["messages"] for request in stocked.model.requests])


async def test_a_change_that_is_rejected_is_not_made(stocked: World) -> None:
    stocked.model.script = Lines(WRITE, "Then not.")
    talk = await mention(stocked, "ann", "take one of part 7 out of stock")
    await talk.rejects("ben", await talk.card())
    await talk.sees("Then not.")
    assert await stocked.rows("SELECT stock FROM parts WHERE id = 7") == [(40,)]


async def test_a_database_whose_variable_is_not_set_is_refused_at_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPORTS_URL", raising=False)
    world.config = SETTINGS
    with pytest.raises(Refusal, match=r"^REPORTS_URL is not set, but `databases\.reports\.url` in signoff\.yaml names it: .*\.$"):
        await world.start_bot()
    monkeypatch.setenv("REPORTS_URL", "mysql://reader:topsecret@db/reports")
    with pytest.raises(Refusal, match=r"^REPORTS_URL is not an address like postgresql://") as refused:
        await world.start_bot()
    assert "topsecret" not in str(refused.value)
