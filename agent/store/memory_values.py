"""Values by their key: the truth in Postgres, a copy of each owner's in Redis, which may be lost at any time.

A writer takes the copy away, says that it writes and leaves a stamp; commits; and leaves another stamp when it is done. A copy is
written only by those who read Postgres after the last stamp, while nobody writes: so what was read before a commit never becomes
one. The name of a writer that dies ends by itself.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import redis.asyncio as redis
from pydantic import TypeAdapter
from redis.exceptions import RedisError

from agent import telemetry
from agent.errors import UnreachableError
from agent.memory.terms import FOR_GOOD, Terms
from agent.memory.values import MOST_KEYS, NewValue, Value
from agent.store.fenced import Pool, rows
from agent.store.memory_audit import By, note_over, note_values
from agent.store.memory_terms import LASTS, term_values

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0  # after which Redis counts as not there
COPY_SECONDS = 60.0  # that a copy is kept at most: it ends with the first of its values
MOST_CONNECTIONS = 32  # of a process; further calls wait for one
WRITE_SECONDS = 10  # that a write may take
STAMP_SECONDS = 120  # longer than anybody takes between reading Postgres and writing the copy

VALUES = TypeAdapter(tuple[Value, ...])

# KEYS: the copy, the writers of now, the stamp; of COPY so for each owner, and as ARGV the stamp, the copy and its milliseconds.
TAKE_AWAY: LiteralString = """
redis.call('DEL', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[1], 'EX', ARGV[3])
"""
COPY: LiteralString = """
for at = 1, #KEYS, 3 do
    if (redis.call('GET', KEYS[at + 2]) or '') == ARGV[at] and redis.call('SCARD', KEYS[at + 1]) == 0 then
        redis.call('SET', KEYS[at], ARGV[at + 1], 'PX', ARGV[at + 2], 'NX')
    end
end
"""
DONE: LiteralString = """
redis.call('SREM', KEYS[2], ARGV[1])
if redis.call('GET', KEYS[3]) == ARGV[1] and redis.call('SCARD', KEYS[2]) == 0 then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
    redis.call('DEL', KEYS[1])
end
redis.call('SET', KEYS[3], ARGV[1] .. ' done', 'EX', ARGV[4])
"""

READ: LiteralString = """
SELECT owner, json_agg(json_build_object(
    'kind', kind, 'key', key, 'value', value, 'channel', channel, 'set_by', set_by) ORDER BY key)::text,
    extract(epoch FROM min(expires_at) - now())::float8
FROM memory_value WHERE team = %(team)s AND owner = ANY(%(owners)s) AND (expires_at IS NULL OR expires_at > now())
GROUP BY owner
"""
# One writer of an owner at a time: their keys are counted.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('memory:' || %(team)s || %(owner)s, 0))"
COUNT: LiteralString = """
SELECT count(*) FROM memory_value
WHERE team = %(team)s AND owner = %(owner)s AND key <> %(key)s AND (expires_at IS NULL OR expires_at > now())
"""
SET: LiteralString = """
INSERT INTO memory_value (team, owner, key, kind, channel, value, set_by, expires_at)
VALUES (%(team)s, %(owner)s, %(key)s, %(kind)s, %(channel)s, %(value)s::json, %(set_by)s, now() + %(lasts)s)
ON CONFLICT (team, owner, key) DO UPDATE SET kind = excluded.kind, channel = excluded.channel, value = excluded.value,
    set_by = excluded.set_by, set_at = now(), expires_at = excluded.expires_at
