"""What a gateway says in the place of a model's name or a reply's id is told to nobody who collects traces."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent import telemetry


def told(answers: object, reply_id: object) -> dict[str, object]:
    """The span of a model call that is answered so."""
    spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with provider.get_tracer("test").start_as_current_span("chat"):
        telemetry.reply_begun("claude-sonnet-5-5", answers, reply_id, 0.5)
    [span] = spans.get_finished_spans()
    return dict(span.attributes or {})


def test_a_reply_is_told_by_its_id_and_its_model() -> None:
    attributes = told("claude-opus-5", "msg_01XFDUDYJgAACzvnptvVoYEL")
    assert attributes[telemetry.REPLY_ID] == "msg_01XFDUDYJgAACzvnptvVoYEL"
    assert attributes[telemetry.ANSWERED] == "claude-opus-5"


def test_anything_else_in_their_place_is_not() -> None:
    for reply_id in ("ada@example.com", "msg_ada@example.com", "msg_" + "a" * 200, "", None, 7, {"id": "msg_1"}):
        attributes = told("For Ada Byron", reply_id)
        assert telemetry.REPLY_ID not in attributes
        assert attributes[telemetry.ANSWERED] == telemetry.OTHER
