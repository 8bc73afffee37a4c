"""Whether what was told of memory is remembered still: a conversation reads nothing on that came of what is gone."""

from collections.abc import Sequence
from typing import Any, LiteralString

from agent.store.fenced import Pool, rows
from agent.types import Origin

# A fact that something else took the place of is remembered still.
ANY_GONE: LiteralString = """
SELECT EXISTS (
    SELECT FROM unnest(%(facts)s::bigint[]) AS of (id) WHERE NOT EXISTS (
        SELECT FROM memory WHERE memory.id = of.id AND team = %(team)s AND (expires_at IS NULL OR expires_at > now()))
) OR EXISTS (
    SELECT FROM unnest(%(channels)s::text[], %(sources)s::text[]) AS of (channel, source) WHERE NOT EXISTS (
        SELECT FROM memory WHERE team = %(team)s AND memory.channel = of.channel AND memory.source = of.source
            AND (expires_at IS NULL OR expires_at > now()))
) OR EXISTS (
    SELECT FROM unnest(%(owners)s::text[], %(keys)s::text[]) AS of (owner, key) WHERE NOT EXISTS (
        SELECT FROM memory_value WHERE team = %(team)s AND memory_value.owner = of.owner AND memory_value.key = of.key
            AND (expires_at IS NULL OR expires_at > now()))
)
"""


async def any_gone(pool: Pool, team: str, origins: Sequence[Origin]) -> bool:
    """Return whether something of these was forgotten or corrected, or is over. One round trip; none where there are none."""
    if not origins:
        return False
    sources, values = [each for each in origins if each.source], [each for each in origins if each.key]
    of: dict[str, Any] = {"team": team, "facts": [each.fact for each in origins if each.fact]}
    of |= {"channels": [each.channel for each in sources], "sources": [each.source for each in sources]}
    of |= {"owners": [each.owner for each in values], "keys": [each.key for each in values]}
    [(gone,)] = await rows(pool, ANY_GONE, of)
    return bool(gone)
