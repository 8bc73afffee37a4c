"""Spans of what the agent does: ids, counts and kinds, never words. The home of `opentelemetry`.

The names are those of the semantic conventions for generative AI, kept here: the constants of the published package are all
deprecated (reference: model API, OpenTelemetry). Without a tracer provider every span is nothing.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber, get_logger
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agent.trace_ids import next_ids, span_id, trace_id
from agent.types import OTHER, Pinned, Usage

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
CONVERSATION = "gen_ai.conversation.id"
MODEL = "gen_ai.request.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
REPLY_ID = "gen_ai.response.id"  # by which the API knows a reply
ANSWERED = "gen_ai.response.model"  # that replied, as it names itself
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"  # seconds, of the try that gave the reply, or began one last
STREAMED = "gen_ai.request.stream"
INPUT_TOKENS = "gen_ai.usage.input_tokens"  # those of the cache included
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
TOOL = "gen_ai.tool.name"
TOOL_CALL = "gen_ai.tool.call.id"
TOOL_TYPE = "gen_ai.tool.type"
ARGUMENTS = "gen_ai.tool.call.arguments"  # JSON, masked; this and the next only where it is asked for
RESULT = "gen_ai.tool.call.result"
MEMORY_STORE = "gen_ai.memory.store.id"
RECORDS = "gen_ai.memory.record.count"
PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"
PROMPT_HASH = "signoff.prompt.hash"
EVALUATION_RESULT = "gen_ai.evaluation.result"  # an event, of OpenTelemetry's logs
EVALUATION = "gen_ai.evaluation.name"
SCORE = "gen_ai.evaluation.score.value"
SCORE_LABEL = "gen_ai.evaluation.score.label"
EXPLANATION = "gen_ai.evaluation.explanation"
ERROR_TYPE = "error.type"
FAILED_TRY = "signoff.failed_try"  # an event of a chat span: one for each try that gave no reply
TRY = "signoff.try"
TRIES = "signoff.tries"  # of a chat span: how many there were, the last one included
TOOLS_OFFERED = "signoff.tools_offered"
STATUS = "http.response.status_code"
RETRY_AFTER = "signoff.retry_after_seconds"
WAITED = "signoff.waited_seconds"  # before the next try; none: it was the last
TURN = "signoff.turn"
ITERATIONS = "signoff.iterations"
COST = "signoff.cost_usd"
OUTCOME = "signoff.outcome"  # of a turn: how it ended (`agent.decide.run_outcome`), or that it waits; of a run likewise
OUTPUT_BYTES = "signoff.output_bytes"
APPROVAL = "signoff.approval"  # of a decision span: .outcome, .rule, .digest, .quorum, .waited_seconds

REPLY_ID_FORM = re.compile(r"msg_[A-Za-z0-9_-]{1,64}")
MODEL_NAME = re.compile(r"claude-[a-z]+(-[a-z0-9]{1,8}){0,4}")

MemoryOperation = Literal["search_memory", "upsert_memory", "update_memory", "delete_memory"]
MemoryStore = Literal["items", "values"]

tracer = trace.get_tracer("signoff")
events = get_logger("signoff")


@dataclass(slots=True)
class TurnSpan:
    """What one claim does of one turn, as it goes on. `iterations` and `cost_usd` are of this part. `outcome`: how the turn
    ended, if it did in it."""

    span: Span
    turn: int
    usages: list[Usage] = field(default_factory=list[Usage])
    iterations: int = 0
    cost_usd: float = 0.0
    outcome: str = ""

    def end(self, error_type: str = "", *, waits: bool = False) -> None:
        """End it with what it came to. `waits`: the turn goes on, in another claim."""
        _set_usage(self.span, self.usages)
        self.span.set_attributes({ITERATIONS: self.iterations, COST: self.cost_usd})
        if outcome := self.outcome or ("waiting" if waits else ""):
            self.span.set_attribute(OUTCOME, outcome)
        if error_type:
            span_failed(self.span, error_type)
        self.span.end()


def turn_span(pinned: Pinned, session_id: str, turn: int, epoch: int, epoch_before: int | None) -> TurnSpan:
    """Begin the span of what a claim does of a turn. It has no parent: a turn that waits for days is spans of one trace, each
    linked to the one before it, and never an open one. `epoch_before`: of the claim that worked on it before, if any did."""
    attributes = {OPERATION: "invoke_agent", PROVIDER: "anthropic", AGENT: pinned.agent, CONVERSATION: session_id, TURN: turn}
    name, _, version = pinned.prompt.partition("@")
    attributes |= {MODEL: pinned.model, PROMPT_NAME: name, PROMPT_VERSION: version, PROMPT_HASH: pinned.prompt_digest}
    of_turn = trace_id(session_id, turn)
    before = [] if epoch_before is None else [_link_to(of_turn, span_id(session_id, turn, epoch_before))]
    token = next_ids.set((of_turn, span_id(session_id, turn, epoch)))
    try:
        named = f"invoke_agent {pinned.agent}".strip()
        return TurnSpan(tracer.start_span(named, Context(), SpanKind.INTERNAL, attributes, links=before), turn)
    finally:
        next_ids.reset(token)


def _link_to(trace_of: int, span_of: int) -> Link:
    return Link(_named(trace_of, span_of))


def _named(trace_of: int, span_of: int) -> SpanContext:
    return SpanContext(trace_of, span_of, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


@contextmanager
def within(part: TurnSpan) -> Generator[None]:
    """Let what begins in the block, tasks too, be below a turn's span."""
    with trace.use_span(part.span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
        yield


def trace_headers() -> dict[str, str]:
    """Return what tells another server of which span its work is part, in W3C's form; nothing where there is no span."""
    headers = dict[str, str]()
    TraceContextTextMapPropagator().inject(headers)
    return headers


@contextmanager
def chat_span(pinned: Pinned, max_tokens: int) -> Generator[Span]:
    """Open the span of one model call, with all its tries."""
    attributes = {OPERATION: "chat", PROVIDER: "anthropic", MODEL: pinned.model, MAX_TOKENS: max_tokens, STREAMED: True}
    with _span(f"chat {pinned.model}", SpanKind.CLIENT, {**attributes, TOOLS_OFFERED: len(pinned.tools)}) as span:
        yield span


def reply_begun(asked: str, answers: object, reply_id: object, seconds: float) -> None:
    """Note that a try of the current model call is answered: by which model, and so many seconds after it was sent.

    A gateway may say anything in the place of a model's name or a reply's id, and that is nobody's to read.
    """
    known = isinstance(answers, str) and (answers == asked or MODEL_NAME.fullmatch(answers))
    span = trace.get_current_span()
    span.set_attributes({ANSWERED: str(answers) if known else OTHER, FIRST_CHUNK: seconds})
    if isinstance(reply_id, str) and REPLY_ID_FORM.fullmatch(reply_id):
        span.set_attribute(REPLY_ID, reply_id)


def tried(tries: int) -> None:
    """Note how many tries the current model call took."""
    trace.get_current_span().set_attribute(TRIES, tries)


@contextmanager
def tool_span(tool: str, call_id: str, *, ends: bool = True) -> Generator[Span]:
    """Open the span of one run of a tool. Unless it `ends` with the block, `end_with_contents` ends it, or an exception does."""
    attributes = {OPERATION: "execute_tool", TOOL: tool, TOOL_CALL: call_id, TOOL_TYPE: "function"}
    with _span(f"execute_tool {tool}", SpanKind.INTERNAL, attributes, ends=ends) as span:
        yield span


def note_tool_end(span: Span, outcome: str, output_bytes: int) -> None:
    """Add to the span of a run how it ended, and how much the tool said."""
    span.set_attributes({OUTCOME: outcome, OUTPUT_BYTES: output_bytes})


def end_with_contents(span: Span, ended_at_ns: int, arguments: str, result: str) -> None:
    """End the span of a run, as of then, with what the tool was given and said. Both are masked by now."""
    span.set_attributes({ARGUMENTS: arguments, RESULT: result})
    span.end(ended_at_ns)


@contextmanager
def memory_span(operation: MemoryOperation, store: MemoryStore) -> Generator[Span]:
    """Open the span of something that is looked for in what is remembered, or done to it. `records_touched` says how much.

    Only what belongs to a turn has one: messages that are changed or deleted, the Home tab and commands would leave many more.
    """
    if not trace.get_current_span().get_span_context().is_valid:
        yield trace.INVALID_SPAN
        return
    with _span(operation, SpanKind.CLIENT, {OPERATION: operation, MEMORY_STORE: store}) as span:
        yield span


def records_touched(span: Span, count: int) -> None:
    """Add to a memory span how many records were found, or changed."""
    span.set_attribute(RECORDS, count)


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
def _span(name: str, kind: SpanKind, attributes: Mapping[str, str | int], *, ends: bool = True) -> Generator[Span]:
    """Open a span, which an exception ends in any case. That is kept by its type alone: its message may quote people."""
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False, end_on_exit=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span_failed(span, type(error).__name__)
            span.end()
            raise
        if ends:
            span.end()


def span_failed(span: Span, error_type: str) -> None:
    """Mark the span as failed."""
    span.set_status(StatusCode.ERROR)
    span.set_attribute(ERROR_TYPE, error_type)


def span_replied(span: Span, stop_reason: str, usage: Usage) -> None:
    """Add a model call's reply to its span."""
    span.set_attribute(FINISH_REASONS, [stop_reason])
    _set_usage(span, [usage])


def _set_usage(span: Span, usages: Sequence[Usage]) -> None:
    span.set_attribute(INPUT_TOKENS, sum(each.read_tokens for each in usages))
    span.set_attribute(OUTPUT_TOKENS, sum(each.output_tokens for each in usages))
    span.set_attribute(CACHE_READ_TOKENS, sum(each.cache_read_input_tokens for each in usages))
    span.set_attribute(CACHE_WRITE_TOKENS, sum(each.cache_creation_input_tokens for each in usages))


def failed_try(
    number: int, error_type: str, status: int | None, retry_after_seconds: float | None, waited_seconds: float | None
) -> None:
    """Add an event for a try of the current model call that gave no reply."""
    told = {TRY: number, ERROR_TYPE: error_type, STATUS: status, RETRY_AFTER: retry_after_seconds, WAITED: waited_seconds}
    known = {name: value for name, value in told.items() if value is not None}
    trace.get_current_span().add_event(FAILED_TRY, known)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An answer that is evaluated, by its turn and the claim that gave it, and when."""

    session_id: str
    turn: int
    epoch: int
    at: datetime


def evaluation(answer: Evaluated, name: str, score: float, label: str, explanation: str) -> None:
    """Emit an event with what an answer was found to be, on the span that gave it, whenever that was.

    `explanation`: masked; empty: there is none. The response's id is not on record; the conventions want it where the span is not
    known.
    """
    of_answer = trace_id(answer.session_id, answer.turn), span_id(answer.session_id, answer.turn, answer.epoch)
    told: dict[str, str | float] = {EVALUATION: name, SCORE: score, SCORE_LABEL: label}
    events.emit(
        timestamp=_nanoseconds(answer.at),
        context=trace.set_span_in_context(NonRecordingSpan(_named(*of_answer)), Context()),
        severity_number=SeverityNumber.INFO,
        attributes=told | ({EXPLANATION: explanation} if explanation else {}),
        event_name=EVALUATION_RESULT,
    )
