"""Spans leave the machine where OpenTelemetry's own variables name a collector (OTLP over HTTP), and else nothing does.

A batch is sent beside everything else. A collector that is away, slow or refusing costs memory for as many spans as
OTEL_BSP_MAX_QUEUE_SIZE says (2,048); what comes beyond is dropped, and no answer waits.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LAST_SECONDS = "3"  # that a process waits at its end for a collector, unless OTEL_EXPORTER_OTLP_TIMEOUT says otherwise


@contextmanager
def exporting(environment: Mapping[str, str]) -> Generator[None]:
    """Export spans for as long as the block runs; what waits at its end is sent.

    `environment`: with the variables of `.env`, which are put into the process's own: the SDK reads nothing else.
    """
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(environment.get(name) for name in ENDPOINTS):
        yield
        return
    os.environ.update({name: value for name, value in environment.items() if name.startswith("OTEL_")})
    os.environ.setdefault("OTEL_SERVICE_NAME", "signoff")
    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", LAST_SECONDS)
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
