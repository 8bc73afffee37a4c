"""`signoff audit`: what the log in the database says, on standard output."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from agent.reports import audit
from agent.reports.audit import Head
from agent.reports.audit_rows import Broken
from agent.reports.audit_shapes import Erased, Older
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.refusing import print_json
from bot.stores.database import connected

# As `verify` prints it and as the bot writes it into the file of heads, which adds the time.
HEAD = re.compile(r"(?P<team>\S+) (?P<count>\d+) (?P<hash>[0-9a-f]{64})?( \S+)?")
NOTHING = "There is no entry in the audit log: nothing was proposed or run in this store."


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of earlier runs: whole heads, and mere hashes."""

    heads: Sequence[Head] = ()
    hashes: Sequence[str] = field(default_factory=tuple[str, ...])


def verify(settings: Settings, kept: Sequence[str], *, as_json: bool = False) -> bool:
    """Print a line a workspace (team, entries, hash of the last one) and one a broken place; return whether nothing is broken.

    `kept`: hashes, or files with what an earlier run printed or the bot wrote. Raises Refusal.
    """
    found = asyncio.run(_findings(settings, read_kept(kept)))
    if as_json:
        print_json([{"found": type(each).__name__.lower(), **asdict(each)} for each in found])
    else:
        print(*map(_line, found), sep="\n")
    return not any(isinstance(each, Broken) for each in found)


def export(settings: Settings, since: datetime) -> None:
    """Print entries since then (UTC), a JSON object a line. Raises Refusal."""
    asyncio.run(_export(settings, since))


def read_kept(kept: Sequence[str]) -> Kept:
    """Return what was kept. Raises Refusal."""
    hashes = [each for each in kept if re.fullmatch("[0-9a-f]{64}", each)]
    return Kept([head for each in kept if each not in hashes for head in read_heads(Path(each))], hashes)


def read_heads(path: Path) -> Sequence[Head]:
    """Return the heads in a file. Raises Refusal."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise Refusal(f"{path} cannot be read: name a file with what an earlier `signoff audit verify` printed.") from None
    found = [HEAD.fullmatch(line) for line in lines if not line.startswith(("broken: ", "note: "))]
    if not found or not all(found):
        raise Refusal(f"{path} is not what `signoff audit verify` prints: name a file with an earlier run's output.")
    return [Head(head["team"], int(head["count"]), head["hash"] or "") for head in found if head]


async def _findings(settings: Settings, kept: Kept) -> Sequence[Head | Broken | Older | Erased]:
    async with connected(settings) as connection:
        found = [each async for each in audit.verify(connection, kept.heads, kept.hashes)]
    if not found:
        raise Refusal(NOTHING, status=ExitStatus.FOUND)
    return found


def _line(finding: Head | Broken | Older | Erased) -> str:
    match finding:
        case Head(team=team, count=count, hash=hash_):
            return f"{team} {count} {hash_}"
        case Broken(team=team, seq=seq, what=what):
            return f"broken: {team}, entry {seq}: {what}"
        case Older(team=team, count=count):
            before = f"note: {team}: {count} entries were made before entries bound their steps"
            return f"{before}; their chain was checked, the rows that they are about were not."
        case Erased(team=team, count=count):
            return f"note: {team}: {count} conversations were erased for a person; their chain was checked."


async def _export(settings: Settings, since: datetime) -> None:
    async with connected(settings) as connection:
        if not await audit.heads_now(connection):
            raise Refusal(NOTHING, status=ExitStatus.FOUND)
        async for line in audit.export(connection, since):
            print(line)
