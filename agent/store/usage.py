"""What model calls were charged, as Postgres has it: the truth behind the budgets. One row a call; the store writes them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from agent.model.spending import BudgetKind, Charge, Scope, Spender
from agent.store.sessions import Pool, rows

# One statement, so that all of it is as of one moment.
_TOTAL: LiteralString = """
SELECT coalesce(sum(tokens), 0)::bigint, coalesce(sum(nano_usd), 0)::bigint,
       (SELECT coalesce(sum(tokens), 0)::bigint FROM budget_raise
        WHERE team = %(team)s AND kind = %(kind)s AND subject = %(subject)s AND period = %(period)s),
       (SELECT coalesce(sum(nano_usd), 0)::bigint FROM budget_raise
        WHERE team = %(team)s AND kind = %(kind)s AND subject = %(subject)s AND period = %(period)s),
       array_agg(ARRAY[session_id, seq::text, reserved_tokens::text, reserved_nano_usd::text]) FILTER (WHERE settled_at IS NULL),
       ARRAY(SELECT note || ' ' || session_id FROM counted, unnest(notes) AS note
             WHERE starts_with(note, %(kind)s || '/' || %(period)s || '/') ORDER BY started_at)
FROM counted
"""
OF_SESSION: LiteralString = "session_id = %(subject)s"
OF_WORKSPACE: LiteralString = "team = %(team)s AND started_at >= %(since)s AND started_at < %(until)s"
OF_USER: LiteralString = f"{OF_WORKSPACE} AND payer = split_part(%(subject)s, '/', 1) AND payer || '/' || agent = %(subject)s"

TOTAL: dict[BudgetKind, LiteralString] = {
    "session": f"WITH counted AS (SELECT * FROM usage WHERE {OF_SESSION}) {_TOTAL}",
    "user_day": f"WITH counted AS (SELECT * FROM usage WHERE {OF_USER}) {_TOTAL}",
    "workspace_day": f"WITH counted AS (SELECT * FROM usage WHERE {OF_WORKSPACE}) {_TOTAL}",
    "workspace_month": f"WITH counted AS (SELECT * FROM usage WHERE {OF_WORKSPACE}) {_TOTAL}",
}

CHARGED: LiteralString = """
SELECT team, session_id, agent, payer, started_at, seq, tokens, nano_usd FROM usage
WHERE settled_at > now() - make_interval(secs => %s) ORDER BY settled_at
"""

PAYERS: LiteralString = """
SELECT payer FROM usage WHERE team = %(team)s AND agent = %(agent)s AND started_at >= %(since)s AND started_at < %(until)s
GROUP BY payer ORDER BY sum(coalesce(tokens, reserved_tokens)) DESC, payer LIMIT %(limit)s
"""

RAISE: LiteralString = """
INSERT INTO budget_raise (key, team, kind, subject, period, tokens, nano_usd, raised_by)
VALUES (%(key)s, %(team)s, %(kind)s, %(subject)s, %(period)s, %(tokens)s, %(nano_usd)s, %(by)s) ON CONFLICT (key) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Total:
    """What a budget comes to: pairs are tokens and nano_usd."""

    used: tuple[int, int]
    raised: tuple[int, int]
    open: dict[str, tuple[int, int, int]]  # by session: seq, reserved tokens, reserved nano_usd
    noted: tuple[str, ...]  # which notes people were told of it, each with the session that was to tell it


class Ledger:
    """The rows of `usage` and `budget_raise`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def total(self, scope: Scope) -> Total:
        """Return all that counts in one budget."""
        since, until = scope.span or (None, None)
        values = {"team": scope.team, "kind": scope.kind, "subject": scope.subject, "period": scope.period}
        [row] = await self._fetch_all(TOTAL[scope.kind], {**values, "since": since, "until": until})
        tokens, nano_usd, raised_tokens, raised_nano_usd, open_, noted = row
        calls = {session_id: (int(seq), int(tokens), int(nano)) for session_id, seq, tokens, nano in open_ or ()}
        return Total((tokens, nano_usd), (raised_tokens, raised_nano_usd), calls, tuple(noted))

    async def payers(self, day: Scope, agent: str, limit: int) -> list[str]:
        """Return who paid for most of an agent's calls on the day of this budget."""
        assert day.span is not None
        values = {"team": day.team, "agent": agent, "since": day.span[0], "until": day.span[1], "limit": limit}
        return [payer for (payer,) in await self._fetch_all(PAYERS, values)]

    async def charged_within(self, seconds: float) -> list[Charge]:
        """Return what was charged lately."""
        rows = await self._fetch_all(CHARGED, (seconds,))
        return [Charge(Spender(*row[:6]), *row[6:]) for row in rows]

    async def raise_budget(self, scope: Scope, tokens: int, nano_usd: int, by: str, key: str) -> None:
        """Let more be spent of a budget, until its period is over; once for each key."""
        values = {"team": scope.team, "kind": scope.kind, "subject": scope.subject, "period": scope.period}
        async with self._pool.connection() as connection:
            await connection.execute(RAISE, {**values, "tokens": tokens, "nano_usd": nano_usd, "by": by, "key": key})

    async def now(self) -> datetime:
        """Return the time of the clock that decides which day it is."""
        [(now,)] = await self._fetch_all("SELECT now()", ())
        return now

    async def _fetch_all(self, statement: LiteralString, values: Any) -> list[tuple[Any, ...]]:
        return await rows(self._pool, statement, values)
