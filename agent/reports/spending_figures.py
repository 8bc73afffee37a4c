"""What sessions spend, in figures by agent, and what is unusual about it: for the report and for the ops channel.

A session is unusual when it spends more in an hour than three times what 99 of 100 sessions spent in an hour of the seven days
before. An hour is, when its own P99 is more than twice that. Neither is judged by fewer sessions than it takes to know. And
agents that often use all the model calls of a turn are stuck on something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from agent.model.spending import usd
from agent.types import Place

USUAL_SESSIONS = 50  # hours of sessions, before anything counts as usual
HOUR_SESSIONS = 20  # in one hour, before its P99 is more than its largest session
SESSION_TIMES, HOUR_TIMES = 3.0, 2.0
CAPPED_SHARE = 0.05
CAPPED_RUNS = 20  # in a day, before a share of them says something

# A turn begins with its first call that has a reply, or is still to get one: tries that failed are no turns.
RUNS: LiteralString = """
count(*) FILTER (WHERE iteration = 1 AND purpose = 'reply' AND (input_tokens IS NOT NULL OR settled_at IS NULL))
"""

# A call under way counts as it was reserved.
SPEND: LiteralString = f"""
WITH session_spend AS (
    SELECT agent, session_id, sum(coalesce(tokens, reserved_tokens)) AS tokens,
           sum(coalesce(nano_usd, reserved_nano_usd)) AS nano_usd,
           {RUNS} AS runs, count(*) FILTER (WHERE capped) AS capped
    FROM usage WHERE started_at >= %(since)s GROUP BY agent, session_id)
SELECT agent, count(*), sum(runs)::bigint, sum(capped)::bigint, sum(tokens)::bigint, sum(nano_usd)::bigint,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY tokens::float8), percentile_cont(0.99) WITHIN GROUP (ORDER BY tokens::float8)
FROM session_spend GROUP BY agent ORDER BY agent
"""

HOURLY: LiteralString = """
hourly AS (
    SELECT team, agent, session_id, date_trunc('hour', started_at, 'UTC') AS hour,
           sum(coalesce(tokens, reserved_tokens))::float8 AS tokens
    FROM usage WHERE started_at >= date_trunc('hour', now(), 'UTC') - interval '7 days 1 hour' GROUP BY 1, 2, 3, 4),
usual AS (
    SELECT team, agent, percentile_cont(0.99) WITHIN GROUP (ORDER BY tokens) AS p99
    FROM hourly WHERE hour < date_trunc('hour', now(), 'UTC') - interval '1 hour'
    GROUP BY team, agent HAVING count(*) >= %(usual_sessions)s),
latest AS (SELECT * FROM hourly WHERE hour >= date_trunc('hour', now(), 'UTC') - interval '1 hour')
"""
UNUSUAL_SESSIONS: LiteralString = f"""
WITH {HOURLY}
SELECT latest.team, latest.agent, latest.hour, latest.tokens, usual.p99, session.channel, session.thread_ts
FROM latest JOIN usual USING (team, agent) JOIN session ON session.id = latest.session_id
WHERE latest.tokens > usual.p99 * %(session_times)s ORDER BY latest.tokens DESC
"""
UNUSUAL_HOURS: LiteralString = f"""
WITH {HOURLY}
SELECT team, agent, hour, percentile_cont(0.99) WITHIN GROUP (ORDER BY latest.tokens), usual.p99
FROM latest JOIN usual USING (team, agent) GROUP BY team, agent, hour, usual.p99
HAVING count(*) >= %(hour_sessions)s
   AND percentile_cont(0.99) WITHIN GROUP (ORDER BY latest.tokens) > usual.p99 * %(hour_times)s ORDER BY 1, 2, 3
"""
CAPPED: LiteralString = f"""
WITH counted AS (
    SELECT team, agent, {RUNS} AS runs, count(*) FILTER (WHERE capped) AS capped
    FROM usage WHERE started_at >= now() - interval '1 day' GROUP BY team, agent)
