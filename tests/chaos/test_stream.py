"""kill -9 at every boundary of an answer that streams: it stands there once, whole, and nothing is left growing."""

import asyncio

import pytest

from bot.sandbox.model import Call, Reply, Request, call, say
from tests.chaos.boundaries import Kill, kills, spread, try_each
from tests.chaos.conftest import NewStage
from tests.chaos.proxies import Forward, Message, Proxies
from tests.chaos.run import Run
from tests.chaos.stage import BotProcess, Stage

SAMPLE = 12
ANSWER = "\n\n".join(f"Paragraph {number} of what there is to be said about espresso machines." for number in range(1, 21))
SLOW = 0.04  # seconds an event; about 60 of them
TRIES = 20  # of the model, after each kill another one


def narrator(request: Request) -> Reply | Call:
    """Looks something up, and has much to say about it."""
    return say(ANSWER) if request.turn_results else call("search_product_catalog", query="espresso machine", limit=1)


async def answered(stage: Stage) -> Run:
    """From the mention to the rest."""
    run = await Run.begin(stage)
    await run.seen("answer:1", "Paragraph 20 ")
    await run.rest()
    return run


def check(run: Run) -> None:
    """The whole answer once, by its key, and nothing beside it."""
    thread = run.stage.slack.thread("orders", run.ts)[1:]
    assert not any(message.streaming for message in thread)
    assert [key for key, messages in run.posts.items() for _ in messages] == ["answer:1:0"]
    [message] = thread
    [text] = [block["text"] for block in message.blocks if block["type"] == "markdown"]
    assert text == ANSWER


async def prepared(stage: Stage) -> tuple[Proxies, BotProcess]:
    """A bot, and a model that takes its time."""
    stage.model.script = narrator
    stage.model.faults.slow(SLOW, times=TRIES)
    proxies, environment = await stage.proxies()
    return proxies, await stage.start(environment)


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(SAMPLE, id="a sample", marks=pytest.mark.timeout(1200)),
        pytest.param(None, id="every boundary", marks=[pytest.mark.chaos, pytest.mark.timeout(3600)]),
    ],
)
async def test_a_killed_process_leaves_nothing_half_said(
    new_stage: NewStage, capsys: pytest.CaptureFixture[str], most: int | None
) -> None:
    async with new_stage() as stage:
        proxies, _ = await prepared(stage)
        proxies.count()
        check(await answered(stage))
        # What the model says is many messages, of which one is like the other.
        boundaries = [one for one in proxies.passed if one.wire != "model"]
        assert {"startStream", "appendStream", "stopStream"} <= {
            method
            for method in ("startStream", "appendStream", "stopStream")
            for one in boundaries
            if method.encode() in one.data
        }
    every = kills(boundaries)
    streaming = [kill for kill in every if kill.at.wire == "slack"]  # these first: a sample is one of them
    chosen = spread(streaming if most else every, most)
    reached = await try_each(chosen, lambda kill: killed_run(new_stage, kill))
    with capsys.disabled():
        print(f"\nkill -9 while an answer streams: {reached} of {len(chosen)} chosen of {len(every)} moments were reached.")
    assert reached > len(chosen) / 2  # a busy machine says the same in fewer appends: the last moments are never reached then


async def killed_run(new_stage: NewStage, kill: Kill) -> bool:
    """Play the run, kill its process at the boundary, and start another one. False: the run was over before."""
    async with new_stage() as stage:
        proxies, first = await prepared(stage)
        heir: list[asyncio.Task[BotProcess]] = []

        async def strike(_: Message, forward: Forward) -> None:
            if kill.moment == "after":
                await forward()
            first.kill()
            heir.append(asyncio.create_task(stage.start()))

        proxies.count(kill.at.number, strike)
        run = await Run.begin(stage)
        run.due_from += 30.0  # the answer itself takes a while, and perhaps twice
        await run.seen("answer:1", "Paragraph 20 ")
        await run.rest()
        proxies.count()
        if heir:
            await heir[0]
            await run.rest()
        check(run)
        return bool(heir)