"""
DELETE: LiteralString = "DELETE FROM memory_value WHERE team = %(team)s AND owner = %(owner)s AND key = %(key)s"
SAID_IN: LiteralString = "SELECT DISTINCT owner FROM memory_value WHERE team = %(team)s AND channel = %(channel)s ORDER BY owner"
FORGET: LiteralString = "DELETE FROM memory_value WHERE team = %(team)s AND owner = %(owner)s AND channel = %(channel)s"
OTHER_TERMS: LiteralString = f"""
SELECT DISTINCT owner FROM memory_value WHERE team = %(team)s AND expires_at IS DISTINCT FROM set_at + {LASTS} ORDER BY owner
"""
TO_TERMS: LiteralString = f"""
UPDATE memory_value SET expires_at = set_at + {LASTS}
WHERE team = %(team)s AND owner = %(owner)s AND expires_at IS DISTINCT FROM set_at + {LASTS}
"""
PURGE: LiteralString = """
WITH gone AS (DELETE FROM memory_value WHERE expires_at <= now() RETURNING team, owner, kind)
SELECT team, owner, kind, count(*) FROM gone GROUP BY 1, 2, 3
"""


class Values:
    """What is kept in the table `memory_value`, read through Redis."""

    def __init__(self, pool: Pool, redis_url: str, terms: Terms = FOR_GOOD) -> None:
        pools, clients = cast(Any, redis.BlockingConnectionPool), cast(Any, redis.Redis)  # their keywords are untyped
        patience = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS, "timeout": ANSWER_SECONDS}
        connections = pools.from_url(redis_url, max_connections=MOST_CONNECTIONS, **patience, decode_responses=True)
        self._client: Any = clients.from_pool(connections)
        self._take_away, self._copy, self._done = map(self._client.register_script, (TAKE_AWAY, COPY, DONE))
        self._pool = pool
        self._terms = terms
        self._copying = set[asyncio.Task[None]]()

    async def close(self) -> None:
        """Give up the connections."""
        await asyncio.gather(*self._copying)
        await self._client.aclose()

    async def kept(self, team: str, owners: Sequence[str]) -> Mapping[str, tuple[Value, ...]]:
        """Return all values of these owners: from Redis in one call, and from Postgres in one statement what is not there. Nobody
        waits for the copies of what was not.

        Redis may be out of reach: then all of it is from Postgres.
        """
        try:
            keys = [key for owner in owners for key in (_copy_key(team, owner), _stamp_key(team, owner))]
            answers: Sequence[str | None] = await _answer(self._client.mget(keys))
        except UnreachableError as error:
            log.warning("values are read from Postgres: %s", error)
            return {owner: kept.values for owner, kept in (await self._from_postgres(team, owners)).items()}
        copies, stamps = answers[::2], dict(zip(owners, answers[1::2], strict=True))
        found = {owner: VALUES.validate_json(copy) for owner, copy in zip(owners, copies, strict=True) if copy is not None}
        if missing := [owner for owner in owners if owner not in found]:
            read = await self._from_postgres(team, missing)
            copying = asyncio.create_task(self._write_copies(self._copy, team, stamps, read))
            self._copying.add(copying)
            copying.add_done_callback(self._copying.discard)
            found |= {owner: kept.values for owner, kept in read.items()}
        return found

    async def set(self, team: str, owner: str, new: NewValue) -> str:
        """Keep a value in the place of the one before; the reason why it cannot be kept, or nothing.

        Raises UnreachableError, and then nothing is changed.
        """
        lasts = self._terms.term(new.channel, new.kind)
        values = {"team": team, "owner": owner, **new.model_dump(include={"key", "kind", "channel", "set_by"})}
        with telemetry.memory_span("upsert_memory", "values") as span:
            nonce = await self._begin(team, owner)
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(LOCK, values)
                row = await (await connection.execute(COUNT, values)).fetchone()
                full = row is not None and row[0] >= MOST_KEYS
                if not full:
                    await connection.execute(SET, {**values, "value": json.dumps(new.value), "lasts": lasts})
            await self._end(team, owner, nonce)
            telemetry.records_touched(span, int(not full))
        return f"there are {MOST_KEYS} keys already, which is as many as there may be: delete one first" if full else ""

    async def delete(self, team: str, owner: str, key: str, by: By) -> bool:
        """Delete a value. False: there is none. Raises UnreachableError, and then nothing is changed."""
        return bool(await self._gone(DELETE, {"team": team, "owner": owner, "key": key}, by))

    async def forget(self, team: str, channel: str, by: By) -> int:
        """Delete what was said in a channel, whosever it is, from both stores; how many.

        Raises UnreachableError; what is deleted by then stays so.
        """
        said = {"team": team, "channel": channel}
        owners = [owner for (owner,) in await rows(self._pool, SAID_IN, said)]
        return sum([await self._gone(FORGET, {**said, "owner": owner}, by) for owner in owners])

    async def purge(self) -> int:
        """Delete what has outlived its term; how many."""
        async with self._pool.connection() as connection, connection.transaction():
            gone = await (await connection.execute(PURGE)).fetchall()
            await note_over(connection, "owner", gone)
        return sum(count for *_, count in gone)

    async def apply_terms(self, team: str) -> int:
        """Hold what is there already to the terms of today, counted from when it was set; of how many owners something changed.

        Raises UnreachableError; what is changed by then stays so.
        """
        values = {"team": team, **term_values(self._terms)}
        owners = [owner for (owner,) in await rows(self._pool, OTHER_TERMS, values)]
        for owner in owners:
            nonce = await self._begin(team, owner)
            async with self._pool.connection() as connection:
                await connection.execute(TO_TERMS, {**values, "owner": owner})
            await self._end(team, owner, nonce)
        return len(owners)

    # ------------------------------------------------------------------------------------------ inside

    async def _gone(self, statement: LiteralString, values: Mapping[str, str], by: By) -> int:
        """Delete values of an owner and write that down; how many. Raises UnreachableError, and then nothing is changed."""
        team, owner = values["team"], values["owner"]
        with telemetry.memory_span("delete_memory", "values") as span:
            nonce = await self._begin(team, owner)
            async with self._pool.connection() as connection, connection.transaction():
                deleted = await connection.execute(statement, values)
                await note_values(connection, team, by, owner, deleted.rowcount)
            await self._end(team, owner, nonce)
            telemetry.records_touched(span, deleted.rowcount)
        return deleted.rowcount

    async def _begin(self, team: str, owner: str) -> str:
        nonce = secrets.token_hex(8)
        keys = [_copy_key(team, owner), _writers_key(team, owner), _stamp_key(team, owner)]
        await _answer(self._take_away(keys=keys, args=[nonce, WRITE_SECONDS, STAMP_SECONDS]))
        return nonce

    async def _end(self, team: str, owner: str, nonce: str) -> None:
        """Be done, and write the new copy, unless somebody else wrote meanwhile."""
        await self._write_copies(self._done, team, {owner: nonce}, await self._from_postgres(team, [owner]), STAMP_SECONDS)

    async def _write_copies(
        self, script: Any, team: str, stamps: Mapping[str, str | None], read: Mapping[str, "_Kept"], *further: int
    ) -> None:
        """Write copies, if Redis is there: without one, Postgres is read. `stamps`: the last ones before it was read."""
        keys, values = list[str](), list[str | int]()
        for owner, kept in read.items():
            keys += [_copy_key(team, owner), _writers_key(team, owner), _stamp_key(team, owner)]
            values += [stamps[owner] or "", VALUES.dump_json(kept.values).decode(), max(1, int(kept.seconds * 1_000))]
        try:
            await _answer(script(keys=keys, args=[*values, *further]))
        except UnreachableError as error:
            log.warning("no copy of the values is written: %s", error)

    async def _from_postgres(self, team: str, owners: Sequence[str]) -> Mapping[str, "_Kept"]:
        found = await rows(self._pool, READ, {"team": team, "owners": list(owners)})
        kept = {
            owner: _Kept(VALUES.validate_json(body), COPY_SECONDS if seconds is None else min(COPY_SECONDS, seconds))
            for owner, body, seconds in found
        }
        return {owner: kept.get(owner, _Kept()) for owner in owners}


@dataclass(frozen=True, slots=True)
class _Kept:
    """All values of an owner, and how long that is so if nobody changes them."""

    values: tuple[Value, ...] = ()
    seconds: float = COPY_SECONDS


async def _answer(command: Any) -> Any:
    """Return what Redis answers. Raises UnreachableError without an answer."""
    try:
        return await command
    except (RedisError, OSError) as error:
        raise UnreachableError(f"Redis does not answer: {type(error).__name__}") from error


def _copy_key(team: str, owner: str) -> str:
    return f"memory:{{{team}:{owner}}}"


def _writers_key(team: str, owner: str) -> str:
    return f"memory:{{{team}:{owner}}}:writers"


def _stamp_key(team: str, owner: str) -> str:
    return f"memory:{{{team}:{owner}}}:stamp"
