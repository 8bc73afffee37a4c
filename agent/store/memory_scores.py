"""The scores of the items that a search looks at, and the best of them: the same whether little or much may be seen.

Before this the statement has `size`, how much may be seen; `seen`, the items that are looked at; `hit`, where a word of the
question stands in one of them; and `rarity`, how much each word counts. Only what is beside a word is worked out: everything else
fits by its meaning alone, and of that the nearest few can be among the best.

For the planner each number of rows is a guess, and a wrong one had 5,000 rows compared with each of 5,000. So it joins by hash
(`SETTINGS` of `agent.store.memory_statements`), and where an index is to be used the statement says so, by LATERAL and OFFSET 0.
"""

from typing import LiteralString

# `lengths`: of all items at a place, of which there may be several.
RANKED: LiteralString = """
vicinity AS MATERIALIZED (
    SELECT seen.* FROM seen JOIN (
        SELECT DISTINCT place + step AS place FROM hit CROSS JOIN generate_series(-2, 2) AS step
    ) AS near USING (place)
),
lengths AS MATERIALIZED (SELECT place, sum(own) AS words FROM vicinity GROUP BY place),
said AS (
    SELECT id, number, sum(CASE WHEN id = item THEN times ELSE %(neighbour)s::float8 * times END) AS times
    FROM (SELECT number, item, times, place + step AS place FROM hit CROSS JOIN generate_series(-1, 1) AS step) AS beside
    JOIN vicinity USING (place) GROUP BY id, number
),
penalty AS (
    SELECT id, cosine, %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8
        * (here.words + coalesce(before.words, 0) + coalesce(after.words, 0)) / (SELECT length FROM size)) AS long
    FROM vicinity JOIN lengths AS here USING (place)
    LEFT JOIN lengths AS before ON before.place = vicinity.place - 1
    LEFT JOIN lengths AS after ON after.place = vicinity.place + 1
),
ranked AS MATERIALIZED (
    SELECT id, any_value(cosine) AS cosine, (1 + %(k1)s::float8)
        * sum((SELECT array_agg(idf ORDER BY number) FROM rarity)[number] * times / (times + long)) AS bm25
    FROM said JOIN penalty USING (id) GROUP BY id
),
"""
# Of all items that may be seen: worked out, or, where they are many, as if words fell independently of each other.
SPREAD: LiteralString = """
worded AS MATERIALIZED (
    SELECT sum(bm25) / items AS mean, sqrt(greatest(0, sum(bm25 * bm25) / items - (sum(bm25) / items) ^ 2)) AS spread
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
),"""
# Whether an item's score is right: the outermost around a candidate have neighbours that are not looked at.
COUNTS: LiteralString = "((SELECT small FROM size) OR id IN (SELECT id FROM around WHERE counts))"
# Where all cosines are alike, they count for nothing, and the newest come first.
BEST: LiteralString = f"""
nearest AS (
    SELECT id, cosine FROM seen WHERE cosine IS NOT NULL AND {COUNTS}
    ORDER BY CASE WHEN (SELECT spread FROM meant) > %(nothing)s::float8 THEN cosine END DESC, id DESC LIMIT %(limit)s
),
best AS (
    SELECT id,
        CASE WHEN (SELECT spread FROM worded) > %(nothing)s::float8
            THEN (bm25 - (SELECT mean FROM worded)) / (SELECT spread FROM worded) ELSE 0 END
        + CASE WHEN cosine IS NOT NULL AND (SELECT spread FROM meant) > %(nothing)s::float8
            THEN %(weight)s::float8 * (cosine - (SELECT mean FROM meant)) / (SELECT spread FROM meant) ELSE 0 END AS score
    FROM (
        SELECT id, bm25, cosine FROM ranked WHERE {COUNTS}
        UNION ALL
        SELECT id, 0, cosine FROM nearest WHERE id NOT IN (SELECT id FROM ranked)
    ) AS one
    ORDER BY score DESC, id DESC LIMIT %(limit)s
)
SELECT item.id, channel, kind, body, source, quote, said_by, link, subject, confirmed, learnt_at, valid_until, score
FROM best CROSS JOIN LATERAL (SELECT * FROM memory WHERE memory.id = best.id OFFSET 0) AS item ORDER BY score DESC, id DESC
"""
