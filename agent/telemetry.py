"""Spans of what the agent does: ids, counts and kinds, never words. The home of `opentelemetry`.

The names are those of the semantic conventions for generative AI, kept here: the constants of the published package are all
deprecated (reference: model API, OpenTelemetry). Without a tracer provider every span is nothing.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from agent.types import Pinned, Usage

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
CONVERSATION = "gen_ai.conversation.id"
MODEL = "gen_ai.request.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"  # those of the cache included
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
TOOL = "gen_ai.tool.name"
TOOL_CALL = "gen_ai.tool.call.id"
PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"
PROMPT_HASH = "signoff.prompt.hash"
ERROR_TYPE = "error.type"
FAILED_TRY = "signoff.failed_try"  # an event of a chat span: one for each try that gave no reply
TRY = "signoff.try"
STATUS = "http.response.status_code"
RETRY_AFTER = "signoff.retry_after_seconds"
WAITED = "signoff.waited_seconds"  # before the next try; none: it was the last
APPROVAL = "signoff.approval"  # of a decision span: .outcome, .rule, .digest, .quorum, .waited_seconds

tracer = trace.get_tracer("signoff")


@contextmanager
def agent_span(pinned: Pinned, session_id: str) -> Generator[Span]:
    """Open the span of one claim of a session, until it rests again."""
    attributes = {OPERATION: "invoke_agent", PROVIDER: "anthropic", AGENT: pinned.agent, CONVERSATION: session_id}
    name, _, version = pinned.prompt.partition("@")
    attributes |= {MODEL: pinned.model, PROMPT_NAME: name, PROMPT_VERSION: version, PROMPT_HASH: pinned.prompt_digest}
    with _span(f"invoke_agent {pinned.agent}".strip(), SpanKind.INTERNAL, attributes) as span:
        yield span


@contextmanager
def chat_span(model: str, max_tokens: int) -> Generator[Span]:
    """Open the span of one model call, with all its tries."""
    attributes = {OPERATION: "chat", PROVIDER: "anthropic", MODEL: model, MAX_TOKENS: max_tokens}
    with _span(f"chat {model}", SpanKind.CLIENT, attributes) as span:
        yield span


@contextmanager
def tool_span(tool: str, call_id: str) -> Generator[Span]:
    """Open the span of one run of a tool."""
    with _span(f"execute_tool {tool}", SpanKind.INTERNAL, {OPERATION: "execute_tool", TOOL: tool, TOOL_CALL: call_id}) as span:
        yield span


def decision_span(tool: str, call_id: str, asked_at: datetime | None, decided_at: datetime | None, **told: str | int) -> None:
    """Leave a span of a decision about a call, from when people were asked until it was decided; else of a moment.

    The conventions have none for approvals yet, so that a call that was rejected and one that was never made look alike. What is
    empty or zero is left out.
    """
    attributes: dict[str, str | int | float] = {TOOL: tool, TOOL_CALL: call_id}
    attributes |= {f"{APPROVAL}.{name}": value for name, value in told.items() if value}
    if asked_at is not None and decided_at is not None:
        attributes[f"{APPROVAL}.waited_seconds"] = (decided_at - asked_at).total_seconds()
    span = tracer.start_span(f"approval {tool}", attributes=attributes, start_time=_nanoseconds(asked_at))
    span.end(_nanoseconds(decided_at))


def _nanoseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1e9)


@contextmanager
def _span(name: str, kind: SpanKind, attributes: Mapping[str, str | int]) -> Generator[Span]:
    """Open a span. An exception is kept by its type alone: its message may quote what people said."""
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span_failed(span, type(error).__name__)
            raise


def span_failed(span: Span, error_type: str) -> None:
    """Mark the span as failed."""
    span.set_status(StatusCode.ERROR)
    span.set_attribute(ERROR_TYPE, error_type)


def span_replied(span: Span, stop_reason: str, usage: Usage) -> None:
    """Add a model call's reply to its span."""
    cached = usage.cache_creation_input_tokens + usage.cache_read_input_tokens
    span.set_attribute(FINISH_REASONS, [stop_reason])
    span.set_attribute(INPUT_TOKENS, usage.input_tokens + cached)
    span.set_attribute(OUTPUT_TOKENS, usage.output_tokens)
    span.set_attribute(CACHE_READ_TOKENS, usage.cache_read_input_tokens)
    span.set_attribute(CACHE_WRITE_TOKENS, usage.cache_creation_input_tokens)


def failed_try(
    number: int, error_type: str, status: int | None, retry_after_seconds: float | None, waited_seconds: float | None
) -> None:
    """Add an event for a try of the current model call that gave no reply."""
    told = {TRY: number, ERROR_TYPE: error_type, STATUS: status, RETRY_AFTER: retry_after_seconds, WAITED: waited_seconds}
    known = {name: value for name, value in told.items() if value is not None}
    trace.get_current_span().add_event(FAILED_TRY, known)
