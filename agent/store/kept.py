"""What sessions keep whole beside their logs: long results, and the files that people attach."""

from collections.abc import Mapping, Sequence

from agent.memory.long_results import step_of
from agent.store.fenced import Pool, confirm_held_under, rows
from agent.store.statements import FILES, FORGET, KEEP, KEEP_FILE, OUTPUT, STEP_OUTPUT

OUTPUT_DAYS = 30  # that a long result is kept whole


class KeptWhole:
    """Long results and files in Postgres. To keep one needs the session's epoch, to read one needs its session."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, session_id: str, epoch: int, handle: str, text: str) -> None:
        """Keep a long result before the step that names it. Raises FencedError and then nothing is written."""
        values = {"session_id": session_id, "epoch": epoch, "handle": handle, "text": text}
        confirm_held_under((await rows(self._pool, KEEP, values))[0][0], session_id, epoch)

    async def output(self, session_id: str, handle: str, offset: int, length: int) -> tuple[str, int] | None:
        """Return characters of a long result, and how many it has; None if this session has none with this handle."""
        values = {"session_id": session_id, "handle": handle, "seq": step_of(handle), "offset": offset, "length": length}
        found = await rows(self._pool, OUTPUT if values["seq"] is None else STEP_OUTPUT, values)
        return (found[0][0], found[0][1]) if found else None

    async def forget_outputs(self, days: int = OUTPUT_DAYS) -> int:
        """Drop long results that are older than that; how many. What the log holds of them stays: head, tail and length."""
        [(count,)] = await rows(self._pool, FORGET, {"days": days})
        return count

    async def keep_file(self, session_id: str, epoch: int, handle: str, data: bytes) -> None:
        """Keep a file's bytes before the step that names them. Raises FencedError and then nothing is written."""
        values = {"session_id": session_id, "epoch": epoch, "handle": handle, "data": data}
        confirm_held_under((await rows(self._pool, KEEP_FILE, values))[0][0], session_id, epoch)

    async def files(self, session_id: str, handles: Sequence[str]) -> Mapping[str, bytes]:
        """Return the bytes of files that steps of this session name."""
        found = await rows(self._pool, FILES, {"session_id": session_id, "handles": list(handles)}) if handles else []
        return {handle: bytes(data) for handle, data in found}
