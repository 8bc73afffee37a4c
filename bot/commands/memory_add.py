"""`signoff memory add`: documents of files, folders and addresses, left alone while they are the same and replaced otherwise."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from agent.approvals.hosts import url_host
from agent.embeddings.port import Embedder
from agent.errors import RefusedError, UnreachableError
from agent.memory.items import NewItem, document_key
from agent.store.memory_documents import Document, Documents, version
from agent.store.memory_embedding import BATCH
from agent.store.memory_items import Embedded
from bot.agents.remembering import embedder
from bot.commands.memory_report import FOR_EVERYBODY, operator, team_of
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.settings import Settings, environment
from bot.stores.database import connected_pool
from tools.document_text import READABLE, kind_of
from tools.documents import ANYWHERE, MOST_BYTES, Raw, chunks_of, fetched, named
from tools.fetching import Fetching

NO_MEMORY = "signoff.yaml has no section `memory`, so no agent would know of it: add `memory: {}` to it first."


@dataclass(frozen=True, slots=True)
class Origin:
    """Something that was named on the command line: an address, a file, or the files of a folder."""

    url: str = ""
    files: Sequence[Path] = ()
    folder: str = ""  # how the names of its documents begin
    is_folder: bool = False
    left_out: int = 0  # files of other kinds


@dataclass(slots=True)
class Outcome:
    """What became of all of it. `seen`: documents that are there, whether they could be read or not."""

    seen: set[str] = field(default_factory=set[str])
    unread: int = 0


def add(settings: Settings, config: Config, team: str | None, sources: Sequence[str], channel: str, *, remove: bool) -> None:
    """Add documents for the readers of a channel, and print a line for each; `remove`: delete those that a folder has no more.

    Raises Refusal, also where something was not read.
    """
    if config.memory is None:
        raise Refusal(NO_MEMORY)
    origins = [origin_of(source) for source in sources]
    asyncio.run(_add(settings, config, team, origins, channel, remove=remove))


async def _add(
    settings: Settings, config: Config, team: str | None, origins: Sequence[Origin], channel: str, *, remove: bool
) -> None:
    assert config.memory is not None
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(connected_pool(settings))
        workspace = await team_of(settings, team)
        model = await stack.enter_async_context(embedder(config.memory.embeddings, environment()))
        adding = Adding(Documents(pool, config.memory.terms()), model, workspace, channel)
        outcome = Outcome()
        for origin in origins:
            await adding.origin(origin, outcome)
        for origin in origins:
            await adding.gone(origin, outcome, remove=remove)
    if outcome.unread:
        raise Refusal(f"{outcome.unread} of them could not be read: mend or leave them out, then add them again.")


@dataclass(frozen=True, slots=True)
class Adding:
    """Where documents are added, and by which model their vectors are made."""

    documents: Documents
    model: Embedder
    team: str
    channel: str
    fetching: Fetching = ANYWHERE

    async def origin(self, origin: Origin, outcome: Outcome) -> None:
        """Add each document of what was named; what cannot be read is said and left as it was."""
        known = await self.documents.versions(self.team)
        async for name, raw in self._raw(origin):
            outcome.seen.add(document_key(name))
            try:
                if isinstance(raw, RefusedError):
                    raise raw
                chunks = await chunks_of(raw, self.channel)
            except RefusedError as error:
                outcome.unread += 1
                print(f"{name} was not read: {error}.", file=sys.stderr)
                continue
            of = Document(self.channel, document_key(name))
            same = known.get(of) == version(chunks)
            became = "unchanged" if same else await self.documents.put(self.team, of, chunks, await self._vectors(chunks))
            print(f"{became} {name} ({len(chunks)} {'part' if len(chunks) == 1 else 'parts'})")
            for other in sorted(each.channel for each in known if each.key == of.key and each.channel != of.channel):
                print(f"{name} is remembered for {other or FOR_EVERYBODY} too.", file=sys.stderr)
        if origin.left_out:
            print(f"{origin.left_out} files of other kinds were left out: {READABLE}.", file=sys.stderr)

    async def gone(self, origin: Origin, outcome: Outcome, *, remove: bool) -> None:
        """Say which documents of a folder are not there any more, or delete them."""
        if not origin.is_folder:
            return
        for of in sorted(await self.documents.versions(self.team), key=lambda each: each.key):
            name = of.key.removeprefix(document_key(""))
            elsewhere = ":" in name.partition("/")[0] or (name.startswith("/") and not origin.folder)  # an address, or far away
            ours = of.channel == self.channel and name.startswith(origin.folder) and not elsewhere
            if not ours or of.key in outcome.seen:
                continue
            if remove:
                await self.documents.remove(self.team, of, operator())
                print(f"removed {name}")
            else:
                print(f"{name} is not there any more and still remembered: --remove deletes it.", file=sys.stderr)

    async def _raw(self, origin: Origin) -> AsyncGenerator[tuple[str, Raw | RefusedError]]:
        """Yield each document by its name, or why it cannot be had."""
        if origin.url:
            try:
                yield named(origin.url), await fetched(origin.url, self.fetching)
            except RefusedError as error:
                yield named(origin.url), error
        for path in origin.files:
            yield name_of(path), _read_file(path)

    async def _vectors(self, chunks: Sequence[NewItem]) -> Sequence[Embedded]:
        """Return the vectors of all chunks, or none: then the bot makes them."""
        made: list[Embedded] = []
        try:
            for begins in range(0, len(chunks), BATCH):
                texts = [each.text for each in chunks[begins : begins + BATCH]]
                made += [Embedded(self.model.model, vector) for vector in await self.model.embed(texts)]
        except UnreachableError as error:
            print(f"The model of the vectors is out of reach, so the bot makes them later: {error}.", file=sys.stderr)
            return ()
        return made


# ---------------------------------------------------------------------------------------------- what is meant


def origin_of(source: str) -> Origin:
    """Return what somebody names on the command line. Raises Refusal."""
    if "://" in source:
        if url_host(source) is None:
            raise Refusal(f"{source} is not a plain http or https address: write it as https://host/path.")
        return Origin(url=source.partition("#")[0])
    path = Path(source)
    if path.is_dir():
        there = [*_files(path)]
        files = [each for each in there if kind_of(each.name) is not None]
        folder = "" if name_of(path) == "." else f"{name_of(path)}/"
        return Origin(files=files, folder=folder, is_folder=True, left_out=len(there) - len(files))
    if not path.is_file():
        raise Refusal(f"{source} does not exist: name a file, a folder or an address.")
    return Origin(files=[path])


def name_of(path: Path) -> str:
    """Return how a document is named: its path from where the command runs, or its whole path if it lies elsewhere."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()
    return named((whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix())


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in order; neither hidden ones nor links, which may lead anywhere."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _read_file(path: Path) -> Raw | RefusedError:
    try:
        if path.stat().st_size > MOST_BYTES:
            return RefusedError(f"it has more than {MOST_BYTES:,} bytes")
        return Raw(name_of(path), name_of(path), path.read_bytes(), kind_of(path.name) or "text")
    except OSError as error:
        return RefusedError(f"it cannot be opened ({error.strerror})")
