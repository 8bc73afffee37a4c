"""What is recorded when something happens: one function for each, called where it happens."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from opentelemetry.metrics import Histogram

from agent.metrics import instruments as of
from agent.telemetry import AGENT, ERROR_TYPE, MODEL, OPERATION, PROVIDER, TOOL
from agent.types import Usage

DELIVERIES = {"event_callback": "event", "block_actions": "click", "view_submission": "dialog"}
POSTS = ("answer", "card", "copy", "update")  # the usual ones of `agent.session.post_keys`, and the update of a card


@dataclass(slots=True)
class Attempt:
    """Something that is measured, as it goes on. How it ends is noted here, unless an exception says so."""

    error: str = ""
    outcome: str = ""
    items: int = 0  # that a search found
    usages: Sequence[Usage] = ()  # of a model call, tries that broke off included

    def ending(self) -> Mapping[str, str]:
        """Return the labels of how it ended."""
        return {name: value for name, value in ((ERROR_TYPE, self.error), (of.OUTCOME, self.outcome)) if value}


@dataclass(slots=True)
class _Invocation:
    """One claim of a conversation, as it goes on. What runs for it finds it in its context."""

    agent: str
    inferences: int = 0
    tool_runs: int = 0


_current: ContextVar[_Invocation | None] = ContextVar("invocation", default=None)


@contextmanager
def _measured(time_of: Histogram, labels: Mapping[str, str], attempt: Attempt) -> Generator[None]:
    """Record how long the block took, and how it ended."""
    began = time.monotonic()
    try:
        yield
    except BaseException as error:
        attempt.error = type(error).__name__
        raise
    finally:
        time_of.record(time.monotonic() - began, {**labels, **attempt.ending()})


# ---------------------------------------------------------------------------------------------- of the conventions


@contextmanager
def invocation(agent: str, model: str) -> Generator[None]:
    """Measure a claim of a conversation: how long it takes, and how many model calls and runs of tools."""
    mine, of_agent = _Invocation(agent), {AGENT: agent}
    token = _current.set(mine)
    try:
        with _measured(of.INVOCATION, {OPERATION: "invoke_agent", MODEL: model, **of_agent}, Attempt()):
            yield
    finally:
        _current.reset(token)
        of.INFERENCE_CALLS.record(mine.inferences, of_agent)
        of.TOOL_CALLS.record(mine.tool_runs, of_agent)


@contextmanager
def inference(model: str) -> Generator[Attempt]:
    """Measure a model call. What it used is to be noted."""
    if (mine := _current.get()) is not None:
        mine.inferences += 1
    attempt, labels = Attempt(), _of_model(model)
    try:
        with _measured(of.INFERENCE, labels, attempt), _measured(of.OLDER_DURATION, labels, attempt):
            yield attempt
    finally:
        _count_tokens(labels, attempt.usages)


def _of_model(model: str) -> Mapping[str, str]:
    return {OPERATION: "chat", PROVIDER: "anthropic", MODEL: model}


def _count_tokens(labels: Mapping[str, str], usages: Sequence[Usage]) -> None:
    """Count what a call used; without a reply that is 0, as the conventions want it.

    The API does not say how much of the input were images; output is text.
    """
    read, written = sum(each.read_tokens for each in usages), sum(each.output_tokens for each in usages)
    of_input, of_output = {**labels, of.MODALITY: "unknown"}, {**labels, of.MODALITY: "text" if usages else "unknown"}
    of.INPUT.add(read, of_input)
    of.OUTPUT.add(written, of_output)
    of.CACHE_READ.add(sum(each.cache_read_input_tokens for each in usages), of_input)
    of.CACHE_WRITE.add(sum(each.cache_creation_input_tokens for each in usages), of_input)
    if usages:
        of.OLDER_USAGE.record(read, {**labels, of.TOKEN_TYPE: "input"})
        of.OLDER_USAGE.record(written, {**labels, of.TOKEN_TYPE: "output"})


def first_chunk(model: str, seconds: float) -> None:
    """Record how long the model took to begin its reply."""
    of.FIRST_CHUNK.record(seconds, _of_model(model))


@contextmanager
def tool_run(tool: str) -> Generator[Attempt]:
    """Measure a run of a tool. An error that is no exception is to be noted."""
    attempt, labels = Attempt(), {OPERATION: "execute_tool", TOOL: tool, of.TOOL_TYPE: "function"}
    if (mine := _current.get()) is not None:
        mine.tool_runs += 1
        labels[AGENT] = mine.agent
    with _measured(of.TOOL_RUN, labels, attempt):
        yield attempt


@contextmanager
def retrieval() -> Generator[Attempt]:
    """Measure a search in what is remembered. How many items it found is to be noted."""
    attempt = Attempt()
    with _measured(of.RETRIEVAL, {OPERATION: "retrieval"}, attempt):
        yield attempt
    of.FOUND.add(attempt.items)


# ---------------------------------------------------------------------------------------------- ours


@contextmanager
def delivery(kind: object) -> Generator[Attempt]:
    """Measure what Slack delivered until it is in the database, or is noted to be refused. `kind`: what it says of itself."""
    attempt = Attempt(outcome="taken")
    with _measured(of.INGRESS, {of.DELIVERY: DELIVERIES.get(str(kind), "other")}, attempt):
        yield attempt


def count_decision(tool: str, outcome: str, waited_seconds: float | None) -> None:
    """Count a decision about a call of one of the agent's tools. None: nobody was asked."""
    labels = {TOOL: tool, of.OUTCOME: outcome}
    of.DECISIONS.add(1, labels)
    if waited_seconds is not None:
        of.WAITED.record(waited_seconds, labels)


