"""Spans, events and figures of real conversations, held to the conventions' registry: names, types, units, instruments and
boundaries."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan

from bot.config.file import Config
from bot.config.memory_section import MemorySection
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention
from tests.dialog.conventions import ATTRIBUTES, EVENTS, METRICS, SINCE_THEN, SPANS, VALUES
from tests.dialog.measured import Measured, measured
from tests.dialog.test_grants import order
from tests.dialog.test_wrong_answers import all_told, answered, calls_wrong
from tests.dialog.traced import Trace, traced

__all__ = ["measured", "traced"]  # fixtures

OURS = "signoff."
INSTALLED = ("attributes.gen_ai_attributes", "metrics.gen_ai_metrics")
FACT, CORRECTION = "Deploys are on Tuesday", "Deploys are on Wednesday"


async def talk_of_everything(world: World) -> None:
    """A failed try; a fact that is remembered, corrected and forgotten; an order that is approved, one that is rejected; a tool
    that fails."""
    world.config = Config(memory=MemorySection(learn_with=""))
    await world.start_bot()
    world.model.faults.status(500)
    lost = call("get_order_status", order_id="ORD-0")
    learnt = call("remember_fact", fact=FACT, quote=FACT)
    wrong = call("correct_fact", id=1, fact=CORRECTION, quote=CORRECTION, was_true=True)
    world.model.script = Lines(learnt, wrong, call("forget", ids=[2]), lost, order(1), order(2), call("none"), "Done.")
    talk = await mention(world, "ann", f"please remember: {FACT}; no, {CORRECTION}; forget it; and order")
    for asked in ("Correct what is remembered", "Forget one thing", "Order 1 ×"):
        await talk.clicks("ben", await talk.sees(asked, "[Reject]"))
    await talk.sees("Order 2 ×")
    await talk.rejects("ben", await talk.card())
    await talk.sees("Done.")
    await talk.rests()


def wrong_attributes(attributes: Mapping[str, Any]) -> Iterator[str]:
    """What is not as the registry has it."""
    for name, value in attributes.items():
        if name.startswith(OURS):
            continue
        if name not in ATTRIBUTES:
            yield f"{name} is not in the registry"
        elif type(value) is not ATTRIBUTES[name]:
            yield f"{name} is of type {type(value).__name__}"
        elif value not in VALUES.get(name, (value,)):
            yield f"{name} is {value}"


def wrong_in_span(span: ReadableSpan) -> Iterator[str]:
    attributes = dict(span.attributes or {})
    yield from wrong_attributes(attributes)
    for event in span.events:
        yield from wrong_attributes(dict(event.attributes or {}))
        if not event.name.startswith(OURS):
            yield f"event {event.name}"
    if (operation := str(attributes.get("gen_ai.operation.name", ""))) in SPANS:
        named_after, kind = SPANS[operation]
        if (span.name, span.kind.name) != (f"{operation} {attributes.get(named_after, '')}".strip(), kind):
            yield f"span {span.name} of kind {span.kind.name}"
    elif operation:
        yield f"nobody knows spans of {operation}"


async def test_every_span_is_as_the_registry_has_it(world: World, traced: Trace) -> None:
    await talk_of_everything(world)
    await traced.driven()
    spans = traced.all()
    assert {str((span.attributes or {}).get("gen_ai.operation.name")) for span in spans} >= set(SPANS)
    assert [f"{span.name}: {wrong}" for span in spans for wrong in wrong_in_span(span)] == []


def wrong_in_event(event: ReadableLogRecord) -> Iterator[str]:
    attributes = dict(event.log_record.attributes or {})
    yield from wrong_attributes(attributes)
    must, may = EVENTS[event.log_record.event_name or ""]
    if not must <= set(attributes) <= must | may:
        yield f"{event.log_record.event_name} has {sorted(attributes)}"


async def test_what_people_say_of_answers_is_told_as_the_registry_has_it(bot: World, traced: Trace) -> None:
    talk = await answered(bot)
    await calls_wrong(talk, "ben", "It is 49.", wrong="too low")
    await (await bot.slack.click("ann", talk.channel, (await talk.sees("It is 49.")).ts, "feedback", value="good:1"))
    await all_told(bot)
    events = traced.events()
    assert {event.log_record.event_name for event in events} == set(EVENTS)
    assert len(events) == 3
    assert [wrong for event in events for wrong in wrong_in_event(event)] == []


async def test_every_figure_is_as_the_registry_has_it(world: World, measured: Measured) -> None:
    await talk_of_everything(world)
    await measured.comes_to(1, "signoff.runs")
    rows = [row for row in measured.rows() if not row.name.startswith(OURS)]
    assert {row.name for row in rows} == set(METRICS)
    wrong = [f"{row.name}: {each}" for row in rows for each in wrong_attributes(row.labels)]
    for row in rows:
        metric, labels = METRICS[row.name], set(row.labels)
        if (row.data, row.unit, row.bounds) != (metric.data, metric.unit, metric.bounds):
            wrong.append(f"{row.name}: {row.data} of {row.unit!r}, by {row.bounds}")
        if not metric.must <= labels <= metric.must | metric.may:
            wrong.append(f"{row.name}: labelled {sorted(labels)}")
    assert wrong == []


def test_the_table_fits_the_registry_that_is_installed() -> None:
    """The package holds the names of 1.41, before these conventions moved: what is newer is named in the table."""
    attributes, metrics = (import_module(f"opentelemetry.semconv._incubating.{module}") for module in INSTALLED)
    installed = {value for name, value in vars(attributes).items() if name.startswith("GEN_AI_")}
    of_table = {name for name in ATTRIBUTES if name.startswith("gen_ai.")}
    assert of_table - installed == SINCE_THEN
    older = {value for name, value in vars(metrics).items() if name.startswith("GEN_AI_CLIENT")}
    assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} <= older


@pytest.mark.parametrize(
    ("attributes", "wrong"),
    [
        ({"gen_ai.request.max_tokens": "5"}, ["gen_ai.request.max_tokens is of type str"]),
        ({"gen_ai.usage.cache_creation.input_tokens": 5}, ["gen_ai.usage.cache_creation.input_tokens is not in the registry"]),
        ({"gen_ai.operation.name": "talk"}, ["gen_ai.operation.name is talk"]),
        ({"signoff.try": 1, "gen_ai.tool.name": "look"}, []),
    ],
)
def test_what_does_not_fit_is_found(attributes: Mapping[str, Any], wrong: list[str]) -> None:
    assert list(wrong_attributes(attributes)) == wrong