SELECT team, agent, now(), capped, runs FROM counted WHERE runs >= %(runs)s AND capped > runs * %(share)s::float8
"""


@dataclass(frozen=True, slots=True)
class Spend:
    """What one agent's sessions spent. `capped`: turns that used all the model calls that they may make."""

    agent: str
    sessions: int
    runs: int
    capped: int
    tokens: int
    nano_usd: int
    median_tokens: float  # of a session
    p99_tokens: float

    @property
    def priced(self) -> bool:
        """Return whether its models have prices: tokens that cost nothing have none in signoff.yaml."""
        return self.nano_usd > 0 or self.tokens == 0

    @property
    def usd(self) -> str:
        """Return an amount in dollars."""
        return usd(self.nano_usd)


@dataclass(frozen=True, slots=True)
class Unusual:
    """Something that people who run the agent should look at; the key is the same for as long as it is the same thing."""

    key: str
    team: str
    agent: str
    found: float
    usual: float
    at: datetime
    place: Place | None = None  # of a session


async def spend(connection: psycopg.AsyncConnection[Any], since: datetime) -> tuple[Spend, ...]:
    """Return what was spent since then, by agent."""
    rows = await (await connection.execute(SPEND, {"since": since})).fetchall()
    return tuple(Spend(*row) for row in rows)


async def unusual(connection: psycopg.AsyncConnection[Any]) -> Sequence[Unusual]:
    """Return what is unusual in this hour and the last one; of iteration caps, in the last day."""
    found: list[Unusual] = []
    values = {"usual_sessions": USUAL_SESSIONS, "session_times": SESSION_TIMES, "hour_sessions": HOUR_SESSIONS}
    values |= {"hour_times": HOUR_TIMES, "runs": CAPPED_RUNS, "share": CAPPED_SHARE}
    for row in await (await connection.execute(UNUSUAL_SESSIONS, values)).fetchall():
        team, agent, hour, tokens, usual, channel, thread_ts = row
        place = Place(team=team, channel=channel, thread_ts=thread_ts)
        key = f"unusual:session:{team}:{channel}:{thread_ts}:{hour:%Y-%m-%dT%H}"
        found.append(Unusual(key, team, agent, tokens, usual, hour, place))
    for team, agent, hour, tokens, usual in await (await connection.execute(UNUSUAL_HOURS, values)).fetchall():
        found.append(Unusual(f"unusual:hour:{team}:{agent}:{hour:%Y-%m-%dT%H}", team, agent, tokens, usual, hour))
    for team, agent, now, capped, runs in await (await connection.execute(CAPPED, values)).fetchall():
        found.append(Unusual(f"unusual:capped:{team}:{agent}:{now:%Y-%m-%d}", team, agent, capped, runs, now))
    return found


def alarm_sentence(unusual: Unusual) -> str:
    """Return a sentence for the ops channel; what is not ours in it was made harmless by the caller."""
    hour = f"the hour from {unusual.at:%H:%M} UTC on"
    match unusual.key.split(":")[1]:
        case "session":
            assert unusual.place is not None
            channel = unusual.place.channel
            where = "a direct message" if channel.startswith("D") else f"<#{channel}>"
            return (
                f"Unusual spending of {unusual.agent}: one conversation in {where} took {unusual.found:,.0f} tokens in {hour}. "
                f"99 of 100 took at most {unusual.usual:,.0f} in an hour of the last 7 days."
            )
        case "hour":
            return (
                f"Unusual spending of {unusual.agent}: in {hour}, 1 of 100 conversations took more than {unusual.found:,.0f} "
                f"tokens. In the last 7 days that was {unusual.usual:,.0f}."
            )
        case _:
            share = unusual.found / unusual.usual
            return (
                f"{unusual.agent} gives up often: {unusual.found:,.0f} of {unusual.usual:,.0f} runs of the last 24 hours "
                f"({share:.0%}) ended because they had used all the model calls of a turn."
            )
