"""Every trouble that a model can have, once and for long: an answer or a clear message, never two, and the tries in the trace."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString

import pytest

from agent.model.limits import Patience
from agent.telemetry import ERROR_TYPE, RETRY_AFTER, STATUS, TRY, WAITED
from bot.sandbox.model import Lines, call, say
from bot.sandbox.model.faults import ModelFaults
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.traced import Trace, traced
from tests.stores.core import until

__all__ = ["traced"]  # a fixture

QUICK = Patience(tries_seconds=2.5, silence_seconds=0.6, first_open_seconds=0.3, longest_open_seconds=0.6)
TEN_MINUTES = 600.0
OUTAGE = "The model does not answer at the moment. I go on by myself when it is back"

Fault = Callable[[ModelFaults, int], None]

# What goes wrong, and what the trace says of it: status, error type.
PASSING: dict[str, tuple[Fault, int | None, str]] = {
    "429": (lambda faults, times: faults.rate_limit(times=times), 429, "rate_limit_error"),
    "429 with a wait": (lambda faults, times: faults.rate_limit(retry_after=1, times=times), 429, "rate_limit_error"),
    "500": (lambda faults, times: faults.status(500, times), 500, "api_error"),
    "529": (lambda faults, times: faults.status(529, times), 529, "overloaded_error"),
    "connection reset": (lambda faults, times: faults.reset(times), None, "APIConnectionError"),
    "cut stream": (lambda faults, times: faults.cut_stream(times=times), None, "CutStreamError"),
    "stream reset": (lambda faults, times: faults.cut_stream(clean=False, times=times), None, ""),
    "error in the stream": (lambda faults, times: faults.error_in_stream(times=times), 200, "overloaded_error"),
    "garbage JSON": (lambda faults, times: faults.garbage(times), None, "OddStreamError"),
    "ten minutes of silence": (lambda faults, times: faults.silence(TEN_MINUTES, times), None, ""),
}


def answers(talk: Talk) -> list[str]:
    """What was posted, but for the word on the outage."""
    return [message.text for message in talk.posts() if OUTAGE not in message.text]


@pytest.mark.parametrize("name", PASSING)
async def test_trouble_that_passes_is_not_seen(world: World, traced: Trace, name: str) -> None:
    fault, status, error_type = PASSING[name]
    world.patience = QUICK
    await world.start_bot()
    fault(world.model.faults, 1)
    world.model.script = Lines("Here I am.")
    talk = await mention(world, "ann", "hello")
    await talk.sees("Here I am.")
    await talk.rests()
    assert len(talk.posts()) == 1
    [failed] = traced.failed_tries()
    assert (failed[TRY], failed.get(STATUS)) == (1, status)
    assert failed[ERROR_TYPE] == error_type or not error_type
    assert failed[WAITED] is not None  # there was another try
    assert failed.get(RETRY_AFTER) == (1 if name == "429 with a wait" else None)


@pytest.mark.parametrize("name", PASSING)
async def test_trouble_that_lasts_is_told_once_and_the_session_goes_on_by_itself(world: World, traced: Trace, name: str) -> None:
    fault, _, _ = PASSING[name]
    world.patience = QUICK
    await world.start_bot()
    world.model.script = Lines(call("get_order_status", order_id="ORD-1042"), "It was delivered.")
    fault(world.model.faults, 1000)
    talk = await mention(world, "ann", "where is my order?")
    await talk.sees(OUTAGE)
    asked = len(world.model.requests)
    world.model.faults.clear()
    await talk.sees("It was delivered.")
    await talk.rests()
    assert answers(talk) == ["It was delivered."]
    assert len(talk.posts()) == 2
    assert len(traced.failed_tries()) >= asked - 1  # each of them is in the trace; the last may have been cut short
    failed = await world.rows("SELECT count(*) FROM step WHERE body->>'kind' = 'model_failed'")
    assert failed[0][0] >= 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("an hour", "over its rate limit"), ("spend limit", "our spend limit is reached"), ("key", "refused our key")],
)
async def test_what_cannot_be_waited_for_ends_the_turn_at_once(world: World, traced: Trace, name: str, sentence: str) -> None:
    world.patience = QUICK
    match name:
        case "an hour":
            world.model.faults.rate_limit(retry_after=3600)
        case "spend limit":
            world.model.faults.spend_limit()
        case _:
            pass
    await world.start_bot()
    if name == "key":
        world.model.api_key = "another one by now"
    talk = await mention(world, "ann", "hello")
    await talk.sees(sentence)
    await talk.rests()
    assert len(talk.posts()) == 1
    [failed] = traced.failed_tries()
    assert failed[TRY] == 1
    assert WAITED not in failed
    assert failed.get(RETRY_AFTER) == (3600 if name == "an hour" else None)
    world.model.refusals.clear()  # of the wrong key


async def test_an_outage_without_an_end_is_given_up(world: World) -> None:
    world.patience = replace(QUICK, outage_time=timedelta(seconds=4))
    await world.start_bot()
    world.model.faults.status(529, 10_000)
    talk = await mention(world, "ann", "hello")
    await talk.sees("out of reach all this time, so I gave up")
    await talk.rests()
    assert len(answers(talk)) == 1
    world.model.faults.clear()
    world.model.script = Lines("Here I am.")
    await talk.says("ann", "and now?")
    await talk.sees("Here I am.")


async def test_stop_gives_up_an_outage(world: World) -> None:
    world.patience = replace(QUICK, first_open_seconds=30.0, longest_open_seconds=30.0)
    await world.start_bot()
    world.model.faults.status(529, 10_000)
    talk = await mention(world, "ann", "hello")
    await talk.sees(OUTAGE)
    # It holds nothing meanwhile, and is due later.
    await until(lambda: _is(world, "lease_until IS NULL AND wake_at > now() + interval '20 seconds'"))
    await talk.says("ann", "stop")
    await talk.sees("Stopped by")
    assert len(answers(talk)) == 1


async def test_an_outage_survives_a_restart(world: World) -> None:
    world.patience = QUICK
    stop = await world.start_bot()
    world.model.faults.status(529, 10_000)
    talk = await mention(world, "ann", "hello")
    await talk.sees(OUTAGE)
    await stop()
    world.model.faults.clear()
    world.model.script = Lines("Here I am.")
    await world.start_bot()
    await talk.sees("Here I am.")
    assert len(talk.posts()) == 2


async def test_while_the_model_is_out_of_reach_others_wait_without_a_call(world: World) -> None:
    world.patience = replace(QUICK, first_open_seconds=4.0)
    await world.start_bot()
    world.model.faults.status(529, 10_000)
    first = await mention(world, "ann", "hello")
    await first.sees(OUTAGE)
    asked = len(world.model.requests)
    second = await mention(world, "ben", "hello", "general")
    await second.sees(OUTAGE)
    world.model.faults.clear()
    world.model.script = lambda request: call("get_order_status", order_id="1") if not request.turn_results else say("Done.")
    await first.sees("Done.")
    await second.sees("Done.")
    assert len(answers(first)) == len(answers(second)) == 1
    assert len(world.model.requests) == asked + 4  # nothing was asked of it in between


async def _is(world: World, condition: LiteralString) -> bool:
    return await world.rows(f"SELECT {condition} FROM session") == [(True,)]
