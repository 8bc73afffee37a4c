"""The statement that memory is searched by: one round trip, whether little or much may be seen.

Where little may be seen, each item is looked at. Where much may be seen, scores are worked out for candidates alone: those that
hold the rarest words of the question, those that lie next to it, and the neighbours of both. `size` says which of the two it is;
what belongs to the other is not begun.
"""

import functools
import re
from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from agent.store.memory_scores import BEST, RANKED, SPREAD

NAMED = re.compile(r"%\((\w+)\)s")
HOLDS: LiteralString = "memory.valid_until IS NULL AND (memory.expires_at IS NULL OR memory.expires_at > now())"
HOLDS_NARROW: LiteralString = "expires_at > (SELECT now())"  # of the narrow rows, and of words: those of items that are true
# As a question of which nobody can tell how often it is answered yes: any other wording has the planner take an index of
# channels, or none, instead of that of vectors.
VISIBLE_AFTERWARDS: LiteralString = f"""
    {HOLDS} AND CASE WHEN memory.team = %(team)s THEN memory.channel = ANY(%(channels)s) ELSE false END
"""
COSINE: LiteralString = "CASE WHEN model = %(model)s THEN -(embedding <#> %(vector)s::vector) END"

# For the transaction that a search is. To plan it anew takes longer than to run it, and so does
# to start further processes for a part that is not begun. The index of vectors goes on until enough of
# what it finds may be seen. Joins are by hash, see `agent.store.memory_scores`. Pages are in memory, if not in Postgres' own: to
# have another process read them takes longer than to read them.
SETTINGS: LiteralString = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
    set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true), set_config('effective_io_concurrency', '0', true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true)
