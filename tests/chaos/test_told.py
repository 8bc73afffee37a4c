"""kill -9 around each word to somebody who may decide: each is told once, and of how it ended."""

import asyncio
import time
from collections.abc import Callable

import pytest

from bot.sandbox.slack.types import Message as Post
from tests.chaos.boundaries import Kill, kills, spread, try_each
from tests.chaos.conftest import NewStage
from tests.chaos.proxies import Forward, Message, Proxies
from tests.chaos.run import Run
from tests.chaos.stage import BotProcess, Stage

RULE = "{tool: charge_card, approvers: {users: [@ann, @ben]}}"
PEOPLE = ("ann", "ben")
ABOUT = (b"dm:", b"conversations.open", b"Approved by", b"direct_shown")


@pytest.mark.timeout(600)
async def test_somebody_who_may_decide_is_told_once_whenever_a_process_is_killed(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.policy(RULE)
        proxies, environment = await stage.proxies()
        await stage.start(environment)
        proxies.count()
        passed = await charged(stage, proxies, [])
        assert_told(stage)
    about = [message for message in passed if any(mark in message.data for mark in ABOUT)]
    assert len(about) >= 8
    assert await try_each(spread(kills(about), 12), lambda kill: killed(new_stage, kill)) > 6


async def killed(new_stage: NewStage, kill: Kill) -> bool:
    """Kill the process at the boundary and start another one. False: the run was over before."""
    async with new_stage() as stage:
        stage.policy(RULE)
        proxies, environment = await stage.proxies()
        first = await stage.start(environment)
        heir: list[asyncio.Task[BotProcess]] = []

        async def strike(_: Message, forward: Forward) -> None:
            if kill.moment == "after":
                await forward()
            first.kill()
            heir.append(asyncio.create_task(stage.start()))
            runs[0].due_from = (await heir[0]).ready_at

        runs: list[Run] = []
        proxies.count(kill.at.number, strike)
        await charged(stage, proxies, runs)
        assert_told(stage)
        return bool(heir)


async def charged(stage: Stage, proxies: Proxies, runs: list[Run]) -> list[Message]:
    """The whole run, and what passed during it."""
    run = await Run.begin(stage)
    runs.append(run)
    await run.approve()
    await run.tell()
    await stage.slack.until(lambda: all("Approved by" in "".join(one.seen_text for one in told(stage, user)) for user in PEOPLE))
    await run.rest()
    await run.check()
    return list(proxies.passed)


def told(stage: Stage, user: str) -> list[Post]:
    """What somebody was told directly."""
    return [one for one in stage.slack.workspace.messages[stage.slack.dm_channel(user)].values() if one.bot_id]


def assert_told(stage: Stage) -> None:
    for user in PEOPLE:
        [only] = told(stage, user)
        assert "Approved by" in only.seen_text
        assert "[Open the card]" not in only.seen_text


@pytest.mark.timeout(600)
async def test_a_question_is_asked_once_whenever_a_process_is_killed(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        stage.policy(RULE)
        proxies, environment = await stage.proxies()
        await stage.start(environment)
        passed = await questioned(stage, proxies, [], proxies.count)
    every = kills([message for message in passed if b"inquiry" in message.data])
    assert len(every) >= 6
    assert await try_each(spread(every, 8), lambda kill: killed_over_a_question(new_stage, kill)) > 4


async def killed_over_a_question(new_stage: NewStage, kill: Kill) -> bool:
    """Kill the process at the boundary and start another one. False: the question was there before."""
    async with new_stage() as stage:
        stage.policy(RULE)
        proxies, environment = await stage.proxies()
        first = await stage.start(environment)
        heir: list[asyncio.Task[BotProcess]] = []

        async def strike(_: Message, forward: Forward) -> None:
            if kill.moment == "after":
                await forward()
            first.kill()
            heir.append(asyncio.create_task(stage.start()))
            runs[0].due_from = (await heir[0]).ready_at

        runs: list[Run] = []
        await questioned(stage, proxies, runs, lambda: proxies.count(kill.at.number, strike))
        return bool(heir)


async def questioned(stage: Stage, proxies: Proxies, runs: list[Run], counts: Callable[[], None]) -> list[Message]:
    """Ben asks about a card, until his client says that it worked; what passed from then on."""
    run = await Run.begin(stage)
    runs.append(run)
    run.due_from = float("inf")  # nobody is killed yet, and many bots start at once
    card = await run.seen("card")
    await stage.slack.until(lambda: told(stage, "ben"))
    await run.rest()
    [message] = told(stage, "ben")
    await stage.slack.click("ben", message.channel, message.ts, "ask")
    view = await stage.slack.until(lambda: stage.slack.view("ben"))
    run.due_from = time.monotonic()
    counts()
    while not (await stage.slack.submit("ben", view.id, {"question": "For whom?"})).closed:  # the dialog stays until it worked
        await stage.slack.until(lambda: stage.slack.connections)
    await run.seen("inquiry", "For whom?")
    await run.rest()
    assert len([one for key, posts in run.posts.items() if key.startswith("inquiry") for one in posts]) == 1
    assert "[Reject]" in (await run.seen("card")).seen_text
    assert card.ts == (await run.seen("card")).ts
    return list(proxies.passed)
