"""`make bench recording`: what it costs to record a model call's figures, where nobody gets them and where somebody does."""

import time
from collections.abc import Callable

from opentelemetry import metrics as opentelemetry
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from rich.console import Console

from agent import metrics
from agent.types import Usage
from tests.bench.latency import percentile

TIMES = 20_000
USED = Usage(input_tokens=10, output_tokens=5, cache_read_input_tokens=1000)


def one_number() -> None:
    """One line where something happens."""
    metrics.budget_refused("session", "assistant")


def model_call() -> None:
    """All that is recorded of a model call: two times, four counts, and two figures under older names."""
    with metrics.inference("claude-sonnet-5-5") as measured:
        measured.usages = (USED,)


def recording(console: Console) -> None:
    """Print both, without a provider and with one."""
    for provider in ("nobody gets them", "somebody does"):
        if provider == "somebody does":
            opentelemetry.set_meter_provider(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))
        for name, work in (("one number", one_number), ("a model call", model_call)):
            p50, p95 = (percentile(_took_us(work), share) for share in (50, 95))
            console.print(f"{name}, {provider}: p50 {p50:.1f} µs, p95 {p95:.1f} µs")


def _took_us(work: Callable[[], None]) -> list[float]:
    took: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e6)
    return took
