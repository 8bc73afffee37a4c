"""Files between the outside, the log and the model: fetched once in the turn, and put into every request that shows them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent import attachments
from agent.ended import Ended
from agent.errors import RefusedError
from agent.moves import FetchFile
from agent.ports import Files
from agent.session import Session
from agent.store import Store
from agent.transcript import Message


@dataclass(frozen=True, slots=True)
class FileEffects:
    """Where files come from, and where their bytes are kept."""

    files: Files
    store: Store

    async def fetch(self, move: FetchFile, session: Session) -> Ended:
        """A file's content on its way into the log: long text is kept whole, and bytes beside the log."""
        try:
            data = await self.files.fetch(move.file, attachments.MOST_FILE_BYTES)
            read = await asyncio.to_thread(attachments.read, move.file, data, move.room, f"{session.id}:{session.turn}")
        except RefusedError as error:
            return Ended((attachments.not_read(move.file, str(error)),))
        if read.text is not None:
            await self.store.keep(session.id, session.epoch, read.handle, read.text)
        if read.data is not None:
            await self.store.keep_file(session.id, session.epoch, read.handle, read.data)
        return Ended((read.step,))

    async def shown(self, session: Session, messages: list[Message]) -> Sequence[Message]:
        """The messages of a request, with the bytes of files in them."""
        if not (handles := attachments.handles(messages)):
            return messages
        return attachments.filled(messages, await self.store.files(session.id, handles))
