"""Files between the outside, the log and the model: fetched or returned once, and put into every request that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.bounded import BoundedError, Limits, run_bounded
from agent.decide.move_outcome import Ended
from agent.decide.moves import FetchFile
from agent.errors import RefusedError
from agent.memory import attachments
from agent.memory.attachments import MOST_RESULT_IMAGES, ShownImages
from agent.memory.look import Looked, look_at_file
from agent.memory.transcript import ApiMessage
from agent.run.ports import Files
from agent.session.state import Session
from agent.store.sessions import Store
from agent.types import FileRoom

LOOK = Limits(seconds=2.0)  # at one image of a result: what has run waits for it to be written down


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

    async def keep_images(self, session_id: str, epoch: int, images: Sequence[bytes], room: FileRoom) -> ShownImages:
        """Keep the images of a result that can be shown, before the step that names them. Raises FencedError."""
        shown, count = ShownImages(room), len(images)
        for number, data in enumerate(images[:MOST_RESULT_IMAGES], 1):
            try:
                attachments.check_size(data)
                shown = shown.with_image(data, Looked(**await run_bounded(look_at_file, data, limits=LOOK)))
            except (RefusedError, BoundedError) as error:
                shown = shown.without(f"image {number} of {count}", str(error))
        if count > MOST_RESULT_IMAGES:
            shown = shown.without(
                f"images {MOST_RESULT_IMAGES + 1} to {count} of {count}", f"at most {MOST_RESULT_IMAGES} of a result can be read"
            )
        for handle, data in shown.data.items():
            await self.store.kept.keep_file(session_id, epoch, handle, data)
        return shown

    async def shown(self, session: Session, messages: list[ApiMessage]) -> Sequence[ApiMessage]:
        """Return the messages of a request, with the bytes of files in them."""
        if not (handles := attachments.handles(messages)):
            return messages
        return attachments.filled(messages, await self.store.kept.files(session.id, handles))
