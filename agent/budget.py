"""Token budgets in Redis: reserved before a model call, settled after it, in one Lua script each. The home of `redis`.

The log in Postgres is the truth: what a session has used comes with each reservation, so a flushed Redis is filled again.
"""

from typing import Any, cast

import redis.asyncio as redis
from redis.exceptions import RedisError

from agent.errors import UnreachableError

# KEYS: the session. ARGV: used by the log, limit, to be reserved, seconds to keep. What is reserved here and not in the log
# belongs to a call whose process is gone before it could write: one session has one writer, so it is replaced.
RESERVE = """
local used = tonumber(ARGV[1])
if used + tonumber(ARGV[3]) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'used', used, 'reserved', ARGV[3], 'limit', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""
SETTLE = """
redis.call('HSET', KEYS[1], 'used', ARGV[1], 'reserved', 0)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
KEEP_SECONDS = 7 * 24 * 3600


class RedisBudget:
    """The budget port on Redis."""

    def __init__(self, url: str) -> None:
        untyped = cast(Any, redis.Redis)  # its keywords are
        self._client: Any = untyped.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._reserve = self._client.register_script(RESERVE)
        self._settle = self._client.register_script(SETTLE)

    async def close(self) -> None:
        """Give up the connections."""
        await self._client.aclose()

    async def ping(self) -> None:
        """Raises UnreachableError when Redis does not answer."""
        await self._ask(self._client.ping)

    async def reserve(self, session_id: str, used_tokens: int, limit_tokens: int, tokens: int) -> bool:
        """Set `tokens` aside. False: together with what is used they would pass the limit."""
        values = [used_tokens, limit_tokens, tokens, KEEP_SECONDS]
        return bool(await self._ask(self._reserve, keys=[_key(session_id)], args=values))

    async def settle(self, session_id: str, used_tokens: int) -> None:
        """The call is over: what the session has used in all, and nothing reserved."""
        await self._ask(self._settle, keys=[_key(session_id)], args=[used_tokens, KEEP_SECONDS])

    async def _ask(self, command: Any, **values: Any) -> Any:
        try:
            return await command(**values)
        except (RedisError, OSError) as error:
            raise UnreachableError("Redis does not answer; nothing is spent until it does. Check REDIS_URL.") from error


def _key(session_id: str) -> str:
    return f"signoff:budget:session:{session_id}"
