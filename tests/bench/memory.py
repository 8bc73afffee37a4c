"""`make bench memory PATH`: how much of what a question needs is found, on a set with evidence labels.

PATH is a folder with `turns.jsonl`, one {conv, id, date, speaker, text, caption?} a line, and `questions.jsonl`, one {conv, id,
category, question, evidence: [ids of turns]} a line. Each turn is an item in the channel of its conversation, and turns of one
date are neighbours.
"""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from agent.embeddings import minilm
from agent.embeddings.minilm import MiniLm
from agent.embeddings.port import Embedder
from agent.embeddings.wordllama import WordLlama
from agent.store.fenced import Pool
from agent.store.memory_search import MemorySearch
from bot.stores.embedded_home import Servers
from tests.bench.latency import percentile
from tests.bench.subject import database

TEAM = "T0BENCH"
DEPTHS = (5, 10)
RESAMPLED = 1_000

INSERT = """
    INSERT INTO memory (team, channel, kind, body, digest, source, quote, grouped, position, model, embedding)
    VALUES (%s, %s, 'summary', %s, %s, %s, '', %s, %s, %s, %s)
"""
EXPLAINED = """\
Recall of the labelled turns: the mean over questions, and in brackets where 95 of 100 means of {resampled:,} resamplings of the
questions lie. {turns:,} turns of {conversations} conversations; each question is asked in its conversation."""
Line = TypeVar("Line", bound=BaseModel)


class Turn(BaseModel):
    """What somebody said."""

    conv: str
    id: str
    date: str
    speaker: str
    text: str
    caption: str = ""

    @property
    def body(self) -> str:
        """Return it as it is remembered."""
        return f"{self.speaker}: {self.text}" + (f" [{self.caption}]" if self.caption else "")


