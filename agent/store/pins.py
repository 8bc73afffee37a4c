"""What sessions are run with for their life: model, prompt and tools, each set of them stored once."""

from typing import LiteralString

from agent.canonical import sha256
from agent.session.steps import Repinned
from agent.store.fenced import Lease, Pool, confirm_held, parse_stored, rows
from agent.store.statements import REPIN
from agent.types import PINNED, Pinned

KEEP: LiteralString = "INSERT INTO pin (id, body) VALUES (%(pin_id)s, %(body)s::json) ON CONFLICT DO NOTHING RETURNING id"


class StoredPins:
    """The pins of sessions in Postgres."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, pin_id: str, pinned: Pinned) -> None:
        """Store a pin before a session names it. There are as many as agents and versions of them: none is ever taken away."""
        await rows(self._pool, KEEP, {"pin_id": pin_id, "body": pinned.model_dump_json()})

    async def repin(self, lease: Lease, after_seq: int, pinned: Pinned, model_before: str) -> Repinned:
        """Fix anew what the session is run with. Raises FencedError, and then nothing is written."""
        pin_id = pin_id_of(pinned)
        step = Repinned(pin_id=pin_id, model=pinned.model, model_before=model_before, prompt=pinned.prompt)
        values = {"session_id": lease.session_id, "epoch": lease.epoch, "seq": after_seq + 1, "pin_id": pin_id}
        values |= {"pinned": pinned.model_dump_json(), "body": step.model_dump_json()}
        confirm_held((await rows(self._pool, REPIN, values))[0][0], lease)
        return step

    async def pinned(self, pin_id: str) -> Pinned:
        """Return what a pin holds. Raises UnreadableError."""
        found = await rows(self._pool, "SELECT body::text FROM pin WHERE id = %s", (pin_id,))
        return parse_stored(PINNED, found[0][0])


def pin_id_of(pinned: Pinned) -> str:
    """Return the id of a pin, which is a hash of it."""
    return sha256(pinned.model_dump(mode="json"))[:32]
