"""What is traced while a test runs: spans and events as they would be exported."""

from collections.abc import Iterator
from functools import cache

import pytest
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent.telemetry import FAILED_TRY
from bot.app.span_ids import TurnIds
from tests.stores.core import until


@cache
def _exporter() -> InMemorySpanExporter:
    """A process has one tracer provider for its life."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False, id_generator=TurnIds())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@cache
def _exporter_of_events() -> InMemoryLogRecordExporter:
    """Likewise, one for its life."""
    exporter, provider = InMemoryLogRecordExporter(), LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    set_logger_provider(provider)
    return exporter


class Trace:
    """The spans that have ended, and the events."""

    def events(self) -> list[ReadableLogRecord]:
        """Every event, in the order in which they were emitted."""
        return list(_exporter_of_events().get_finished_logs())

    def spans(self, name: str) -> list[ReadableSpan]:
        """Those of this name, in the order of their ends."""
        return [span for span in _exporter().get_finished_spans() if span.name == name]

    def all(self) -> list[ReadableSpan]:
        """Every one of them."""
        return list(_exporter().get_finished_spans())

    async def driven(self, agent: str = "assistant") -> ReadableSpan:
        """The span of the first claim, once its session rests."""

        async def ended() -> bool:
            return bool(self.spans(f"invoke_agent {agent}"))

        await until(ended)
        return self.spans(f"invoke_agent {agent}")[0]

    def failed_tries(self, model: str = "claude-sonnet-5-5") -> list[dict[str, object]]:
        """The tries of all model calls that gave no reply."""
        events = [event for span in self.spans(f"chat {model}") for event in span.events if event.name == FAILED_TRY]
        return [dict(event.attributes or {}) for event in events]

    def whole(self) -> str:
        """Everything that would leave the process."""
        return "\n".join([*(span.to_json() for span in self.all()), *(event.to_json() for event in self.events())])


@pytest.fixture
def traced() -> Iterator[Trace]:
    """The trace of this test."""
    for exporter in (_exporter(), _exporter_of_events()):
        exporter.clear()
    yield Trace()
    for exporter in (_exporter(), _exporter_of_events()):
        exporter.clear()
