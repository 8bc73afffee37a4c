"""Spans, events and figures leave the process where they are asked for, and else nothing does: by OTLP over HTTP where
OpenTelemetry's own variables name a collector, and figures in Prometheus' text form where METRICS_PORT is set.

All of it is sent beside everything else. A collector that is away, slow or refusing costs memory for as many spans and events as
OTEL_BSP_MAX_QUEUE_SIZE and OTEL_BLRP_MAX_QUEUE_SIZE say (2,048), what comes beyond is dropped; figures are sums, which take the
same memory however much happens: at most 2,000 rows of labels an instrument. No answer waits. The home of `prometheus_client`.
"""

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EVENTS_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")
METRICS_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
LAST_SECONDS = "3"  # that a process waits at its end for a collector, unless OTEL_EXPORTER_OTLP_TIMEOUT says otherwise
OLDER = ("gen_ai.client.operation.duration", "gen_ai.client.token.usage")  # what dashboards of before 0.1.0 know


@dataclass(frozen=True, slots=True)
class FigureReaders:
    """Who gets figures of this process. `page`: all of them as they are now, in Prometheus' text form; None: nobody asks."""

    wanted: bool = False
    page: Callable[[], bytes] | None = None
    content_type: str = ""


NO_FIGURES = FigureReaders()


@contextmanager
def exporting(environment: Mapping[str, str], *, scraped: bool = False, older_names: bool = False) -> Generator[FigureReaders]:
    """Export spans, events and figures for as long as the block runs; what waits at its end is sent.

    `environment`: with the variables of `.env`, which are put into the process's own: the SDK reads nothing else. `scraped`:
    there is to be a page of figures. `older_names`: figures also under the names of before 0.1.0.
    """
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    spans, events, sent = (
        not disabled and any(environment.get(name) for name in names)
        for names in (ENDPOINTS, EVENTS_ENDPOINTS, METRICS_ENDPOINTS)
    )
    if not (spans or events or sent or (scraped and not disabled)):
        yield NO_FIGURES
        return
    os.environ.update({name: value for name, value in environment.items() if name.startswith("OTEL_")})
    os.environ.setdefault("OTEL_SERVICE_NAME", "signoff")
    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", LAST_SECONDS)
    with ExitStack() as stack:
        if spans:
            _export_spans(stack)
        if events:
            _export_events(stack)
        yield _export_figures(stack, sent=sent, scraped=scraped and not disabled, older_names=older_names)


def _export_spans(stack: ExitStack) -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from bot.app.span_ids import TurnIds

    provider = TracerProvider(shutdown_on_exit=False, id_generator=TurnIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    stack.callback(provider.shutdown)


def _export_events(stack: ExitStack) -> None:
    """Send what people say of answers, which the conventions have among OpenTelemetry's logs. Lines of our own log stay here."""
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(provider)
    stack.callback(provider.shutdown)


def _export_figures(stack: ExitStack, *, sent: bool, scraped: bool, older_names: bool) -> FigureReaders:
    if not (sent or scraped):
        return NO_FIGURES
    from opentelemetry import metrics
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import DropAggregation, View
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

    from agent.metrics import begin_at_zero

    readers: list[Any] = []
    if sent:
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    if scraped:
        readers.append(PrometheusMetricReader(scope_info_enabled=False))
    views = [] if older_names else [View(instrument_name=name, aggregation=DropAggregation()) for name in OLDER]
    provider = MeterProvider(readers, views=views, shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    stack.callback(provider.shutdown)
    begin_at_zero()
    return FigureReaders(True, (lambda: generate_latest(REGISTRY)) if scraped else None, CONTENT_TYPE_LATEST)
