"""Search in what is remembered: by words and by meaning, among the items of some channels and nothing else.

score = z(BM25 of the item with its neighbours) + weight · z(cosine of the item alone), z over all items that may be seen. Words
of a neighbour count 0.6 times as much as the item's own: what an answer says is often found by the words of the question
before it. Formula and figures: measured by `make bench memory` on a conversational set with evidence labels.

Whatever may not be seen is left out before anything is counted, so that no score, order or frequency tells of it. An item whose
embedding is of another model counts by its words alone, as if it were of average meaning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from agent.embeddings.port import Vector
from agent.memory.items import MemoryItem, Source
from agent.store.fenced import Pool, rows
from agent.text import whole

FIGURES: Mapping[str, float] = {
    "k1": 1.2,  # of BM25, as everywhere
    "b": 0.75,
    "neighbour": 0.6,
    "window": 3.0,  # items: how long an item of average length is with its neighbours
    "nothing": 1e-6,  # a spread below it is rounding: all fit alike
}
# How much meaning counts beside words, by the model that made the vectors.
WEIGHTS: Mapping[str, float] = {"minilm-l6-v2-int8": 1.5}
WEIGHT = 1.0  # of WordLlama, and of models that nobody has measured

MOST_CHARACTERS = 4_000  # of a question

VISIBLE: LiteralString = """
    team = %(team)s AND channel = ANY(%(channels)s) AND valid_until IS NULL AND (expires_at IS NULL OR expires_at > now())
"""
SEARCH: LiteralString = f"""
WITH seen AS MATERIALIZED (
    SELECT id, channel, grouped, position, length(words) AS own, sum(length(words)) OVER near AS near,
        CASE WHEN model = %(model)s THEN -(embedding <#> %(vector)s::vector) END AS cosine
    FROM memory WHERE {VISIBLE}
    WINDOW near AS (PARTITION BY channel, grouped ORDER BY position RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING)
),
whole AS MATERIALIZED (
    SELECT count(*)::float8 AS items, %(window)s::float8 * sum(own) / count(*) AS length, avg(cosine) AS cosine,
        stddev_pop(cosine) AS cosine_spread
    FROM seen
),
asked AS (
    SELECT lexeme, number
    FROM unnest(tsvector_to_array(to_tsvector('english', %(words)s))) WITH ORDINALITY AS one (lexeme, number)
),
scope AS (SELECT id FROM memory_scope WHERE team = %(team)s AND channel = ANY(%(channels)s)),
hit AS MATERIALIZED (
    SELECT number, times, seen.id, channel, grouped, position
    FROM asked JOIN memory_word AS found ON word = lexeme JOIN scope ON found.scope = scope.id JOIN seen ON seen.id = found.item
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
rarity AS (
    SELECT number, ln(1 + (items - count(*) + 0.5) / (count(*) + 0.5)) AS idf FROM hit CROSS JOIN whole GROUP BY number, items
),
ranked AS MATERIALIZED (
    SELECT id, sum(idf * times * (1 + %(k1)s::float8) / (times + %(k1)s::float8
        * (1 - %(b)s::float8 + %(b)s::float8 * CASE WHEN grouped = '' THEN own ELSE near END / length))) AS bm25
    FROM said JOIN rarity USING (number) JOIN seen USING (id) CROSS JOIN whole GROUP BY id
),
spread AS MATERIALIZED (
    SELECT sum(bm25) / items AS bm25, sqrt(greatest(0, sum(bm25 ^ 2) / items - (sum(bm25) / items) ^ 2)) AS bm25_spread
    FROM ranked CROSS JOIN whole GROUP BY items
),
best AS (
    SELECT seen.id,
        CASE WHEN bm25_spread > %(nothing)s::float8 THEN (coalesce(ranked.bm25, 0) - spread.bm25) / bm25_spread ELSE 0 END
        + CASE WHEN seen.cosine IS NOT NULL AND cosine_spread > %(nothing)s::float8
            THEN %(weight)s::float8 * (seen.cosine - whole.cosine) / cosine_spread ELSE 0 END AS score
    FROM seen CROSS JOIN whole LEFT JOIN spread ON true LEFT JOIN ranked USING (id)
    WHERE ranked.id IS NOT NULL OR seen.cosine IS NOT NULL
    ORDER BY score DESC, seen.id DESC LIMIT %(limit)s
)
SELECT id, channel, kind, body, source, quote, said_by, link, subject, confirmed, learnt_at, valid_until, score
FROM best JOIN memory USING (id) ORDER BY score DESC, id DESC
"""


@dataclass(frozen=True, slots=True)
class Found:
    """An item, and how well it fits beside the others of the same search. Scores of two searches cannot be compared."""

    item: MemoryItem
    score: float


class MemorySearch:
    """Search in Postgres."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(
        self, team: str, channels: Sequence[str], words: str, vector: Vector | None, model: str, limit: int
    ) -> Sequence[Found]:
        """Return the items of these channels that fit best, the best first. `vector` is that of the words, by `model`; without
        one only words count, and items that share none with the question are not found."""
        values = {
            "team": team,
            "channels": list(channels),
            "words": whole(words)[:MOST_CHARACTERS].replace("\x00", " "),
            "vector": None if vector is None else str(list(vector)),
            "model": model,
            "weight": WEIGHTS.get(model, WEIGHT),
            "limit": limit,
            **FIGURES,
        }
        return [_found_item(*row) for row in await rows(self._pool, SEARCH, values)]


def _found_item(*row: object) -> Found:
    id, channel, kind, body, source, quote, said_by, link, subject, confirmed, learnt_at, valid_until, score = row
    item = MemoryItem.model_validate(
        {
            "id": id,
            "channel": channel,
            "kind": kind,
            "text": body,
            "source": Source.model_validate({"key": source, "quote": quote, "by": said_by, "link": link}),
            "subject": subject,
            "confirmed": confirmed,
            "learnt_at": learnt_at,
            "valid_until": valid_until,
        }
    )
    return Found(item, float(str(score)))
