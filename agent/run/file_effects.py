"""Files between the outside, the log and the model: fetched once in the turn, and put into every request that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.bounded import BoundedError, run_bounded
from agent.decide.moves import FetchFile
from agent.decide.outcome import Ended
from agent.errors import RefusedError
from agent.memory import attachments
from agent.memory.look import Looked, look_at_file
from agent.memory.transcript import Message
from agent.run.ports import Files
from agent.session.state import Session
from agent.store.sessions import Store


@dataclass(frozen=True, slots=True)
class FileEffects:
    """Where files come from, and where their bytes are kept."""

    files: Files
    store: Store

    async def fetch(self, move: FetchFile, session: Session) -> Ended:
        """Fetch a file's content and make its step: long text is kept whole, and bytes beside the log."""
        try:
            data = await self.files.fetch(move.file, attachments.MOST_FILE_BYTES)
            looked = Looked(**await run_bounded(look_at_file, data))
            read = attachments.read_attachment(move.file, data, looked, move.room, f"{session.id}:{session.turn.number}")
        except (RefusedError, BoundedError) as error:
            return Ended((attachments.not_read(move.file, str(error)),))
        if read.text is not None:
            await self.store.kept.keep(session.id, session.epoch, read.handle, read.text)
        if read.data is not None:
            await self.store.kept.keep_file(session.id, session.epoch, read.handle, read.data)
        return Ended((read.step,))

    async def shown(self, session: Session, messages: list[Message]) -> Sequence[Message]:
        """Return the messages of a request, with the bytes of files in them."""
        if not (handles := attachments.handles(messages)):
            return messages
        return attachments.filled(messages, await self.store.kept.files(session.id, handles))
