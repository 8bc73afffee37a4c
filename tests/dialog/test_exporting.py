"""Spans, events and figures go to the collector that OpenTelemetry's variables name, and nowhere else; one that is away, slow or
refusing holds nobody up, and costs no more memory however long it is."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bot.sandbox import SlackSandbox
from tests.dialog.test_commands import answered, end, environment, port_of, slack
from tests.mcp.conftest import until
from tests.signoff import Environment, signoff

__all__ = ["environment", "slack"]  # fixtures

Trouble = Literal["", "refuses", "never answers"]
SOON = {"OTEL_METRIC_EXPORT_INTERVAL": "100", "OTEL_BLRP_SCHEDULE_DELAY": "100"}  # ms; usually a minute, and a second


class Collector:
    """What a collector was sent: names of spans and of events, the figures of each batch, and the service that they are of."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble, self.names, self.events, self.services = trouble, list[str](), list[str](), set[str]()
        self.figures: list[dict[str, int]] = []  # a batch each: the names, and how many rows each has
        self.asked, self.over = asyncio.Event(), asyncio.Event()

    async def take_spans(self, request: web.Request) -> web.Response:
        """Take in a batch of spans, or do not."""
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            self.services |= {one.value.string_value for one in resource.resource.attributes if one.key == "service.name"}
            self.names += [span.name for scope in resource.scope_spans for span in scope.spans]
        return await self._answer()

    async def take_events(self, request: web.Request) -> web.Response:
        """Take in a batch of events, or do not."""
        sent = ExportLogsServiceRequest.FromString(await request.read())
        self.events += [one.event_name for each in sent.resource_logs for scope in each.scope_logs for one in scope.log_records]
        return await self._answer()

    async def take_figures(self, request: web.Request) -> web.Response:
        """Take in a batch of figures, or do not."""
        sent = ExportMetricsServiceRequest.FromString(await request.read())
        metrics = [metric for resource in sent.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics]
        rows = {metric.name: len(getattr(metric, str(metric.WhichOneof("data"))).data_points) for metric in metrics}
        self.figures.append(rows)
        return await self._answer()

    async def _answer(self) -> web.Response:
        self.asked.set()
        if self.trouble == "never answers":
            await self.over.wait()
        return web.Response(status=503 if self.trouble else 200)


@asynccontextmanager
async def collecting(trouble: Trouble = "") -> AsyncGenerator[tuple[Collector, str]]:
    """A collector on this machine, and its address."""
    collector, app = Collector(trouble), web.Application()
    app.router.add_post("/v1/traces", collector.take_spans)
    app.router.add_post("/v1/logs", collector.take_events)
    app.router.add_post("/v1/metrics", collector.take_figures)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield collector, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        collector.over.set()
        await runner.cleanup()


async def test_spans_and_figures_go_to_the_collector_that_is_named(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    async with collecting() as (collector, url):
        told = {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            await answered(slack)
            assert await end(process) == 0  # what waits is sent before
        assert "invoke_agent assistant" in collector.names
        assert {"gen_ai.client.inference.duration", "signoff.runs", "signoff.queue.depth"} <= set(collector.figures[-1])
        assert "gen_ai.client.token.usage" not in collector.figures[-1]  # of before 0.1.0: only if it is asked for
        assert collector.services == {"signoff"}


async def test_what_people_say_of_an_answer_goes_to_the_collector_and_no_line_of_the_log(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    async with collecting() as (collector, url):
        told = {**environment, **SOON, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{url}/v1/logs", "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            ts = await answered(slack)
            message = await slack.until(
                lambda: slack.thread("orders", ts)[-1] if slack.status("orders", ts) == "active" else None
            )
            await slack.click("ann", "orders", message.ts, "feedback", value="good:1")
            await until(lambda: collector.events)
            assert await end(process) == 0
        assert collector.events == ["gen_ai.evaluation.result"]
        assert collector.names == []


async def test_figures_alone_go_where_only_a_collector_of_figures_is_named(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    async with collecting() as (collector, url):
        told = {**environment, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{url}/v1/metrics", "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            await answered(slack)
            assert await end(process) == 0
        assert "signoff.runs" in collector.figures[-1]
        assert collector.names == []


@pytest.mark.parametrize("trouble", ["refuses", "never answers", "is away"])
async def test_a_collector_in_trouble_holds_nobody_up(
    slack: SlackSandbox, environment: Environment, tmp_path: Path, trouble: Trouble | Literal["is away"]
) -> None:
    async with collecting("" if trouble == "is away" else trouble) as (collector, url):
        address = "http://127.0.0.1:1" if trouble == "is away" else url
        told = {**environment, **SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": address, "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            if trouble != "is away":
                await until(lambda: collector.figures)  # its trouble has begun
            await answered(slack)
            assert await end(process) == 0
        assert collector.asked.is_set() == (trouble != "is away")


async def test_a_collector_that_refuses_for_long_is_sent_one_batch_and_never_those_before(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    async with collecting("refuses") as (collector, url):
        told = {**environment, **SOON, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{url}/v1/metrics", "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            await answered(slack)
            await until(lambda: any("gen_ai.invoke_agent.duration" in batch for batch in collector.figures))
            before = collector.figures[-1]
            await answered(slack)
            await answered(slack)
            assert await end(process) == 0
        assert len(collector.figures) > 1
        assert collector.figures[-1] == before  # the same rows, with larger numbers: nothing was put by


async def test_where_it_is_switched_off_nothing_leaves_the_machine(
    slack: SlackSandbox, environment: Environment, tmp_path: Path
) -> None:
    async with collecting() as (collector, url):
        told = {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SDK_DISABLED": "true", "PORT": "0"}
        async with signoff("run", folder=tmp_path, environment=told) as process:
            await port_of(process)
            await answered(slack)
            assert await end(process) == 0
        assert not collector.asked.is_set()
