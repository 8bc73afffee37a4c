"""A canary that leads conversations worse than the version beside it ends by itself, once, and the ops channel hears of it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from agent.prompts.labels import Labelled
from agent.prompts.versions import PROMPTS
from agent.store.canaries import Trial, trials
from agent.store.prompt_labels import PromptLabels, Reason
from agent.types import Pinned
from bot.app.canaries import LEAST_SESSIONS, ending, what_is_worse
from bot.slack.surface import SlackSurface
from bot.slack.web_api import open_client
from tests.dialog.conftest import World

FIRST, SECOND = PROMPTS.load("assistant@1"), PROMPTS.load("assistant@2")


def canary(own: Sequence[bool], others: Sequence[bool]) -> Trial:
    """One that has led so many conversations."""
    return Trial("canary", "assistant", Labelled(1, "digest", 10), datetime(2026, 11, 30, tzinfo=UTC), own, others)


@pytest.mark.parametrize(
    ("own", "others", "ends"),
    [
        ([False] * 10 + [True] * 10, [True] * 100, True),
        ([False] * 2 + [True] * 18, [True] * 100, False),  # not worse by more than a tenth
        ([False] * 4 + [True] * 16, [False] * 3 + [True] * 37, False),  # noise
        ([True] * 40, [False] * 30 + [True] * 10, False),  # better
        ([False] * (LEAST_SESSIONS - 1), [True] * 100, False),  # too few
        ([False] * 40, [True] * (LEAST_SESSIONS - 1), False),
    ],
)
def test_a_canary_ends_where_it_is_clearly_worse(own: list[bool], others: list[bool], ends: bool) -> None:
    assert (what_is_worse(canary(own, others), 0.1) is not None) is ends


async def begun(world: World, number: int, prompt: str, digest: str, *, halted: bool = False, bad: bool = False) -> None:
    """A conversation that a version leads."""
    id, pin = f"T1:C1:{number}.0", f"pin-{prompt}"
    body = Pinned(model="m", system="", tools=(), prompt=prompt, prompt_digest=digest).model_dump_json()
    await world.rows("INSERT INTO pin (id, body) VALUES (%s, %s::json) ON CONFLICT DO NOTHING RETURNING 1", pin, body)
    made = "INSERT INTO session (id, team, channel, thread_ts, pin_id) VALUES (%s, 'T1', 'C1', %s, %s) RETURNING 1"
    await world.rows(made, id, f"{number}.0", pin)
    if halted:
        step = '{"kind":"halted","error":"AgentMaxIterationsError","sentence":"I stopped."}'
        await world.rows("INSERT INTO step (session_id, seq, epoch, body) VALUES (%s, 1, 1, %s::json) RETURNING 1", id, step)
    if bad:
        await world.rows("INSERT INTO feedback (session_id, turn, \"user\", value) VALUES (%s, 1, 'U1', 'bad') RETURNING 1", id)


async def looked(world: World, labels: PromptLabels, times: int) -> list[str]:
    """The chore looks so often; what people were told in #orders."""
    client = open_client(world.slack.bot_token, world.slack.api_url)
    surface = SlackSurface(client, {}, lambda words: words, team="T1", url="", bot_user_id=world.slack.bot_user_id)
    orders = world.slack.channels["orders"]
    chore = ending(world.pool, labels, surface, "T1", orders, 0.1)
    try:
        for _ in range(times):
            await chore.work(0.0)
    finally:
        assert client.session is not None
        await client.session.close()
    return [message.seen_text for message in world.slack.workspace.messages[orders].values()]


async def test_what_a_process_ended_and_did_not_come_to_say_is_said_by_the_next(world: World) -> None:
    labels = PromptLabels(world.pool)
    await labels.move("assistant", "canary", Labelled(1, FIRST.digest, 50), Reason("T1", "begun", "U1"))
    await labels.move("assistant", "canary", None, Reason("T1", "canary:assistant@1:then", "signoff", "I ended the canary."))
    assert await looked(world, labels, times=2) == ["I ended the canary."]


async def test_it_ends_once_and_people_are_told(world: World) -> None:
    labels = PromptLabels(world.pool)
    await begun(world, 1, SECOND.reference, SECOND.digest, halted=True)  # before the canary: it does not count
    why = Reason("T1", "begun", "U1")
    await labels.move("assistant", "canary", Labelled(1, FIRST.digest, 50), why)
    for number in range(10, 40):
        await begun(world, number, FIRST.reference, FIRST.digest, halted=number % 3 == 0, bad=number % 3 == 1)
        await begun(world, number + 100, SECOND.reference, SECOND.digest)
    [seen] = await trials(world.pool)
    assert (sum(seen.own), len(seen.own), sum(seen.others), len(seen.others)) == (10, 30, 30, 30)
    told = await looked(world, labels, times=2)
    assert "canary" not in await PromptLabels(world.pool).live("assistant")
    assert len(told) == 1
    assert "I ended the canary assistant@1: 33% of its 30 conversations went well, and 100% of 30 others" in told[0]
    newest, first = await labels.history("assistant")
    assert (newest.version, newest.set_by, first.version) == (None, "signoff", 1)
    assert await trials(world.pool) == []
