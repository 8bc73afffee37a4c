"""Long results: kept whole, while the model reads head and tail and pages through the rest by a handle."""

import json
from typing import Any, Protocol, cast

from pydantic import BaseModel, Field

from agent.canonical import sha256
from agent.text import whole
from agent.tool.arguments import Arguments
from agent.tool.definition import Effect, Result, Tool, ToolContext, ToolError

MOST_CHARACTERS = 20_000  # of a result that reaches the model
HEAD_CHARACTERS, TAIL_CHARACTERS = 4_000, 1_000
PAGE_CHARACTERS = 10_000  # some 3,000 tokens of a session's 50,000
SHORT_CHARACTERS = 600  # of a result that the model has read before
STANDS_FOR_MORE = {"head", "tail", "characters", "handle", "next_offset"}  # the fields of a result that was too long
STEP = "step-"  # begins the handle of a result that the log itself holds
NAME = "read_output"

DESCRIPTION = f"""\
Read on in a long result of another tool.
Call it when a result has a handle: such a result holds only its beginning (head), its end (tail) and how many characters it \
has. Pages cost tokens: where the other tool can be asked for less, do that instead, and read no more than you need.
Needs the handle exactly as that result gave it, and an offset: its next_offset is where the head ends.
Comes back: {{"text", "offset", "characters", "next_offset"}}, at most {PAGE_CHARACTERS:,} characters of text; next_offset is \
null on the last page.
Reads only; calling it again is safe and gives the same. Errors: not_found (no result of this conversation has this handle), \
invalid_input (the offset lies behind the end)."""


class Outputs(Protocol):
    """Where long results are kept."""

    async def output(self, session_id: str, handle: str, offset: int, length: int) -> tuple[str, int] | None:
        """Return characters from `offset` on, and how many there are in all; None if the session has no such result."""
        ...


def shortened(result: Result, tool: str, session_id: str, key: str) -> tuple[Result, str, str] | None:
    """Return what the model reads instead of a result that is too long, its handle, and the whole text; None for one that is not.

    The handle is the same for every attempt of one call.
    """
    if len(result.text()) <= MOST_CHARACTERS:
        return None
    text = _readable_text(result)
    handle = f"{tool[:40]}-{sha256([session_id, key])[:12]}"
    head = fitting(text[:HEAD_CHARACTERS], 2 * HEAD_CHARACTERS)
    tail = fitting(text[-TAIL_CHARACTERS:], 2 * TAIL_CHARACTERS, from_the_end=True)
    if result.ok:
        content = {"head": head, "tail": tail, "characters": len(text), "handle": handle, "next_offset": len(head)}
        return result.model_copy(update={"result": content, "written": ""}), handle, text
    detail = f"{head} … (the first of {len(text):,} characters; {NAME} has them all, with the handle {handle})"
    return result.model_copy(update={"detail": detail, "written": ""}), handle, text


def handle_of(seq: int, text: str) -> str:
    """Return the handle of the result that a step of the log holds: its own, where it stands for a longer one already."""
    return _handle(seq, Result.of_text(text))


def _handle(seq: int, result: Result) -> str:
    kept = result.result
    shortened = isinstance(kept, dict) and set(cast(dict[str, Any], kept)) == STANDS_FOR_MORE
    return str(cast(dict[str, Any], kept)["handle"]) if shortened else f"{STEP}{seq}"


def step_of(handle: str) -> int | None:
    """Return the step whose result has this handle; None for a handle of another kind."""
    seq = handle.removeprefix(STEP)
    return int(seq) if handle != seq and seq.isdecimal() and len(seq) < 18 else None


def handled(seq: int, text: str) -> str:
    """Return what the model reads of a long result from a new context on: where it begins, and its handle."""
    result = Result.of_text(text)
    told = {"ok": result.ok, "handle": _handle(seq, result), "characters": len(text)}
    note = f"Shortened, since the conversation has grown long; {NAME} has it whole."
    return json.dumps({**told, "note": note, "head": fitting(text[:SHORT_CHARACTERS], 2 * SHORT_CHARACTERS)}, ensure_ascii=False)


def _readable_text(result: Result) -> str:
    """Return what there is to read: the text of a result that is nothing else, otherwise its JSON."""
    if not result.ok:
        text = result.detail or ""
    else:
        content: dict[str, Any] = json.loads(result.text())["result"]
        alone = content["text"] if set(content) == {"text"} else None
        text = alone if isinstance(alone, str) else json.dumps(content, ensure_ascii=False)
    return whole(text).replace("\0", "\ufffd")  # Postgres has no such character


def fitting(text: str, most: int, *, from_the_end: bool = False) -> str:
    """Return as much of a text as takes at most so many characters as JSON, where one can become six."""
    while len(json.dumps(text, ensure_ascii=False)) > most:
        text = text[-(len(text) // 2) :] if from_the_end else text[: len(text) // 2]
    return text


class ReadOutput(Arguments, frozen=True):
    """What to read on in."""

    handle: str = Field(min_length=1, max_length=80, description="The handle, exactly as the long result gave it.")
    offset: int = Field(ge=0, description="The character to begin with, from 0: a next_offset, or any other.")


class ResultPage(BaseModel, frozen=True):
    """A part of a long result."""

    text: str
    offset: int
    characters: int
    next_offset: int | None


def read_output(outputs: Outputs) -> Tool:
    """Return the tool that every agent has besides its own."""

    async def read(arguments: ReadOutput, context: ToolContext) -> ResultPage:
        found = await outputs.output(context.session_id, arguments.handle, arguments.offset, PAGE_CHARACTERS)
        if found is None:
            told = f"No result of this conversation has the handle {arguments.handle!r}; old ones are not kept."
            raise ToolError("not_found", told)
        part, characters = found
        if arguments.offset >= characters:
            raise ToolError("invalid_input", f"The result has {characters} characters: take an offset below that.")
        text = fitting(part, MOST_CHARACTERS - 1_000)  # the other fields take the rest
        end = arguments.offset + len(text)
        return ResultPage(
            text=text, offset=arguments.offset, characters=characters, next_offset=end if end < characters else None
        )

    return Tool(
        name=NAME,
        description=DESCRIPTION,
        arguments=ReadOutput,
        handler=read,
        effect=Effect.READ,
        can=None,
        verb="Read on",
        consequence="Reads a stored result. Nothing is changed.",
        undo="There is nothing to undo.",
        headline=_next_part_headline,
        untrusted=lambda arguments: f"a long result ({arguments.handle})",
    )


def _next_part_headline(arguments: Any) -> str:
    return f"Read on in {arguments.handle} from character {arguments.offset:,}"
