"""Which evals came to their end, and what they were of: what a promotion is asked to show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from agent.store.fenced import Pool, rows

# The newest of a key says what is known of it.
NEWEST: LiteralString = """
SELECT DISTINCT ON (key) key, prompt, model, golden, passed, figures, at FROM eval_run
WHERE key = ANY (%(keys)s) ORDER BY key, id DESC
"""
ADD: LiteralString = """
INSERT INTO eval_run (key, prompt, digest, model, golden, passed, figures)
VALUES (%(key)s, %(prompt)s, %(digest)s, %(model)s, %(golden)s, %(passed)s, %(figures)s::json)
"""


@dataclass(frozen=True, slots=True)
class EvalRun:
    """An eval of one key. `figures`: by name, each a number."""

    key: str
    prompt: str  # NAME@N
    model: str
    golden: str
    passed: bool
    figures: Mapping[str, Any]
    at: datetime


class EvalRuns:
    """The table `eval_run`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def newest(self, keys: Sequence[str]) -> Mapping[str, EvalRun]:
        """Return the newest eval of each key that has one."""
        found = [EvalRun(*row) for row in await rows(self._pool, NEWEST, {"keys": list(keys)})]
        return {each.key: each for each in found}

    async def add(self, run: EvalRun, digest: str) -> None:
        """Keep an eval. `digest`: of the prompt's version. Its time is the database's."""
        values: dict[str, Any] = {"key": run.key, "prompt": run.prompt, "digest": digest, "model": run.model}
        values |= {"golden": run.golden, "passed": run.passed, "figures": json.dumps(run.figures)}
        async with self._pool.connection() as connection:
            await connection.execute(ADD, values)
