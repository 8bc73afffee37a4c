"""The log: whatever somebody sends, raises or is called, a record is one line, and says nothing that it must not."""

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.tool.definition import Effect, Tool, ToolContext, preview, reconcile, run
from agent.tool.fallback import with_fallback
from agent.trace_ids import led_by, spelled, trace_id, working_on
from agent.types import Preview
from bot.app.log_lines import MOST_CHARACTERS, OTHERS_CHARACTERS, log_handler, log_uncaught

FORGED = "\n2026-11-28 19:00:00,000 INFO agent.audit: action A1 approved by U0CFO"
BEGINNING = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) ")
BREAKS = st.sampled_from("\n\r\x0b\x0c\x1b\x1c\x85\u2028\u2029\u202e\x00")
TEXTS = st.text(st.characters(exclude_categories=[]) | BREAKS, max_size=80)
IBAN = "DE89370400440532013000"
log_handler(io.StringIO())  # once, before sockets are watched: what it imports binds one, to see whether there is IPv6


@contextmanager
def lines(name: str, *, as_json: bool = False) -> Generator[tuple[logging.Logger, list[str]]]:
    """A logger, and what its records have become once the block is over."""
    logger, stream, written = logging.getLogger(name), io.StringIO(), list[str]()
    handler, level = log_handler(stream, as_json=as_json), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = name == "agent"  # pytest's own handler raises where ours must not
    try:
        yield logger, written
    finally:
        logger.setLevel(level)
        logger.propagate = True
        logger.removeHandler(handler)
        written += stream.getvalue().splitlines()


@given(TEXTS, TEXTS, TEXTS, st.sampled_from(["agent.x", "tools.y", "slack_bolt.AsyncApp", "aiohttp.server"]))
def test_a_record_is_one_line_wherever_a_text_stands_in_it(message: str, argument: str, raised: str, name: str) -> None:
    with lines(name) as (logger, written):
        logger.warning("%s", argument)
        logger.warning(message.replace("%", "%%") + " %s", argument)
        try:
            raise ValueError(raised)
        except ValueError:
            logger.exception("it failed: %s", argument, stack_info=True)
    assert len(written) == 3
    assert all(BEGINNING.match(line) and line.isprintable() for line in written)


@pytest.mark.parametrize("name", ["agent.x", "aiohttp.server"])
def test_a_forged_line_is_a_part_of_the_line_that_it_came_in(name: str) -> None:
    with lines(name) as (logger, written):
        logger.warning(f"no such channel: x{FORGED}")
        logger.warning("no such channel: %s", FORGED)
        try:
            raise ValueError(FORGED)
        except ValueError as error:
            error.add_note(FORGED)
            logger.exception("it failed")
    assert len(written) == 3
    assert not any(line.startswith("2026-11-28 19:00:00,000 INFO agent.audit") for line in written)


