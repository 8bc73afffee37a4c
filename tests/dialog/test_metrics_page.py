"""/metrics, as Prometheus reads it from a running bot: on a separate port or nowhere, with all that rules and dashboard ask."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg_pool import AsyncConnectionPool

from bot.config.manifest import read_manifest
from bot.sandbox.model import Lines, ScriptedModel, call
from bot.sandbox.slack.sandbox import SlackSandbox
from tests.dialog.conftest import Talk
from tests.dialog.test_commands import end, said_until
from tests.patience import PATIENCE_SECONDS
from tests.signoff import Environment, refused, signoff
from tests.watching.files import labels_asked_for, metrics_of_dashboard, metrics_of_rules
from tools.catalog import seed_shop

SETTINGS = """
memory: {learn_with: ""}
agents: {assistant: {}, poor: {budget: {session_tokens: 1}}}
channels: {SUPPORT: poor}
"""
FACT = "Deploys are on Tuesday"


@dataclass
class Shop:
    """A workspace, its model, and what a bot for it finds in its environment."""

    slack: SlackSandbox
    model: ScriptedModel
    environment: Environment


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with SlackSandbox(read_manifest()) as slack, ScriptedModel() as model, AsyncConnectionPool(database_url) as pool:
        await seed_shop(pool)
        environment = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.api_url,
            "ANTHROPIC_API_KEY": model.api_key,
            "ANTHROPIC_BASE_URL": model.base_url,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PORT": "0",
        }
        yield Shop(slack, model, environment)


async def ports_of(process: asyncio.subprocess.Process) -> tuple[int, int]:
    """Where it serves /healthz, and where /metrics, once it is ready."""
    said = await said_until(process, r"ready on port \d+")
    public, ours = re.search(r"ready on port (\d+)", said), re.search(r"metrics on port (\d+)", said)
    assert public is not None
    assert ours is not None, said
    return int(public[1]), int(ours[1])


async def page(port: int) -> str:
    """What Prometheus gets."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        return await answer.text()


async def asks(shop: Shop, text: str, channel: str = "orders") -> Talk:
    place = shop.slack.channels[channel]
    return Talk(shop, place, await shop.slack.mention("ann", place, text))


async def everything(shop: Shop) -> Talk:
    """Dialogs that leave nothing unmeasured: an order that is approved, a fact, an outage, a budget, a wait and a refusal."""
    order = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=1)
    shop.model.faults.status(500)
    shop.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    shop.model.script = Lines(call("remember_fact", fact=FACT, quote=FACT), order, "Ordered zebra.", order)
    talk = await asks(shop, f"please remember: {FACT}, and order a zebra")
    await talk.clicks("ben", await talk.card())
    await talk.sees("Ordered zebra.")
    await (await asks(shop, "when are deploys?", "support")).sees("budget")
    await talk.says("ann", "and another one")
    await talk.card()
    return talk


async def test_everything_that_rules_and_dashboard_ask_for_is_there_and_nothing_of_people(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "signoff.yaml").write_text(SETTINGS.replace("SUPPORT", shop.slack.channels["support"]))
    async with signoff("run", folder=tmp_path, environment={**shop.environment, "METRICS_PORT": "0"}) as process:
        public, ours = await ports_of(process)
        talk = await everything(shop)
        text = await until_shown(ours, "signoff_cards_open 1.0")
        shown = {family.name for family in text_string_to_metric_families(text)}
        asked = metrics_of_rules() | metrics_of_dashboard()
        assert {name for name in asked if base(name) not in shown} == set()
        families = text_string_to_metric_families(text)
        labels = {label for family in families for sample in family.samples for label in sample.labels}
        assert labels_asked_for() - labels == set()
        assert "zebra" not in text
        ids = (*shop.slack.people.values(), *shop.slack.channels.values(), talk.ts, shop.slack.workspace.team_id)
        assert [id for id in ids if id in text] == []
        assert [family for family in text_string_to_metric_families(text) if not family.documentation] == []
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{public}/metrics") as answer:
            assert answer.status == 404  # it is not for the public
        assert await end(process) == 0


async def until_shown(port: int, line: str) -> str:
    """The page, once this line is in it: the database is looked at now and then."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line not in (text := await page(port)):  # noqa: ASYNC110  # a page sends no event
            await asyncio.sleep(0.5)
    return text


def base(name: str) -> str:
    """What Prometheus calls the family of a name that a query asks for."""
    return re.sub(r"_(total|bucket|count|sum)$", "", name)


async def test_the_older_names_are_there_if_they_are_asked_for(shop: Shop, tmp_path: Path) -> None:
    shop.model.script = Lines("Hello.")
    told = {**shop.environment, "METRICS_PORT": "0", "METRICS_OLDER_NAMES": "true"}
    async with signoff("run", folder=tmp_path, environment=told) as process:
        _, ours = await ports_of(process)
        await (await asks(shop, "hello")).sees("Hello.")
        text = await page(ours)
    for name in ("gen_ai_client_operation_duration_seconds", "gen_ai_client_token_usage"):
        assert f"# TYPE {name} histogram" in text


async def test_a_port_that_is_taken_is_refused_in_one_sentence(shop: Shop, tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        said = await refused("run", tmp_path, {**shop.environment, "METRICS_PORT": str(port)})
    assert said.endswith(f"Port {port} cannot be had for /metrics: set METRICS_PORT to another one.")


async def test_without_a_port_there_is_no_page(shop: Shop, tmp_path: Path) -> None:
    async with signoff("run", folder=tmp_path, environment=shop.environment) as process:
        said = await said_until(process, r"ready on port \d+")
        assert "metrics on port" not in said
