"""The statement that memory is searched by where it is known that little may be seen: each item is looked at.

It finds what that of `agent.store.memory_statements` finds there, in half the time: nothing is begun of the parts for where much
may be seen, and the planner expects less. The neighbours of a word of the question are looked up once, and only there the lengths
of items are added.
"""

from typing import LiteralString

# Of `hit` the second part finds nothing: it has the planner expect many, and compare none of them with all others.
FEW: LiteralString = """
seen AS MATERIALIZED (
    SELECT id, channel, grouped, position, length(words) AS own, {cosine} AS cosine FROM memory WHERE {visible}
),
hit AS MATERIALIZED (
    SELECT number, times::float8 AS times, seen.id, channel, grouped, position, own
    FROM asked JOIN memory_word AS found ON word = lexeme JOIN seen ON seen.id = found.item
    WHERE found.scope = ANY(ARRAY(SELECT id FROM scope))
    UNION ALL
    SELECT NULL, NULL, id, channel, grouped, position, own FROM seen WHERE %(limit)s < 0
),
vicinity AS MATERIALIZED (
    SELECT id, channel, grouped, position, sum(own) OVER ({window}) AS long FROM (
        SELECT seen.* FROM seen JOIN (
            SELECT DISTINCT channel, grouped, position + step AS position
            FROM hit CROSS JOIN generate_series(-2, 2) AS step WHERE grouped <> ''
        ) AS place USING (channel, grouped, position)
    ) AS memory
),
beside AS MATERIALIZED (
    SELECT number, id, times, channel, grouped, position + step AS position
    FROM hit CROSS JOIN generate_series(-1, 1) AS step WHERE grouped <> ''
),
said AS (
    SELECT id, number, times, own AS long FROM hit WHERE grouped = ''
    UNION ALL
    SELECT vicinity.id, number, sum(CASE WHEN vicinity.id = beside.id THEN 1 ELSE %(neighbour)s::float8 END * times), long
    FROM beside JOIN vicinity USING (channel, grouped, position) GROUP BY vicinity.id, number, long
),
rarity AS MATERIALIZED (
    SELECT number, ln(1 + (items - holders + 0.5) / (holders + 0.5)) AS idf
    FROM (SELECT number, count(*)::float8 AS holders FROM hit GROUP BY number) AS one CROSS JOIN size
),
ranked AS MATERIALIZED (
    SELECT id, sum(idf * times * (1 + %(k1)s::float8)
        / (times + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * long / length))) AS bm25
    FROM said JOIN rarity USING (number) CROSS JOIN size GROUP BY id
),
worded AS MATERIALIZED (
    SELECT sum(bm25) / items AS mean, sqrt(greatest(0, sum(bm25 ^ 2) / items - (sum(bm25) / items) ^ 2)) AS spread
    FROM ranked CROSS JOIN size GROUP BY items
),
meant AS MATERIALIZED (SELECT avg(cosine) AS mean, stddev_pop(cosine) AS spread FROM seen),
best AS (
    SELECT seen.id,
        CASE WHEN (SELECT spread FROM worded) > %(nothing)s::float8
            THEN (coalesce(ranked.bm25, 0) - (SELECT mean FROM worded)) / (SELECT spread FROM worded) ELSE 0 END
        + CASE WHEN seen.cosine IS NOT NULL AND (SELECT spread FROM meant) > %(nothing)s::float8
            THEN %(weight)s::float8 * (seen.cosine - (SELECT mean FROM meant)) / (SELECT spread FROM meant) ELSE 0 END AS score
    FROM seen LEFT JOIN ranked USING (id)
    WHERE ranked.id IS NOT NULL OR seen.cosine IS NOT NULL
    ORDER BY score DESC, seen.id DESC LIMIT %(limit)s
)
SELECT id, channel, kind, body, source, quote, said_by, link, subject, confirmed, learnt_at, valid_until, score,
    (SELECT small FROM size)
FROM best JOIN memory USING (id) ORDER BY score DESC, id DESC
"""