def run_ended(agent: str, outcome: str, tokens: int) -> None:
    """Count a turn that is over, and what it was charged."""
    of.RUNS.add(1, {AGENT: agent, of.OUTCOME: outcome})
    of.TOKENS.record(tokens, {AGENT: agent})


def budget_refused(kind: str, agent: str) -> None:
    """Count a model call that a budget did not allow."""
    of.BUDGET_REFUSALS.add(1, {of.BUDGET: kind, AGENT: agent})


def count_rating(value: Literal["good", "bad", "wrong"]) -> None:
    """Count a word of somebody on an answer. One who says something else later has said two."""
    of.RATINGS.add(1, {of.RATING: value})


def count_failed_try(model: str, error_type: str, *, again: bool) -> None:
    """Count a try of a model call that gave no reply. `again`: another one follows."""
    outcome = "tried_again" if again else "given_up"
    of.FAILED_TRIES.add(1, {MODEL: model, ERROR_TYPE: error_type, of.OUTCOME: outcome})


def show_reach(model: str, *, open: bool) -> None:
    """Show whether the breaker of a model is open."""
    of.BREAKER.set(int(open), {MODEL: model})


def count_retry(move: str, why: str) -> None:
    """Count a move that is made again."""
    of.RETRIES.add(1, {of.KIND: move, of.OUTCOME: why})


def post_failed(post: str) -> None:
    """Count a message that Slack refused for good."""
    of.FAILED_POSTS.add(1, {of.POST: post})


def masked(*, withheld: bool = False) -> None:
    """Count a text that was to be masked. `withheld`: that failed, and nobody gets it."""
    of.MASKING.add(1, {of.OUTCOME: "withheld" if withheld else "masked"})


def count_learnt(kind: str) -> None:
    """Count an item that was remembered."""
    of.LEARNT.add(1, {of.KIND: kind})


def begin_at_zero() -> None:
    """Show 0 of what is rare, so that its first time is an increase."""
    for post in POSTS:
        of.FAILED_POSTS.add(0, {of.POST: post})
    for value in ("good", "bad", "wrong"):
        of.RATINGS.add(0, {of.RATING: value})
    for outcome in ("masked", "withheld"):
        of.MASKING.add(0, {of.OUTCOME: outcome})