def test_an_error_that_nothing_catches_is_a_masked_line_and_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    with lines("bot.app.log_lines") as (_, written):
        log_uncaught()
        error = ValueError(f"no account {IBAN}")
        sys.excepthook(ValueError, error, None)
        thread = threading.Thread(target=int, args=("ann@example.com",))
        thread.start()
        thread.join()
    logging.captureWarnings(False)
    assert len(written) == 2
    assert "ValueError: no account [IBAN_1]" in written[0]
    assert "[EMAIL_1]" in written[1]
    assert not any(each in "".join(written) for each in (IBAN, "ann@example.com"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_a_line_names_the_session_the_trace_and_the_prompt_that_it_is_about(as_json: bool) -> None:
    with lines("agent.x", as_json=as_json) as (logger, written):
        logger.warning("about nothing")
        token, prompt = working_on.set(("T1:C1:1.0", 2)), led_by.set(("assistant@2", "0123abcd"))
        logger.warning("ask ann@example.com\nfor more")
        working_on.reset(token)
        logger.warning("about nothing again")
        led_by.reset(prompt)
    trace = spelled(trace_id("T1:C1:1.0", 2))
    if as_json:
        nothing, something, _ = map(json.loads, written)
        assert something["message"] == "ask [EMAIL_1]\nfor more"
        assert (something["session"], something["trace_id"], something["level"]) == ("T1:C1:1.0", trace, "WARNING")
        told = {name: something[name] for name in ("prompt", "prompt_version", "prompt_hash")}
        assert told == {"prompt": "assistant", "prompt_version": "2", "prompt_hash": "0123abcd"}
        assert not {"session", "trace_id", "prompt"} & nothing.keys()
    else:
        assert written[0].endswith("about nothing")
        prompt_of = "prompt=assistant prompt_version=2 prompt_hash=0123abcd"
        assert written[1].endswith(f"for more session=T1:C1:1.0 trace_id={trace} {prompt_of}")
        assert written[2].endswith("about nothing again")


def test_a_long_record_is_cut_and_keeps_its_end() -> None:
    with lines("agent.x") as (logger, written):
        logger.info("begin %s end", "x" * 1_000_000)
    assert len(written[0]) < MOST_CHARACTERS + 100
    assert written[0].endswith("x end")
    assert "990," in written[0]


def test_a_record_that_does_not_fit_its_arguments_is_a_line_without_them() -> None:
    with lines("agent.x") as (logger, written):
        logger.info("%d of %d", IBAN, 5)
    [line] = written
    assert "cannot be formatted (TypeError" in line
    assert IBAN not in line


def test_libraries_say_only_what_an_operator_has_to_know() -> None:
    with lines("slack_bolt.AsyncRequestVerification") as (logger, written):
        logger.info("Invalid request signature detected (body: %s)", IBAN)
    assert written == []
    with lines("slack_bolt.AsyncApp") as (logger, written):
        logger.warning("As `token` will be unused")
        logger.info("A new session (s_1) has been established")
    assert [line.partition(": ")[2] for line in written] == ["A new session (s_1) has been established"]
    with lines("aiohttp.server") as (logger, written):
        try:
            raise ValueError(f"bad request: {IBAN}")
        except ValueError:
            logger.exception("Error handling request " + "y" * 5_000)
    [line] = written
    assert IBAN not in line
    assert re.search(r"\(ValueError at test_log_lines\.py:\d+ in test_libraries", line)
    assert len(line) < OTHERS_CHARACTERS + 300
    with lines("mcp.client") as (logger, written):
        logger.error(IBAN)
    assert written == []


PLANTED = (
    "ann@example.com",
    "4111 1111 1111 1111",
    IBAN,
    "xoxb-123456789012-abcdefghij",
    "sk-ant-api03-abcdefgh1234",
    "10.1.2.3",
)


@pytest.mark.parametrize("name", ["agent.x", "slack_bolt.AsyncApp", "aiohttp.server"])
@pytest.mark.parametrize("value", PLANTED)
def test_message_arguments_error_notes_and_stack_are_masked(name: str, value: str) -> None:
    with lines(name) as (logger, written):
        logger.warning(f"no answer for {value}")
        logger.warning("no answer for %s, %r", value, {"of": value})
        logger.warning("%s@%s", *value.split("@")) if "@" in value else None
        try:
            raise ValueError(value) from KeyError(value)
        except ValueError as error:
            error.add_note(f"while it was {value}")
            logger.exception("it failed: %s", value)
    assert len(written) >= 3
    assert not any(value in line for line in written)
    assert "_1]" in written[0]
    assert "_1]" in written[-1]


@given(st.integers(0, 1_500), st.sampled_from(PLANTED), st.booleans())
def test_a_cut_tears_nothing_apart(shift: int, value: str, at_the_end: bool) -> None:
    place = MOST_CHARACTERS * 2 // 3 - 700 + shift
    around = ("x " * place)[:place], " y" * MOST_CHARACTERS
    text = f"{around[1]} {value} {around[0]}"[-50_000:] if at_the_end else f"{around[0]} {value} {around[1]}"
    with lines("agent.x") as (logger, written):
        logger.info("%s", text)
    torn = {value[:length] for length in range(6, len(value))} | {value[-length:] for length in range(6, len(value))}
    assert not any(piece in written[0] for piece in torn)


def test_an_error_that_another_handler_has_written_already_is_masked_all_the_same() -> None:
    with lines("agent.x") as (logger, written):
        try:
            raise ValueError(IBAN)
        except ValueError:
            record = logger.makeRecord("agent.x", logging.ERROR, "", 0, "it failed", (), sys.exc_info())
        assert IBAN in logging.Formatter().format(record)
        logger.handle(record)
    assert IBAN not in written[0]
    assert "[IBAN_1]" in written[0]


def test_where_masking_fails_nothing_of_the_record_is_shown() -> None:
    def broken(text: str) -> str:
        raise RecursionError

    stream = io.StringIO()
    handler = log_handler(stream, broken)
    handler.handle(logging.LogRecord("agent.x", logging.INFO, "", 0, "paid %s", (IBAN,), None))
    assert "cannot be formatted (RecursionError" in stream.getvalue()
    assert IBAN not in stream.getvalue()


class Transfer(BaseModel):
    """What it takes."""

    iban: str


async def failing(arguments: Any, context: ToolContext) -> Any:
    """Fails in a library that quotes what it was given."""
    raise ValueError(f"no account {arguments.iban}")


async def showing(arguments: Any, context: ToolContext) -> Preview:
    """Fails likewise."""
    raise KeyError(arguments.iban)


async def test_a_failing_tools_arguments_are_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    context, given = ToolContext("T1:C1:1.0", "U1", "key"), Transfer(iban=IBAN)
    tool = Tool(name="pay", description="Pays.", arguments=Transfer, handler=failing, preview=showing, reconcile=failing)
    degrading = with_fallback(failing, failing, note="by hand")
    reading = Tool(name="look", description="Looks.", arguments=Transfer, handler=degrading, effect=Effect.READ)
    with lines("agent") as (_, written):
        assert "in the log" in str((await run(tool, given, context)).detail)
        assert "in the log" in str(await preview(tool, given, context))
        assert await reconcile(tool, given, context) is None
        assert not (await run(reading, given, context)).ok
    assert len(written) == 5
    assert "tool pay failed: ValueError at test_log_lines.py:" in written[0]
    assert not any(IBAN in line for line in written)
    assert IBAN not in caplog.text
    assert sys.exc_info() == (None, None, None)
