"""The heads of the audit log, kept outside of its database: in a file, and in the ops channel where there is one.

Somebody who rewrites every table can make a log that fits together. It does not fit a head that was kept before:
`signoff audit verify --head FILE|HASH` compares.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.decide.moves import Notice
from agent.errors import UnreachableError
from agent.reports.audit import Head, heads_now
from agent.reports.backlog import HEADS
from agent.store.chores import Chore, once_of_all
from agent.store.sessions import Pool
from agent.types import Place
from bot.slack.surface import SlackSurface


def keep_heads(pool: Pool, path: Path, every_seconds: float) -> Chore:
    """Append a line to the file for each workspace whose log has grown, on the machine of the process that has the turn."""

    async def work(_: float) -> None:
        async with pool.connection() as connection:
            heads = await heads_now(connection)
        try:
            await asyncio.to_thread(append_heads, path, heads, datetime.now(UTC))
        except OSError as error:  # the chore is not done, and the figure of what no head covers grows
            raise UnreachableError(
                f"the heads of the audit log cannot be kept in {path} ({error.strerror}): mend that, or set audit.heads"
            ) from error

    return Chore(HEADS, every_seconds, 0.0, work)


def append_heads(path: Path, heads: Sequence[Head], at: datetime) -> None:
    """Write the heads that are not in the file yet, a line each: team, entries, hash, time. Raises OSError."""
    if not heads:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+") as file:
        file.seek(0)
        there = {line.rpartition(" ")[0] for line in file}
        lines = [f"{head.team} {head.count} {head.hash}" for head in heads]
        file.writelines(f"{line} {at:%Y-%m-%dT%H:%M:%SZ}\n" for line in lines if line not in there)


def post_heads(pool: Pool, surface: SlackSurface, channel: str, every_seconds: float) -> Chore:
    """Post each workspace's head to the ops channel, once if nothing was added since."""

    async def work(_: float) -> None:
        async with pool.connection() as connection:
            heads = await heads_now(connection)
        for head in heads:
            key = f"audit_head:{head.team}:{head.count}"
            await once_of_all(pool, key, lambda tried, head=head, key=key: _post_anchor(surface, channel, head, key, tried=tried))

    return Chore("audit_post", every_seconds, 0.0, work)


async def _post_anchor(surface: SlackSurface, channel: str, head: Head, key: str, *, tried: bool) -> None:
    place = Place(team=head.team, channel=channel, thread_ts="")
    if tried and await surface.find(place, key) is not None:
        return
    text = (
        f"The audit log has {head.count} entries; the hash of the last one is `{head.hash}`. "
        f"`signoff audit verify --head {head.hash}` finds out later whether it is still the same log."
    )
    await surface.post(place, Notice("told", text=text), key)
