"""The log: one record, one line, however it was made, and nothing in it that a stranger sent at length.

Text with a line break in a log could pass itself off as another line, and no reader could tell. Message, arguments, error and
stack are masked together, by patterns and at once: a record of ours takes 60 µs for that where it has no digits, 0.3 ms with ids
and times, 0.9 ms with personal data (p50, `make bench masking`, a busy machine with two cores).
"""

import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from agent.errors import place_of
from agent.masking import WantedMasks, patterns_masker
from agent.trace_ids import led_by, spelled, trace_id, working_on
from bot.cards.values import Mask

log = logging.getLogger(__name__)

BEGINNING = "%(asctime)s %(levelname)s %(name)s: "
MOST_CHARACTERS = 10_000  # of one record: a traceback fits
MARGIN_CHARACTERS = 1_000  # masked beyond a cut and then left out: what the cut tears apart could not be told
OTHERS_CHARACTERS = 300  # of a library's message, which may repeat what it was sent
OURS = frozenset({"agent", "bot", "tools", "migrations", "signoff"})
# Of all that libraries say besides warnings, only how the connection to Slack is doing.
HEARD = frozenset({"slack_bolt.AsyncApp"})


class OneLine(logging.Formatter):
    """A record as one line: everything in it that is not printed, line breaks first, is escaped as in Python's texts."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("%(message)s")
        self._beginning = logging.Formatter(BEGINNING)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Never raises: a message that does not fit its arguments, or cannot be masked, is not shown."""
        about = "".join(f" {name}={value}" for name, value in _about().items())
        return self._beginning.format(_saying(record, "")) + on_one_line(self.masked(record)) + about

    def masked(self, record: logging.LogRecord) -> str:
        """Return what a record says, masked. Never raises."""
        try:
            return self._line_masked(record)
        except Exception as error:
            return f"a record that cannot be formatted ({place_of(error)})"

    def _line_masked(self, record: logging.LogRecord) -> str:
        """Return message, error and stack, masked and then cut."""
        if not _is_ours(record):
            said, error = _said_and_error(record)
            return _shortened(said, OTHERS_CHARACTERS, self._mask) + error
        whole = logging.makeLogRecord(record.__dict__)
        whole.exc_text = None  # another handler may have kept it, unmasked
        return _shortened(super().format(whole), MOST_CHARACTERS, self._mask)


class OneObject(OneLine):
    """A record as a JSON object on one line, for programs that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Never raises."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {"at": at, "level": record.levelname, "logger": record.name, "message": self.masked(record), **_about()}
        return json.dumps(told)


def _about() -> Mapping[str, str]:
    """Return the session that is worked on, the trace of its turn, as `signoff log` and `signoff trace` know them, and the prompt
    that it is led by."""
    if (found := working_on.get()) is None:
        return {}
    session, turn = found
    return {"session": session, **({"trace_id": spelled(trace_id(session, turn))} if turn else {}), **_prompt()}


def _prompt() -> Mapping[str, str]:
    """Return name, version and hash of the prompt; nothing before it is known, or of a session that is led by none of ours."""
    prompt, digest = led_by.get() or ("", "")
    name, _, version = prompt.partition("@")
    return {"prompt": name, "prompt_version": version, "prompt_hash": digest} if prompt else {}


def worth_a_line(record: logging.LogRecord) -> bool:
    """Return whether a record goes into the log: all of ours, and of libraries what an operator has to know.

    Bolt tells at INFO of each request without a valid signature, with its whole body; anybody can send one.
    """
    if record.name == "slack_bolt.AsyncApp" and "`token` will be unused" in str(record.msg):
        return False  # it finds SLACK_BOT_TOKEN in the environment too, and says so at each start
    if record.name.partition(".")[0] == "mcp":
        return record.levelno >= logging.CRITICAL  # it logs what servers send, secrets and all; tools.mcp says what matters
    return _is_ours(record) or record.levelno >= logging.WARNING or record.name in HEARD


def log_handler(stream: TextIO, mask: Mask | None = None, *, as_json: bool = False) -> logging.Handler:
    """Return a handler that writes such lines to a stream. `mask` is what a team's settings ask for; None: what is masked without
    any."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter((OneObject if as_json else OneLine)(mask or patterns_masker(WantedMasks())))
    handler.addFilter(worth_a_line)
    return handler


def log_uncaught() -> None:
    """Have errors that nothing catches, and warnings, written to the log and no longer printed as they are: pydantic's warnings,
    for one, quote values."""

    def uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            log.critical("ended by an error that nothing catches", exc_info=(kind, error, trace))

    sys.excepthook = uncaught
    threading.excepthook = lambda told: uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: log.error("an error where none can be raised", exc_info=told.exc_value)
    logging.captureWarnings(True)


def on_one_line(text: str) -> str:
    """Return the text on one line, with everything invisible spelled out."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in OURS


def _said_and_error(record: logging.LogRecord) -> tuple[str, str]:
    """Return a library's message, and of its error only type and place."""
    try:
        said = record.getMessage()
    except Exception as error:
        said = f"a record that cannot be formatted ({place_of(error)})"
    error = record.exc_info[1] if record.exc_info else None
    return said, f" ({place_of(error)})" if error else ""


def _saying(record: logging.LogRecord, text: str) -> logging.LogRecord:
    """Return the record with another message, and without arguments or error."""
    brief = logging.makeLogRecord(record.__dict__)
    brief.msg, brief.args, brief.exc_info, brief.exc_text, brief.stack_info = text, None, None, None, None
    return brief


def _shortened(text: str, most: int, mask: Mask) -> str:
    """Return the text masked; if it is too long, its beginning and end, where most of an error's news are, and how much is not
    there."""
    if len(text) <= most:
        return mask(text)
    first, last = most * 2 // 3, most // 3
    head = mask(text[: first + MARGIN_CHARACTERS])[:-MARGIN_CHARACTERS][:first]
    tail = mask(text[-(last + MARGIN_CHARACTERS) :])[MARGIN_CHARACTERS:][-last:]
    return f"{head} … ({len(text) - most:,} characters left out) … {tail}"
