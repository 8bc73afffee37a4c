"""What is remembered, in plain Python: items as a test writes them, and the scores that a search is to give them."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stores.core import Core

MODEL = "a model"
Unit = tuple[float, float, float]
K1, B, NEIGHBOUR, WINDOW = 1.2, 0.75, 0.6, 3.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """An item as a test writes it."""

    body: str
    channel: str = "C1"
    team: str = "T1"
    group: str = ""
    position: int = 0
    vector: Unit | None = None
    model: str = MODEL
    superseded: bool = False
    expires_hours: float | None = None  # negative: it has expired

    @property
    def holds(self) -> bool:
        """Return whether it may be found by those who may read its channel."""
        return not self.superseded and (self.expires_hours is None or self.expires_hours > 0)


INSERT = """
    INSERT INTO memory (
        team, channel, kind, body, digest, source, quote, grouped, position, model, embedding, valid_until, expires_at
    )
    VALUES (%(team)s, %(channel)s, 'summary', %(body)s, '', 'S', '', %(group)s, %(position)s, %(model)s, %(vector)s,
        %(valid_until)s, %(expires_at)s)
    RETURNING id
"""


async def remember(core: Core, *items: Remembered) -> dict[int, Remembered]:
    """Write them; return them by id."""
    kept: dict[int, Remembered] = {}
    for item in items:
        values: dict[str, Any] = {
            "team": item.team,
            "channel": item.channel,
            "body": item.body,
            "group": item.group,
            "position": item.position,
            "model": item.model if item.vector else "",
            "vector": None if item.vector is None else str(list(item.vector)),
            "valid_until": datetime.now(UTC) if item.superseded else None,
            "expires_at": None if item.expires_hours is None else datetime.now(UTC) + timedelta(hours=item.expires_hours),
        }
        [(id,)] = await core.sql(INSERT, **values)
        kept[id] = item
    return kept


async def lexemes(core: Core, texts: Iterable[str]) -> dict[str, Counter[str]]:
    """Return the words of each text as Postgres takes them, and how often each stands there."""
    found = await core.sql(
        """
        SELECT text, lexeme, cardinality(positions)
        FROM unnest(%(texts)s::text[]) AS text, unnest(to_tsvector('english', text))
        """,
        texts=sorted(set(texts)),
    )
    words: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, lexeme, times in found:
        words[text][lexeme] = times
    return words


def expected(
    items: Mapping[int, Remembered],
    team: str,
    channels: Collection[str],
    words: Mapping[str, Counter[str]],
    question: str,
    vector: Unit | None,
    weight: float = 1.0,
) -> dict[int, float]:
    """Return the score of each item that can be found."""
    seen = {id: item for id, item in items.items() if item.team == team and item.channel in channels and item.holds}
    own = {id: words.get(item.body, Counter[str]()) for id, item in seen.items()}
    beside = {id: [other for other in seen if _beside(seen, id, other)] for id in seen}
    average = WINDOW * sum(len(one) for one in own.values()) / max(1, len(seen))
    bm25 = dict.fromkeys(seen, 0.0)
    for word in words.get(question, ()):
        holders = sum(word in one for one in own.values())
        idf = math.log(1 + (len(seen) - holders + 0.5) / (holders + 0.5))
        for id in seen:
            times = own[id][word] + NEIGHBOUR * sum(own[other][word] for other in beside[id])
            length = len(own[id]) + sum(len(own[other]) for other in beside[id])
            if times:
                bm25[id] += idf * times * (K1 + 1) / (times + K1 * (1 - B + B * length / average))
    cosine = {
        id: sum(one * two for one, two in zip(item.vector, vector, strict=True))
        for id, item in seen.items()
        if vector is not None and item.vector is not None and item.model == MODEL
    }
    by_words, by_meaning = _standard(bm25), _standard(cosine)
    return {id: by_words[id] + weight * by_meaning.get(id, 0.0) for id in seen if bm25[id] > 0 or id in cosine}


def _beside(seen: Mapping[int, Remembered], id: int, other: int) -> bool:
    one, two = seen[id], seen[other]
    together = one.group != "" and (one.channel, one.group) == (two.channel, two.group)
    return id != other and together and abs(one.position - two.position) <= 1


def _standard(values: Mapping[int, float]) -> dict[int, float]:
    """Return how many standard deviations each lies above the mean of all."""
    if not values:
        return {}
    mean = sum(values.values()) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values.values()) / len(values))
    return {id: (value - mean) / deviation if deviation > 1e-6 else 0.0 for id, value in values.items()}


def best(scores: Mapping[int, float], limit: int) -> Sequence[float]:
    """Return the highest scores, the highest first."""
    return sorted(scores.values(), reverse=True)[:limit]
