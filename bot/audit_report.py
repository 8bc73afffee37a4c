"""`signoff audit`: what the log in the database says, on standard output."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

from agent import audit
from agent.audit import Broken, Head
from bot.database import connected
from bot.refusal import Refusal
from bot.settings import Settings

HEAD = re.compile(r"(?P<team>\S+) (?P<count>\d+) (?P<hash>[0-9a-f]{64})?")


def verify(settings: Settings, earlier: Path | None) -> bool:
    """Print a line a workspace (team, entries, hash of the last one) and one a broken place; whether nothing is broken.

    `earlier`: a file with what an earlier run printed. Raises Refusal.
    """
    return asyncio.run(_verify(settings, read_heads(earlier) if earlier else {}))


def export(settings: Settings, since: datetime) -> None:
    """Print entries since then (UTC), a JSON object a line. Raises Refusal."""
    asyncio.run(_export(settings, since.replace(tzinfo=since.tzinfo or UTC)))


def read_heads(path: Path) -> dict[str, Head]:
    """The heads that `verify` printed into a file, by team. Raises Refusal."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise Refusal(f"{path} cannot be read: name a file with what an earlier `signoff audit verify` printed.") from None
    found = [HEAD.fullmatch(line) for line in lines if not line.startswith("broken: ")]
    if not all(found):
        raise Refusal(f"{path} is not what `signoff audit verify` prints: name a file with an earlier run's output.")
    return {head["team"]: Head(head["team"], int(head["count"]), head["hash"] or "") for head in found if head}


async def _verify(settings: Settings, earlier: dict[str, Head]) -> bool:
    whole = True
    async with connected(settings) as connection:
        async for finding in audit.verify(connection, earlier):
            match finding:
                case Head(team=team, count=count, hash=hash_):
                    print(f"{team} {count} {hash_}")
                case Broken(team=team, seq=seq, what=what):
                    print(f"broken: {team}, entry {seq}: {what}")
                    whole = False
    return whole


async def _export(settings: Settings, since: datetime) -> None:
    async with connected(settings) as connection:
        async for line in audit.export(connection, since):
            print(line)
