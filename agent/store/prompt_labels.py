"""Which version of a prompt is live, for all replicas: each change of a label is a row, and none is ever changed or deleted."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, LiteralString, cast

from agent.prompts.labels import Label, Labelled, Live
from agent.store.fenced import Pool, rows

ROLLBACK = "rollback:"  # begins the key of what goes back to an earlier version
FRESH_SECONDS = 2.0  # after that it is looked up again: a promotion is live everywhere within five

# The newest row of a label says where it points. One without a version says that it points nowhere.
LIVE: LiteralString = """
SELECT DISTINCT ON (label) label, version, digest, share FROM prompt_label WHERE prompt = %(prompt)s ORDER BY label, id DESC
"""
HISTORY: LiteralString = """
SELECT at, label, version, digest, share, set_by, why, tested, starts_with(key, %(rollback)s)
FROM prompt_label WHERE prompt = %(prompt)s ORDER BY id DESC LIMIT %(most)s
"""
# Once for each key, with its entry of the audit log. Two who move one label at once get two rows, and the later one holds.
MOVE: LiteralString = """
WITH moved AS (
    INSERT INTO prompt_label (key, prompt, label, version, digest, share, set_by, why, tested)
    VALUES (%(key)s, %(prompt)s, %(label)s, %(version)s, %(digest)s, %(share)s, %(set_by)s, %(why)s, %(tested)s)
    ON CONFLICT (key) DO NOTHING RETURNING 1)
INSERT INTO audit (team, kind, actor, digest, rule, body)
SELECT %(team)s, 'label', %(set_by)s, %(digest)s, 'prompts', %(body)s::json FROM moved
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """A change of a label. `version` None: it points nowhere since. `tested`: the key of the eval that it passed; empty: none."""

    at: datetime
    label: Label
    version: int | None
    digest: str
    share: int
    set_by: str
    why: str
    tested: str
    is_rollback: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a label is moved: who did it, in which workspace, in what words, and the key of the eval that its version passed."""

    team: str
    key: str
    set_by: str
    why: str = ""
    tested: str = ""


@dataclass(slots=True)
class PromptLabels:
    """The table `prompt_label`, with what was read of it a moment ago."""

    pool: Pool
    _read: dict[str, tuple[float, Live]] = field(default_factory=dict[str, tuple[float, Live]])

    async def live(self, prompt: str) -> Live:
        """Return where the labels of a prompt point, as of at most `FRESH_SECONDS` ago."""
        read_at, live = self._read.get(prompt, (float("-inf"), cast(Live, {})))
        if time.monotonic() - read_at >= FRESH_SECONDS:
            found = await rows(self.pool, LIVE, {"prompt": prompt})
            live = {label: Labelled(version, digest, share) for label, version, digest, share in found if version is not None}
            self._read[prompt] = time.monotonic(), live
        return live

    async def move(self, prompt: str, label: Label, to: Labelled | None, why: Reason) -> None:
        """Let a label point at a version from now on, for new sessions; None: nowhere. Once for each key."""
        where = {"version": to.version if to else None, "digest": to.digest if to else "", "share": to.share if to else 0}
        body = json.dumps(
            {"prompt": prompt, "label": label, **where, "why": why.why, "tested": why.tested}, separators=(",", ":")
        )
        values: Mapping[str, Any] = {"prompt": prompt, "label": label, **where, **asdict(why), "body": body}
        async with self.pool.connection() as connection:
            await connection.execute(MOVE, values)
        self._read.pop(prompt, None)

    async def history(self, prompt: str, most: int = 50) -> Sequence[Moved]:
        """Return how labels were moved, newest first."""
        return [Moved(*row) for row in await rows(self.pool, HISTORY, {"prompt": prompt, "most": most, "rollback": ROLLBACK})]