class Question(BaseModel):
    """A question, and the turns that hold its answer."""

    conv: str
    id: str
    category: str
    question: str
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A set: conversations, and questions about them."""

    turns: Sequence[Turn]
    questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class Recalled:
    """How much of the evidence of one question was found, by depth."""

    category: str
    found: Mapping[int, float]


def read(folder: Path) -> Labelled:
    """Return the set in a folder. Raises ValueError where a line is not as it should be, or a label names no turn."""
    turns = _lines(folder / "turns.jsonl", Turn)
    questions = _lines(folder / "questions.jsonl", Question)
    known = {(turn.conv, turn.id) for turn in turns}
    for question in questions:
        if not question.evidence or any((question.conv, id) not in known for id in question.evidence):
            raise ValueError(f"The evidence of question {question.id} is not among the turns of {question.conv}.")
    return Labelled(turns, questions)


def _lines(path: Path, of: type[Line]) -> list[Line]:
    return [of.model_validate_json(line) for line in path.read_text().splitlines() if line.strip()]


async def fill(pool: Pool, turns: Sequence[Turn], embedder: Embedder) -> None:
    """Remember each turn."""
    vectors = await embedder.embed([turn.body for turn in turns])
    with_vectors = zip(turns, vectors, strict=True)
    async with pool.connection() as connection, connection.cursor() as cursor:
        for (conv, date), said in groupby(with_vectors, key=lambda one: (one[0].conv, one[0].date)):
            rows = [
                (TEAM, conv, turn.body, turn.id, turn.id, date, position, embedder.model, str(list(vector)))
                for position, (turn, vector) in enumerate(said)
            ]
            await cursor.executemany(INSERT, rows)
        await cursor.execute("VACUUM ANALYZE")


async def recalled(
    pool: Pool, questions: Sequence[Question], embedder: Embedder, *, words: bool, meaning: bool
) -> tuple[Sequence[Recalled], Sequence[float]]:
    """Ask each question, by words, by meaning, or by both. Return what was found, and how many milliseconds each took."""
    search, results, took_ms = MemorySearch(pool), list[Recalled](), list[float]()
    for question in questions:
        began = time.perf_counter()
        vector = (await embedder.embed([question.question]))[0] if meaning else None
        asked = question.question if words else ""
        found = await search.search(TEAM, [question.conv], asked, vector, embedder.model, max(DEPTHS))
        took_ms.append(1000 * (time.perf_counter() - began))
        ids = [one.item.source.key for one in found]
        shares = {depth: len(question.evidence.intersection(ids[:depth])) / len(question.evidence) for depth in DEPTHS}
        results.append(Recalled(question.category, shares))
    return results, took_ms


def interval(shares: Sequence[float], seed: int = 1) -> tuple[float, float, float]:
    """Return the mean, and between which values 95 of 100 means of resamplings lie."""
    resample = random.Random(seed)
    means = sorted(statistics.fmean(resample.choices(shares, k=len(shares))) for _ in range(RESAMPLED))
    return statistics.fmean(shares), means[int(0.025 * RESAMPLED)], means[int(0.975 * RESAMPLED)]


async def memory(servers: Servers, folder: Path, console: Console) -> None:
    """Measures and prints, with each model that is installed."""
    of = read(folder)
    for embedder in (WordLlama(), *([MiniLm()] if minilm.minilm_installed() else [])):
        with database(servers, embedder.model.replace("-", "_")) as url:
            async with AsyncConnectionPool[Any](url, min_size=1, open=False, kwargs={"autocommit": True}) as pool:
                await fill(pool, of.turns, embedder)
                measured = {
                    "full text": await recalled(pool, of.questions, embedder, words=True, meaning=False),
                    "vectors": await recalled(pool, of.questions, embedder, words=False, meaning=True),
                    "both": await recalled(pool, of.questions, embedder, words=True, meaning=True),
                }
        console.print(recall_table(embedder.model, measured))
        console.print(category_table({name: results for name, (results, _) in measured.items()}))
    conversations = len({turn.conv for turn in of.turns})
    explained = EXPLAINED.format(resampled=RESAMPLED, turns=len(of.turns), conversations=conversations)
    console.print(explained, style="dim")


def recall_table(model: str, measured: Mapping[str, tuple[Sequence[Recalled], Sequence[float]]]) -> Table:
    """All questions."""
    table = Table(title=f"\nHow much of what a question needs is found, with {model}", title_justify="left")
    table.add_column("")
    for name in (*(f"recall at {depth}" for depth in DEPTHS), "p50, ms", "p99, ms"):
        table.add_column(name, justify="right")
    for name, (results, took_ms) in measured.items():
        cells = [_cell([one.found[depth] for one in results]) for depth in DEPTHS]
        table.add_row(name, *cells, f"{percentile(took_ms, 50):.1f}", f"{percentile(took_ms, 99):.1f}")
    table.add_row("both less full text", *(_cell(gained(measured, depth)) for depth in DEPTHS))
    return table


def gained(measured: Mapping[str, tuple[Sequence[Recalled], Sequence[float]]], depth: int) -> Sequence[float]:
    """Return by how much more both find than full text alone, question by question."""
    words, both = measured["full text"][0], measured["both"][0]
    return [one.found[depth] - other.found[depth] for one, other in zip(both, words, strict=True)]


def category_table(measured: Mapping[str, Sequence[Recalled]]) -> Table:
    """Questions of one kind."""
    table = Table(title=f"\nAt {DEPTHS[-1]}, by kind of question", title_justify="left")
    for name in ("", "questions", *measured):
        table.add_column(name, justify="right" if name else "left")
    for category in sorted({one.category for results in measured.values() for one in results}):
        shares = [[one.found[DEPTHS[-1]] for one in results if one.category == category] for results in measured.values()]
        table.add_row(category, str(len(shares[0])), *(_cell(share) for share in shares))
    return table


def _cell(shares: Sequence[float]) -> str:
    mean, low, high = interval(shares)
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"
