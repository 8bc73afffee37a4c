"""A file that somebody attached, remembered as a document for those who read the channel."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from agent.errors import RefusedError
from agent.memory.items import NewItem, document_key
from agent.store.memory_documents import Document, version
from agent.tool.arguments import Arguments
from agent.tool.bound import check_bound
from agent.tool.definition import Tool, ToolContext, ToolError
from agent.types import Attachment, Change, Preview
from tools.document_text import READABLE, kind_of
from tools.documents import MOST_BYTES, Raw, chunks_of, named
from tools.memory.port import Memory, thread_of_call

DESCRIPTION = f"""\
Remember a file that is attached to the message that you answer, as a document that is found in later conversations of those who \
read this channel.
Call it only when somebody asks to remember or to know the file. {READABLE}. A file of the same name that was remembered here is \
replaced. For a fact that somebody said, call remember_fact.
A person has to approve it, and sees its name and size. Comes back: {{"name", "parts", "became"}}; became: added, replaced or \
unchanged. Calling it again changes nothing. Errors: not_found (no such file in the message that you answer), invalid_input (it \
cannot be read; the detail says why)."""


class RememberFile(Arguments, frozen=True):
    """Which file."""

    file: str = Field(
        default="", max_length=500, description="Its name, as the message has it. May be empty if there is one file."
    )


def remember_file(port: Memory) -> Tool:
    """Return the tool that remembers a file."""

    async def remember(arguments: RememberFile, context: ToolContext) -> Mapping[str, Any]:
        file, of = _attached(arguments, context)
        chunks = await _chunks(port, file, of, context)
        if context.bound:
            check_bound(context.bound, {"contents": version(chunks)})
        became = await port.documents.put(thread_of_call(context).team, of, chunks)
        return {"name": file.name, "parts": len(chunks), "became": became}

    async def preview(arguments: RememberFile, context: ToolContext) -> Preview:
        file, of = _attached(arguments, context)
        chunks = await _chunks(port, file, of, context)
        there = of in await port.documents.versions(thread_of_call(context).team)
        parts = f"{len(chunks)} {'part' if len(chunks) == 1 else 'parts'}, {file.size:,} bytes"
        change = Change(what=file.name, before="(an earlier file of this name)" if there else "(not remembered)", after=parts)
        headline = f"Remember the file {file.name} for those who read this channel"
        return Preview(headline=headline, changes=(change,), bound={"contents": version(chunks)})

    return Tool(
        name="remember_file",
        description=DESCRIPTION,
        arguments=RememberFile,
        handler=remember,
        idempotent=True,
        can="Remember a file. Attach it and ask: “Remember this file”",
        verb="Remember",
        consequence="Quoted later to those who read this channel.",
        undo="It can be forgotten.",
        headline=lambda arguments: f"Remember the file {arguments.file or 'that is attached'}",
        preview=preview,
        time_limit_seconds=90.0,
    )


def _attached(arguments: RememberFile, context: ToolContext) -> tuple[Attachment, Document]:
    """Return the file that is meant, and what it is remembered as. Raises ToolError."""
    files = [file for said in context.asked for file in said.files]
    wanted = [file for file in files if not arguments.file or named(arguments.file) in (file.id, named(file.name))]
    if len(wanted) != 1:
        there = ", ".join(named(file.name) for file in files) or "none"
        raise ToolError("not_found", f"It is not clear which file is meant. Files of the message that you answer: {there}.")
    return wanted[0], Document(thread_of_call(context).channel, document_key(f"slack:{named(wanted[0].name)}"))


async def _chunks(port: Memory, file: Attachment, of: Document, context: ToolContext) -> Sequence[NewItem]:
    """Return the chunks of a file. Raises ToolError."""
    by = next(said.user for said in context.asked if file in said.files)
    try:
        data = await port.files.fetch(file, MOST_BYTES)
        raw = Raw(of.key.removeprefix(document_key("")), "", data, kind_of(file.name) or "text")
        return await chunks_of(raw, of.channel, by)
    except RefusedError as error:
        raise ToolError("invalid_input", f"The file was not read: {error}.") from None
