"""`signoff doctor --live` against bots that run as processes: what it says when all is well, when something is missing, and when
nothing answers."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk
from tests.dialog.test_commands import end
from tests.dialog.test_metrics_page import Shop, ports_of, shop, until_shown
from tests.patience import PATIENCE_SECONDS
from tests.signoff import Environment, ran, signoff

__all__ = ["shop"]  # a fixture


async def asked(folder: Path, port: int, metrics_port: int | None = None) -> tuple[int, str]:
    """The exit status of the command, and what it says."""
    environment: Environment = {"PORT": str(port)}
    if metrics_port is not None:
        environment["METRICS_PORT"] = str(metrics_port)
    status, out, err = await ran("doctor", "--live", folder=folder, environment=environment)
    assert out == ""
    return status, err


async def test_a_bot_that_is_well_says_what_waits(shop: Shop, tmp_path: Path) -> None:
    shop.model.script = Lines(call("create_order", customer="ada@example.com", sku="WGT-001", quantity=1))
    async with signoff("run", folder=tmp_path, environment={**shop.environment, "METRICS_PORT": "0"}) as process:
        public, ours = await ports_of(process)
        place = shop.slack.channels["orders"]
        await Talk(shop, place, await shop.slack.mention("ann", place, "order one")).card()
        await until_shown(ours, "signoff_cards_open 1.0")
        status, said = await asked(tmp_path, public, ours)
        assert status == 0, said
        assert f"ok   Bot: it runs, on port {public}.\n" in said
        assert "ok   Ready: it takes in events" in said
        assert "ok   Queue: 0 conversations are due" in said
        assert "ok   Cards: 1 wait for a decision, the first for " in said
        status, said = await asked(tmp_path, public)
        assert (status, "Figures: not asked for" in said) == (0, True)
        status, said = await asked(tmp_path, public, metrics_port=1)
        assert status == 1
        assert "fail Figures: nothing answers on port 1" in said
        assert await end(process) == 0


async def test_a_bot_that_lacks_something_names_it(shop: Shop, tmp_path: Path) -> None:
    gone = {**shop.environment, "REDIS_URL": "redis://127.0.0.1:1/0"}
    async with signoff("run", folder=tmp_path, environment={**gone, "METRICS_PORT": "0"}) as process:
        public, _ = await ports_of(process)
        status, said = await asked(tmp_path, public)
    assert status == 1
    assert "fail Ready: not now (redis). → It goes on by itself once Redis answers: check REDIS_URL" in said


async def test_where_nothing_answers_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    status, said = await asked(tmp_path, port)
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith(f"Nothing answers on port {port} (")
    assert said.endswith("start the bot with `signoff run`, or set PORT to where it serves /healthz.\n")
    status, said = await asked(tmp_path, 0)
    assert (status, said.count("\n")) == (2, 1)
    assert "PORT is 0" in said


@asynccontextmanager
async def standing_in(text: Callable[[str], str]) -> AsyncGenerator[int]:
    """A server that says this of each path; its port."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text(request.path))

    site = web.Application()
    site.add_routes([web.get("/{path:.*}", answer)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def test_another_program_is_not_taken_for_the_bot(tmp_path: Path) -> None:
    async with standing_in(lambda path: "It works!\n") as port, asyncio.timeout(PATIENCE_SECONDS):
        status, said = await asked(tmp_path, port)
    assert (status, said.count("\n")) == (2, 1)
    assert f"What answers on port {port} is not Signoff" in said


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        ("signoff_queue_depth 3.0\nsignoff_queue_oldest_age_seconds 300.0", "warn Queue: 3 conversations are due"),
        ("signoff_queue_depth 0.0\nsignoff_conversations_aside 2.0", "fail Conversations: 2 set aside."),
        ("signoff_queue_depth 0.0\nsignoff_cards_open 1.0\nsignoff_cards_oldest_age_seconds 18000.0", "the first for 5 h."),
        ("signoff_queue_depth 0.0\nsignoff_audit_uncovered_age_seconds 90000.0", "warn Audit: its heads were written last 25 h"),
        (
            'signoff_queue_depth 0.0\nsignoff_model_out_of_reach{gen_ai_request_model="claude-sonnet-5-5"} 1.0',
            "fail Model: claude-sonnet-5-5 is out of reach",
        ),
        ("python_info 1.0", "has none of the database"),
    ],
)
async def test_figures_that_somebody_must_look_at_are_said_with_what_to_do(sample: str, line: str, tmp_path: Path) -> None:
    """As a page of figures has them; the names are those that rules and dashboard ask for (`test_metrics_page`)."""
    async with standing_in(lambda path: f"{sample}\n" if path == "/metrics" else "ok\n") as port:
        status, said = await asked(tmp_path, port, port)
    assert status == 1
    [found] = [each for each in said.splitlines() if line in each]
    assert " → " in found
