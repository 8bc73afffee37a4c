"""Values by their key: the truth in Postgres, a copy of each owner's in Redis, which may be lost at any time.

A writer takes the copy away and leaves a mark, commits, writes the new copy and takes the mark away. Readers write a copy only
where there is neither a mark nor a copy, so what somebody read from Postgres before the commit never becomes one. The mark of a
writer that dies ends by itself.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import redis.asyncio as redis
from pydantic import TypeAdapter
from redis.exceptions import RedisError

from agent.errors import UnreachableError
from agent.memory.values import MOST_KEYS, TERMS, NewValue, Value
from agent.store.fenced import Pool, rows

ANSWER_SECONDS = 2.0  # after which Redis counts as not there
COPY_SECONDS = 60.0  # that a copy is kept at most: it ends with the first of its values
MOST_CONNECTIONS = 32  # of a process; further calls wait for one
MARK_SECONDS = 10  # that a write may take

VALUES = TypeAdapter(tuple[Value, ...])

TAKE_AWAY: LiteralString = "redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])"
# A reader comes without a nonce, the writer with that of its mark.
COPY: LiteralString = """
local mark = redis.call('GET', KEYS[2])
if ARGV[1] == '' then
    if not mark then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3], 'NX') end
elseif mark == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    redis.call('DEL', KEYS[2])
end
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
PURGE: LiteralString = "DELETE FROM memory_value WHERE expires_at <= now() RETURNING key"


class Values:
    """What is kept in the table `memory_value`, read through Redis."""

    def __init__(self, pool: Pool, redis_url: str) -> None:
        pools, clients = cast(Any, redis.BlockingConnectionPool), cast(Any, redis.Redis)  # their keywords are untyped
        patience = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS, "timeout": ANSWER_SECONDS}
        connections = pools.from_url(redis_url, max_connections=MOST_CONNECTIONS, **patience, decode_responses=True)
        self._client: Any = clients.from_pool(connections)
        self._take_away, self._copy = (self._client.register_script(text) for text in (TAKE_AWAY, COPY))
        self._pool = pool

    async def close(self) -> None:
        """Give up the connections."""
        await self._client.aclose()

    async def kept(self, team: str, owners: Sequence[str]) -> Mapping[str, tuple[Value, ...]]:
        """Return all values of these owners: from Redis in one call, and from Postgres in one statement what is not there.

        Redis may be out of reach: then all of it is from Postgres.
        """
        try:
            copies: Sequence[str | None] = await _answer(self._client.mget([_copy_key(team, owner) for owner in owners]))
        except UnreachableError:
            return {owner: kept.values for owner, kept in (await self._from_postgres(team, owners)).items()}
        found = {owner: VALUES.validate_json(copy) for owner, copy in zip(owners, copies, strict=True) if copy is not None}
        if missing := [owner for owner in owners if owner not in found]:
            read = await self._from_postgres(team, missing)
            await asyncio.gather(*(self._write_copy(team, owner, "", kept) for owner, kept in read.items()))
            found |= {owner: kept.values for owner, kept in read.items()}
        return found

    async def set(self, team: str, owner: str, new: NewValue) -> str:
        """Keep a value in the place of the one before; the reason why it cannot be kept, or nothing.

        Raises UnreachableError, and then nothing is changed.
        """
        lasts = new.lasts or TERMS[new.kind]
        values = {"team": team, "owner": owner, **new.model_dump(include={"key", "kind", "channel", "set_by"})}
        nonce = await self._begin(team, owner)
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(LOCK, values)
            row = await (await connection.execute(COUNT, values)).fetchone()
            full = row is not None and row[0] >= MOST_KEYS
            if not full:
                await connection.execute(SET, {**values, "value": json.dumps(new.value), "lasts": lasts})
        await self._end(team, owner, nonce)
        return f"there are {MOST_KEYS} keys already, which is as many as there may be: delete one first" if full else ""

    async def delete(self, team: str, owner: str, key: str) -> bool:
        """Delete a value. False: there is none. Raises UnreachableError, and then nothing is changed."""
        values = {"team": team, "owner": owner, "key": key}
        nonce = await self._begin(team, owner)
        async with self._pool.connection() as connection, connection.transaction():
            deleted = await connection.execute(DELETE, values)
        await self._end(team, owner, nonce)
        return bool(deleted.rowcount)

    async def purge(self) -> int:
        """Delete what has outlived its term; how many."""
        return len(await rows(self._pool, PURGE))

    # ------------------------------------------------------------------------------------------ inside

    async def _begin(self, team: str, owner: str) -> str:
        nonce = secrets.token_hex(8)
        keys = [_copy_key(team, owner), _mark_key(team, owner)]
        await _answer(self._take_away(keys=keys, args=[nonce, MARK_SECONDS]))
        return nonce

    async def _end(self, team: str, owner: str, nonce: str) -> None:
        """Write the new copy: read anew, since somebody else may have written since our commit."""
        await self._write_copy(team, owner, nonce, (await self._from_postgres(team, [owner]))[owner])

    async def _write_copy(self, team: str, owner: str, nonce: str, kept: "_Kept") -> None:
        """Write a copy, if Redis is there: without one, Postgres is read."""
        body = VALUES.dump_json(kept.values).decode()
        keys = [_copy_key(team, owner), _mark_key(team, owner)]
        try:
            await _answer(self._copy(keys=keys, args=[nonce, body, max(1, int(kept.seconds * 1_000))]))
        except UnreachableError:
            return

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


def _mark_key(team: str, owner: str) -> str:
    return f"memory:{{{team}:{owner}}}:writing"
