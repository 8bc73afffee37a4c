"""Spans go to the collector that OpenTelemetry's variables name, and nowhere else; one that is away holds nobody up."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bot.sandbox import SlackSandbox
from tests.dialog.test_commands import answered, end, environment, port_of, slack
from tests.signoff import Environment, signoff

__all__ = ["environment", "slack"]  # fixtures


class Collector:
    """What a collector was sent: the names of spans, and the service that they are of."""

    def __init__(self, status: int) -> None:
        self.status, self.names, self.services = status, list[str](), set[str]()
        self.asked = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        """Take in a batch, or refuse it."""
        sent = ExportTraceServiceRequest.FromString(await request.read())
        self.asked.set()
        for resource in sent.resource_spans:
            self.services |= {one.value.string_value for one in resource.resource.attributes if one.key == "service.name"}
            self.names += [span.name for scope in resource.scope_spans for span in scope.spans]
        return web.Response(status=self.status)


@asynccontextmanager
async def collecting(status: int) -> AsyncGenerator[tuple[Collector, str]]:
    """A collector on this machine, and its address."""
    collector, app = Collector(status), web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield collector, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_spans_go_to_the_collector_that_is_named(slack: SlackSandbox, environment: Environment, tmp_path: Path) -> None:
    async with collecting(200) as (collector, url):
        told = {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            await answered(slack)
            assert await end(process) == 0  # what waits is sent before
        assert "invoke_agent assistant" in collector.names
        assert collector.services == {"signoff"}


@pytest.mark.parametrize("status", [503, None])
async def test_a_collector_that_is_away_or_refuses_holds_nobody_up(
    slack: SlackSandbox, environment: Environment, tmp_path: Path, status: int | None
) -> None:
    async with collecting(status or 200) as (collector, url):
        told = {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": url if status else "http://127.0.0.1:1", "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            await answered(slack)
            assert await end(process) == 0
        assert collector.asked.is_set() == bool(status)


async def test_where_it_is_switched_off_nothing_leaves_the_machine(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    async with collecting(200) as (collector, url):
        told = {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SDK_DISABLED": "true", "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            await answered(slack)
            assert await end(process) == 0
        assert not collector.asked.is_set()
