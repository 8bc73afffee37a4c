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

from agent.store.memory_few import FEW

NAMED = re.compile(r"%\((\w+)\)s")
HOLDS: LiteralString = "memory.valid_until IS NULL AND (memory.expires_at IS NULL OR memory.expires_at > now())"
VISIBLE: LiteralString = f"memory.team = %(team)s AND memory.channel = ANY(%(channels)s) AND {HOLDS}"
# The same as a question of which nobody can tell how often it is answered yes: any other wording has the planner take an index of
# channels, or none, instead of that of vectors, or look at all that may be seen instead of at candidates by their ids.
VISIBLE_AFTERWARDS: LiteralString = f"""
    {HOLDS} AND CASE WHEN memory.team = %(team)s THEN memory.channel = ANY(%(channels)s) ELSE false END
"""
WINDOW: LiteralString = (
    "PARTITION BY memory.channel, memory.grouped ORDER BY memory.position RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING"
)
COSINE: LiteralString = "CASE WHEN memory.model = %(model)s THEN -(memory.embedding <#> %(vector)s::vector) END"

# For the transaction that a search is. To plan it anew takes longer than to run it, and so does
# to start further processes for a part that is not begun. The index of vectors goes on until enough of
# what it finds may be seen.
SETTINGS: LiteralString = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true), set_config('hnsw.iterative_scan', 'relaxed_order', true)
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
    SELECT id, channel, grouped, position FROM memory
    WHERE id IN (SELECT id FROM by_words UNION SELECT id FROM by_meaning) AND {VISIBLE_AFTERWARDS}
),
around AS MATERIALIZED (
    SELECT id, bool_or(counts) AS counts FROM (
        SELECT id, true AS counts FROM candidate
        UNION ALL
        SELECT near.id, abs(near.position - candidate.position) <= 1 FROM candidate JOIN memory AS near
            ON near.team = %(team)s AND near.channel = candidate.channel AND near.grouped = candidate.grouped
            AND near.position BETWEEN candidate.position - 2 AND candidate.position + 2
        WHERE candidate.grouped <> ''
    ) AS one GROUP BY id
),
seen AS MATERIALIZED (
    SELECT id, channel, grouped, position, length(words) AS own, sum(length(words)) OVER near AS near, true AS counts,
        {{cosine}} AS cosine, NULL::tsvector AS words
    FROM memory WHERE {VISIBLE} AND (SELECT small FROM size) WINDOW near AS ({WINDOW})
    UNION ALL
    SELECT id, channel, grouped, position, length(words), sum(length(words)) OVER near, counts, {{cosine}}, words
    FROM around JOIN memory USING (id) WHERE {HOLDS} WINDOW near AS ({WINDOW})
),
hit AS MATERIALIZED (
    SELECT number, times, seen.id, channel, grouped, position
    FROM asked JOIN memory_word AS found ON word = lexeme JOIN seen ON seen.id = found.item
    WHERE found.scope = ANY(ARRAY(SELECT id FROM scope)) AND (SELECT small FROM size)
    UNION ALL
    SELECT number, cardinality(positions), id, channel, grouped, position
    FROM seen CROSS JOIN unnest(words) AS said JOIN asked ON asked.lexeme = said.lexeme
    WHERE NOT (SELECT small FROM size)
)"""

# Of all items that may be seen: worked out, or, where they are many, as if words fell independently of each other.
SCORE: LiteralString = """
rarity AS MATERIALIZED (
    SELECT number, holders, ln(1 + (items - holders + 0.5) / (holders + 0.5)) AS idf FROM (
        SELECT number, count(*)::float8 AS holders FROM hit WHERE (SELECT small FROM size) GROUP BY number
        UNION ALL
        SELECT number, holders FROM spoken
    ) AS one CROSS JOIN size
),
beside AS MATERIALIZED (
    SELECT number, id, times, channel, grouped, position + step AS position
    FROM hit CROSS JOIN generate_series(-1, 1) AS step WHERE grouped <> ''
),
said AS (
    SELECT id, number, sum(times) AS times FROM (
        SELECT id, number, times::float8 AS times FROM hit
        UNION ALL
        SELECT seen.id, number, %(neighbour)s::float8 * times
        FROM beside JOIN seen USING (channel, grouped, position) WHERE seen.id <> beside.id
    ) AS one GROUP BY id, number
),
ranked AS MATERIALIZED (
    SELECT id, sum(idf * times * (1 + %(k1)s::float8) / (times + %(k1)s::float8
        * (1 - %(b)s::float8 + %(b)s::float8 * CASE WHEN grouped = '' THEN own ELSE near END / length))) AS bm25
    FROM said JOIN rarity USING (number) JOIN seen USING (id) CROSS JOIN size GROUP BY id
),
worded AS MATERIALIZED (
    SELECT sum(bm25) / items AS mean, sqrt(greatest(0, sum(bm25 ^ 2) / items - (sum(bm25) / items) ^ 2)) AS spread
    FROM ranked CROSS JOIN size WHERE small GROUP BY items
    UNION ALL
    SELECT sum(mean), sqrt(sum(greatest(0, square - mean ^ 2))) FROM (
        SELECT holders / items * idf * (1 + 2 * weaker) AS mean, holders / items * idf ^ 2 * (1 + 2 * weaker ^ 2) AS square
        FROM rarity CROSS JOIN size CROSS JOIN (
            SELECT %(neighbour)s::float8 * (1 + %(k1)s::float8) / (%(neighbour)s::float8 + %(k1)s::float8) AS weaker
        ) AS one WHERE NOT small
    ) AS one HAVING count(*) > 0
),
meant AS MATERIALIZED (
    SELECT avg(cosine) AS mean, stddev_pop(cosine) AS spread FROM seen WHERE (SELECT small FROM size)
    HAVING (SELECT small FROM size)
    UNION ALL
    SELECT mean, spread FROM sample WHERE NOT (SELECT small FROM size)
),
best AS (
    SELECT seen.id,
        CASE WHEN worded.spread > %(nothing)s::float8 THEN (coalesce(ranked.bm25, 0) - worded.mean) / worded.spread ELSE 0 END
        + CASE WHEN seen.cosine IS NOT NULL AND meant.spread > %(nothing)s::float8
            THEN %(weight)s::float8 * (seen.cosine - meant.mean) / meant.spread ELSE 0 END AS score
    FROM seen CROSS JOIN meant LEFT JOIN worded ON true LEFT JOIN ranked USING (id)
    WHERE counts AND (ranked.id IS NOT NULL OR seen.cosine IS NOT NULL)
    ORDER BY score DESC, seen.id DESC LIMIT %(limit)s
)
SELECT id, channel, kind, body, source, quote, said_by, link, subject, confirmed, learnt_at, valid_until, score,
    (SELECT small FROM size)
FROM best JOIN memory USING (id) ORDER BY score DESC, id DESC
"""


@functools.lru_cache(maxsize=8)
def statement(model: str, dimensions: int | None, *, few: bool = False) -> tuple[str, Sequence[str]]:
    """Return the statement for questions with vectors of so many dimensions by this model, or without a vector, and the names of
    its parameters $1, $2 and so on. `few`: that for where little may be seen, instead of that which finds it out.

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
    found_out = [sql.SQL(CANDIDATES), meaning, sql.SQL(SEEN).format(cosine=cosine), sql.SQL(","), sql.SQL(SCORE)]
    all_looked_at = sql.SQL(FEW).format(cosine=cosine, visible=sql.SQL(VISIBLE), window=sql.SQL(WINDOW))
    parts = [sql.SQL("WITH"), sql.SQL(SIZE), sql.SQL(","), *([all_looked_at] if few else found_out)]
    text = sql.Composed(parts).as_string(None)
    names = list(dict.fromkeys(NAMED.findall(text)))
    return NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", text), names
