"""Many clicks, doubled deliveries, a restart: one mention is one run, whatever arrives how often and wherever."""

import asyncio

import pytest

from tests.chaos.conftest import NewStage
from tests.chaos.run import Run

PEOPLE = ("ann", "ben", "cleo")


async def test_thirty_clicks_of_three_people_on_two_processes_are_one_run(new_stage: NewStage) -> None:
    async with new_stage(delay_seconds=1.0) as stage:  # the tool takes a second, so most clicks come while it runs
        slack = stage.slack
        await asyncio.gather(stage.start(), stage.start())
        assert slack.connections == 2  # each click goes to one of them, in turn
        run = await Run.begin(stage)
        card = await run.seen("card")
        before = len(slack.deliveries)
        await asyncio.gather(*(slack.click(person, "orders", card.ts, "approve") for _ in range(10) for person in PEOPLE))
        await run.seen("answer:1")
        await run.rest()
        await run.check()
        clicks = [one for one in slack.deliveries[before:] if one.kind == "block_actions"]
        assert len(clicks) == 30
        assert all(one.acked_after_seconds is not None for one in clicks)
        [(decided_by,)] = await stage.rows("SELECT decided_by FROM action")
        assert await stage.rows('SELECT "user" FROM vote') == [(decided_by,)]
        others = [person for person in PEOPLE if slack.people[person] != decided_by]
        assert len(others) == 2
        for person in others:
            told = {one.seen_text for one in slack.ephemerals(person)}
            assert told
            assert all("already settled" in sentence for sentence in told)


async def test_a_mention_that_is_delivered_six_times_is_answered_once(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        await asyncio.gather(stage.start(), stage.start())
        stage.slack.faults.duplicate(3)
        run = await Run.begin(stage)
        await run.approve()
        await run.rest()
        await run.check()
        arrived = [one.kind for one in stage.slack.deliveries if one.payload.get("event", {}).get("ts") == run.ts]
        assert sorted(arrived) == ["app_mention"] * 3 + ["message"] * 3
        assert await stage.rows("SELECT count(*) FROM inbox WHERE key LIKE 'message:%%'") == [(1,)]


@pytest.mark.parametrize("end", ["SIGTERM", "kill -9"])
async def test_the_first_click_after_a_restart_counts(new_stage: NewStage, end: str) -> None:
    async with new_stage() as stage:
        first = await stage.start()
        run = await Run.begin(stage)
        card = await run.seen("card")
        await run.rest()
        if end == "SIGTERM":
            await first.stop()
        else:
            first.kill()
        await stage.start()
        before = len(stage.slack.deliveries)
        await stage.slack.click("ann", "orders", card.ts, "approve")
        await run.seen("answer:1")
        await run.rest()
        await run.check()
        assert [one.kind for one in stage.slack.deliveries[before:]].count("block_actions") == 1
