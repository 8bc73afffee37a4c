"""`python -m tests.bench paraphrases`: how often a fact that is told in other words finds the fact that is known.

What people said is read by a small model that is shown the known facts which fit it best, and says which of them is meant. That
model is none of ours to measure; a fact that it is not shown it cannot recognise, and that rate is measured here.
`paraphrases.jsonl`, written for this, has one {language, fact, again: [two paraphrases], near: another fact like it} a line. They
stand in one channel with as many made-up facts as a busy one comes to know.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from agent.embeddings import minilm
from agent.embeddings.minilm import MiniLm
from agent.embeddings.port import Embedder
from agent.embeddings.wordllama import WordLlama
from agent.memory.items import NewItem, Source
from agent.run.memory_effects import KNOWN_FACTS
from agent.store.fenced import Pool
from agent.store.memory_items import Embedded, Items
from agent.store.memory_search import MemorySearch
from bot.stores.embedded_home import Servers
from tests.bench.memory import TEAM, interval
from tests.bench.subject import database

PAIRS = Path(__file__).with_name("paraphrases.jsonl")
CHANNEL = "C1"
WHO = ("Ann", "Ben", "Cem", "Dana", "Elif", "Jonas", "Luc", "Marta", "Maya", "Pablo", "Petra", "Sara", "Tim", "Acme", "Initech")
WHAT = (
    *("is responsible for", "takes care of", "prefers", "is away because of", "pays for", "needs two approvals for", "closes"),
    *("reviews", "has moved to", "does not accept", "orders", "speaks about", "is late with", "ends"),
)
WHICH = (
    *("the invoices", "the office in Lisbon", "the staging database", "tea in the kitchen", "the mobile app"),
    *("the travel budget", "the contract", "each pull request", "the garage", "the release on Tuesday"),
)
EXPLAINED = """\
The share of paraphrases, and in brackets where 95 of 100 means of resamplings lie. Shown: the fact is among the {known} that the
model which reads is shown. First: it is the first of them. Told apart: it stands before the fact that only sounds like it.
{facts} facts with two paraphrases each, among {items:,} items of one channel."""


class Pair(BaseModel):
    """A fact, what says the same in other words, and what only sounds like it."""

    language: str
    fact: str
    again: Sequence[str]
    near: str


@dataclass(frozen=True, slots=True)
class Told:
    """What one paraphrase found."""

    language: str
    shown: bool
    first: bool
    apart: bool


def pairs() -> Sequence[Pair]:
    """Return the written set."""
    return [Pair.model_validate_json(line) for line in PAIRS.read_text().splitlines()]


async def know(pool: Pool, of: Sequence[Pair], embedder: Embedder, further: Sequence[str] = ()) -> Mapping[str, int]:
    """Remember facts, near ones and further ones; return the id of each."""
    texts = [*(text for pair in of for text in (pair.fact, pair.near)), *further]
    ids: dict[str, int] = {}
    for text, vector in zip(texts, await embedder.embed(texts), strict=True):
        item = NewItem(channel=CHANNEL, kind="fact", text=text, source=Source(key=f"message:{CHANNEL}:{len(ids)}", quote=text))
        learnt = await Items(pool).learn(TEAM, item, Embedded(embedder.model, vector))
        assert learnt is not None
        ids[text] = learnt.id
    return ids


async def told_again(pool: Pool, of: Sequence[Pair], ids: Mapping[str, int], embedder: Embedder) -> Sequence[Told]:
    """Tell each fact in other words, and look what is known of it, as a reading does."""
    search, results = MemorySearch(pool), list[Told]()
    for pair in of:
        for again in pair.again:
            [vector] = await embedder.embed([again])
            found = [one.item.id for one in await search.search(TEAM, [CHANNEL], again, vector, embedder.model, KNOWN_FACTS)]
            places = {id: place for place, id in enumerate(found)}
            fact, near = (places.get(ids[text], KNOWN_FACTS) for text in (pair.fact, pair.near))
            results.append(Told(pair.language, fact < KNOWN_FACTS, fact == 0, fact < near))
    return results


async def paraphrases(servers: Servers, console: Console) -> None:
    """Measures and prints, with each model that is installed."""
    of, made_up = pairs(), [" ".join(words) for words in itertools.product(WHO, WHAT, WHICH)]
    for embedder in (WordLlama(), *([MiniLm()] if minilm.minilm_installed() else [])):
        with database(servers, f"told_{embedder.dimensions}") as url:
            async with AsyncConnectionPool[Any](url, min_size=1, open=False, kwargs={"autocommit": True}) as pool:
                results = await told_again(pool, of, await know(pool, of, embedder, made_up), embedder)
        console.print(_table(embedder.model, results))
    console.print(EXPLAINED.format(known=KNOWN_FACTS, facts=len(of), items=2 * len(of) + len(made_up)), style="dim")


def _table(model: str, results: Sequence[Told]) -> Table:
    table = Table(title=f"\nHow often a fact told in other words finds the one that is known, with {model}", title_justify="left")
    for name in ("", "paraphrases", "shown", "first", "told apart"):
        table.add_column(name, justify="right" if name else "left")
    groups = {"all": results, "English": [one for one in results if one.language == "en"]}
    groups["other languages"] = [one for one in results if one.language != "en"]
    for name, group in groups.items():
        shares = [
            [float(each) for each in row] for row in zip(*((one.shown, one.first, one.apart) for one in group), strict=True)
        ]
        table.add_row(name, str(len(group)), *(_cell(share) for share in shares))
    return table


def _cell(shares: Sequence[float]) -> str:
    mean, low, high = interval(shares)
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"