"""

# `so_far`: items of this scope and of those before it.
SIZE: LiteralString = """
asked AS MATERIALIZED (
    SELECT lexeme, number
    FROM unnest(tsvector_to_array(to_tsvector('english', %(words)s))) WITH ORDINALITY AS one (lexeme, number)
),
expired AS MATERIALIZED (
    SELECT channel, count(*) AS items, sum(length(words)) AS words FROM memory
    WHERE team = %(team)s AND channel = ANY(%(channels)s) AND valid_until IS NULL AND expires_at <= now() GROUP BY channel
),
scope AS MATERIALIZED (
    SELECT id, channel, items, words, sum(items) OVER (ORDER BY id) AS so_far FROM (
        SELECT id, channel, kept.items - coalesce(expired.items, 0) AS items, kept.words - coalesce(expired.words, 0) AS words
        FROM memory_scope AS kept LEFT JOIN expired USING (channel)
        WHERE kept.team = %(team)s AND kept.channel = ANY(%(channels)s)
    ) AS visible WHERE items > 0
),
size AS MATERIALIZED (
    SELECT sum(items)::float8 AS items, (%(window)s::float8 * sum(words) / nullif(sum(items), 0))::float8 AS length,
        sum(items) <= %(looked_at)s AS small
    FROM scope
)"""

# Where little may be seen. The index alone is read of a word.
EVERY_ITEM: LiteralString = f"""
    SELECT item AS id, narrow.place, narrow.own, narrow.cosine FROM scope CROSS JOIN LATERAL (
        SELECT item, place, length AS own, {{cosine}} AS cosine FROM memory_narrow
        WHERE memory_narrow.scope = scope.id AND {HOLDS_NARROW} OFFSET 0
    ) AS narrow"""
EVERY_WORD: LiteralString = f"""
    SELECT number, found.item, found.place, found.times FROM asked CROSS JOIN LATERAL (
        SELECT item, place, times::float8 AS times FROM memory_word
        WHERE word = asked.lexeme AND memory_word.scope = ANY(ARRAY(SELECT id FROM scope)) AND {HOLDS_NARROW} OFFSET 0
    ) AS found"""
IDF: LiteralString = "ln(1 + ((SELECT items FROM size) - holders + 0.5) / (holders + 0.5))"

# Where a word stands in too many items, those of the first scopes are taken, and how many there are follows from their share.
CANDIDATES: LiteralString = """
place AS MATERIALIZED (
    SELECT number, found.scope, found.item FROM asked CROSS JOIN LATERAL (
        SELECT scope, item FROM memory_word
        WHERE word = asked.lexeme AND scope = ANY(ARRAY(SELECT id FROM scope)) AND expires_at > now()
        ORDER BY scope, item LIMIT %(places)s
    ) AS found
    WHERE NOT (SELECT small FROM size)
),
spoken AS MATERIALIZED (
    SELECT number, CASE WHEN held < %(places)s THEN held ELSE held * size.items / scope.so_far END::float8 AS holders
    FROM (SELECT number, count(*) AS held, max(scope) AS last FROM place GROUP BY number) AS one
    JOIN scope ON scope.id = one.last CROSS JOIN size
),
by_words AS (
    SELECT item AS id FROM place JOIN spoken USING (number) CROSS JOIN size
    GROUP BY item ORDER BY sum(ln(1 + (items - holders + 0.5) / (holders + 0.5))) DESC, item DESC LIMIT %(by_words)s
),"""
BY_MEANING: LiteralString = """
by_meaning AS (
    SELECT id FROM memory
    WHERE model = {model} AND {visible} AND NOT (SELECT small FROM size)
    ORDER BY embedding::halfvec({dimensions}) <#> %(vector)s::vector::halfvec({dimensions}) LIMIT %(by_meaning)s
),
sample AS MATERIALIZED (
    SELECT avg(cosine) AS mean, stddev_pop(cosine) AS spread FROM (
        SELECT channel FROM scope WHERE NOT (SELECT small FROM size) ORDER BY hashint8(id) LIMIT %(sampled)s
    ) AS drawn CROSS JOIN LATERAL (
        SELECT {cosine} AS cosine FROM memory
        WHERE team = %(team)s AND channel = drawn.channel AND {holds} AND model = {model} LIMIT %(sampled_each)s
    ) AS one
),"""
WITHOUT_MEANING: LiteralString = """
by_meaning AS (SELECT NULL::bigint AS id WHERE false),
sample AS (SELECT NULL::float8 AS mean, NULL::float8 AS spread),"""

# `counts`: both neighbours of an item are there too, so that its score can be worked out.
SEEN: LiteralString = f"""
candidate AS MATERIALIZED (
    SELECT narrow.scope, narrow.place FROM (SELECT id FROM by_words UNION SELECT id FROM by_meaning) AS one CROSS JOIN LATERAL (
        SELECT scope, place FROM memory_narrow WHERE item = one.id AND {HOLDS_NARROW} OFFSET 0
    ) AS narrow JOIN scope ON scope.id = narrow.scope
),
around AS MATERIALIZED (
    SELECT near.item AS id, near.place, bool_or(abs(near.place - candidate.place) <= 1) AS counts
    FROM candidate CROSS JOIN LATERAL (
        SELECT item, place FROM memory_narrow WHERE memory_narrow.scope = candidate.scope
            AND memory_narrow.place BETWEEN candidate.place - 2 AND candidate.place + 2 AND {HOLDS_NARROW} OFFSET 0
    ) AS near GROUP BY near.item, near.place
),
read AS MATERIALIZED (
    SELECT around.id, place, length(item.words) AS own, item.cosine, item.words FROM around CROSS JOIN LATERAL (
        SELECT words, {{cosine}} AS cosine FROM memory WHERE memory.id = around.id OFFSET 0
    ) AS item
),
seen AS MATERIALIZED (
    {EVERY_ITEM} WHERE (SELECT small FROM size)
    UNION ALL
    SELECT id, place, own, cosine FROM read
),
hit AS MATERIALIZED (
    {EVERY_WORD} WHERE (SELECT small FROM size)
    UNION ALL
    SELECT number, id, place, cardinality(positions)::float8
    FROM read CROSS JOIN unnest(words) AS said JOIN asked ON asked.lexeme = said.lexeme
),
rarity AS MATERIALIZED (
    SELECT number, holders, {IDF} AS idf FROM (
        SELECT number, coalesce(sum(holders), 0) AS holders FROM asked LEFT JOIN (
            SELECT number, count(*)::float8 AS holders FROM hit WHERE (SELECT small FROM size) GROUP BY number
            UNION ALL
            SELECT number, holders FROM spoken
        ) AS one USING (number) GROUP BY number
    ) AS one
),"""


@functools.lru_cache(maxsize=8)
def statement(model: str, dimensions: int | None) -> tuple[str, Sequence[str]]:
    """Return the statement for questions with vectors of so many dimensions by this model, or without a vector, and the names of
    its parameters $1, $2 and so on.

    The index of a model's vectors is used by a statement that names the model in its text.
    """
    if dimensions is None:
        meaning, cosine = sql.SQL(WITHOUT_MEANING), sql.SQL("NULL::float8")
    else:
        cosine = sql.SQL(COSINE)
        meaning = sql.SQL(BY_MEANING).format(
            model=sql.Literal(model),
            dimensions=sql.Literal(dimensions),
            visible=sql.SQL(VISIBLE_AFTERWARDS),
            holds=sql.SQL(HOLDS),
            cosine=cosine,
        )
    parts = [sql.SQL("WITH"), sql.SQL(SIZE), sql.SQL(","), sql.SQL(CANDIDATES), meaning, sql.SQL(SEEN).format(cosine=cosine)]
    text = sql.Composed([*parts, sql.SQL(RANKED), sql.SQL(SPREAD), sql.SQL(BEST)]).as_string(None)
    names = list(dict.fromkeys(NAMED.findall(text)))
    return NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", text), names
