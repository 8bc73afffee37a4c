"""Instructions of channels: each change is a new version, and none is ever changed or deleted."""

from dataclasses import dataclass
from typing import LiteralString

from agent.canonical import sha256
from agent.store.fenced import Pool, rows

NOW: LiteralString = """
SELECT version, text, digest FROM channel_instruction
WHERE team = %(team)s AND channel = %(channel)s ORDER BY version DESC LIMIT 1
"""
# Two who set them at once get two versions: the second waits for the first.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('instructions:' || %(team)s || %(channel)s, 0))"
NEXT: LiteralString = """
INSERT INTO channel_instruction (team, channel, version, text, digest, set_by)
SELECT %(team)s, %(channel)s, 1 + coalesce(max(version), 0), %(text)s, %(digest)s, %(by)s
FROM channel_instruction WHERE team = %(team)s AND channel = %(channel)s RETURNING version
"""


@dataclass(frozen=True, slots=True)
class Instruction:
    """What people of a channel want the agent to do there. Version 0 is that of signoff.yaml; an empty text: nothing."""

    version: int
    text: str
    digest: str


def of_the_file(text: str) -> Instruction:
    """Return the instructions that signoff.yaml names."""
    return Instruction(0, text, sha256(text)[:16])


class Instructions:
    """The table `channel_instruction`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def now(self, team: str, channel: str) -> Instruction | None:
        """Return the newest version. None: nobody has set any in Slack."""
        found = await rows(self._pool, NOW, {"team": team, "channel": channel})
        return Instruction(*found[0]) if found else None

    async def set(self, team: str, channel: str, text: str, by: str) -> int:
        """Set them for sessions that start from now on; the number of the version. Empty: there are none any more."""
        values = {"team": team, "channel": channel, "text": text, "digest": sha256(text)[:16], "by": by}
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(LOCK, values)
            row = await (await connection.execute(NEXT, values)).fetchone()
        assert row is not None
        return int(row[0])
