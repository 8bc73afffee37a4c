"""The log: one record, one line, however it was made, and nothing in it that a stranger sent at length.

Text with a line break in a log could pass itself off as another line, and no reader could tell.
"""

import logging
from typing import TextIO

from agent.errors import place_of

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MOST_CHARACTERS = 10_000  # of one record: a traceback fits
OTHERS_CHARACTERS = 300  # of a library's message, which may repeat what it was sent
OURS = frozenset({"agent", "bot", "tools", "migrations", "signoff"})
# Of all that libraries say besides warnings, only how the connection to Slack is doing.
HEARD = frozenset({"slack_bolt.AsyncApp"})


class OneLine(logging.Formatter):
    """A record as one line: everything in it that is not printed, line breaks first, is escaped as in Python's texts."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Never raises: a message that does not fit its arguments is shown without them."""
        brief = record if _is_ours(record) else _briefly(record)
        try:
            text = super().format(brief)
        except Exception as error:
            text = super().format(_saying(record, f"a record that cannot be formatted ({place_of(error)})"))
        return on_one_line(_shortened(text, MOST_CHARACTERS))


def worth_a_line(record: logging.LogRecord) -> bool:
    """Return whether a record goes into the log: all of ours, and of libraries what an operator has to know.

    Bolt tells at INFO of each request without a valid signature, with its whole body; anybody can send one.
    """
    if record.name == "slack_bolt.AsyncApp" and "`token` will be unused" in str(record.msg):
        return False  # it finds SLACK_BOT_TOKEN in the environment too, and says so at each start
    if record.name.partition(".")[0] == "mcp":
        return record.levelno >= logging.CRITICAL  # it logs what servers send, secrets and all; tools.mcp says what matters
    return _is_ours(record) or record.levelno >= logging.WARNING or record.name in HEARD


def log_handler(stream: TextIO) -> logging.Handler:
    """Return a handler that writes such lines to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine())
    handler.addFilter(worth_a_line)
    return handler


def on_one_line(text: str) -> str:
    """Return the text on one line, with everything invisible spelled out."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in OURS


def _briefly(record: logging.LogRecord) -> logging.LogRecord:
    """Return a library's record cut: the beginning of its message, and of an error only its type and place."""
    try:
        said = record.getMessage()
    except Exception as error:
        said = f"a record that cannot be formatted ({place_of(error)})"
    error = record.exc_info[1] if record.exc_info else None
    return _saying(record, _shortened(said, OTHERS_CHARACTERS) + (f" ({place_of(error)})" if error else ""))


def _saying(record: logging.LogRecord, text: str) -> logging.LogRecord:
    """Return the record with another message, and without arguments or error."""
    brief = logging.makeLogRecord(record.__dict__)
    brief.msg, brief.args, brief.exc_info, brief.exc_text, brief.stack_info = text, None, None, None, None
    return brief


def _shortened(text: str, most: int) -> str:
    """Return beginning and end, where most of an error's news are, and how much is left out."""
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]} … ({len(text) - most:,} characters left out) … {text[-(most // 3) :]}"
