"""No secret is shown to anybody who could not have read where it was said: random histories, judged by a model of the world.

An answer of Slack's may be a minute old, so what was so within the last minute is allowed. Bugs that are planted on purpose are
found by the same histories, so one that finds nothing says something.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from agent.embeddings.wordllama import WordLlama
from agent.store.fenced import Pool
from agent.store.memory_values import Values
from tests.conftest import TOLD
from tests.leaks.history import Bench, History
from tests.leaks.judge import Logged
from tests.leaks.plants import PLANTS
from tests.profiles import examples

AT_ONCE, ACTS = 10, 30
MOST_HISTORIES = 1_000  # until a planted bug is found
QUICK = {  # found by one of the first twenty histories; the others are for `make chaos`
    *("guests count as members", "private channels count as public", "group messages count as public"),
    *("direct messages are told to anybody", "what is for all full members is told to anybody", "no answer is a good answer"),
    *("search sees all channels where it looks at each item", "lists see all channels", "what is recalled is logged"),
    *("a source names where it was said", "guests see what is public in Slack"),
}


@dataclass
class Play:
    """Plays histories in one loop, on one database."""

    runner: asyncio.Runner
    bench: Bench

    def histories(self, seeds: Sequence[int]) -> tuple[Counter[str], str]:
        """Some, side by side: what happened in them, and what is wrong with one."""
        histories = [History(seed, ACTS, self.bench) for seed in seeds]

        async def play() -> None:
            await asyncio.gather(*(history.play() for history in histories))

        logged = Logged()
        with logged.listening():
            self.runner.run(play())
        wrong = ["\n".join([history.judge.findings[0], *history.log]) for history in histories if history.judge.findings]
        tally: Counter[str] = Counter()
        for history in histories:
            tally.update(history.judge.tally)
        return tally, next(iter([*logged.findings, *wrong]), "")


@pytest.fixture
def play(database_url: str, redis_url: str) -> Iterator[Play]:
    """Real stores."""

    async def opened() -> Bench:
        pool: Pool = AsyncConnectionPool(database_url, max_size=8, open=False, kwargs={"autocommit": True})
        await pool.open()
        return Bench(pool, Values(pool, redis_url), WordLlama())

    async def closed(bench: Bench) -> None:
        await bench.values.close()
        await bench.pool.close()

    with asyncio.Runner() as runner:
        bench = runner.run(opened())
        yield Play(runner, bench)
        runner.run(closed(bench))


def told(tally: Counter[str]) -> str:
    """The figures of a run."""
    return f"\n{', '.join(f'{what}: {count}' for what, count in tally.most_common())}\n"


@pytest.mark.hypothesis
@pytest.mark.timeout(3600)  # with the long profile
def test_no_history_shows_a_secret_to_somebody_who_could_not_have_read_it(
    play: Play, record_property: Callable[[str, object], None]
) -> None:
    tally: Counter[str] = Counter()

    @examples(0.1)
    @given(seed=st.integers(0, 2**32))
    def any_histories(seed: int) -> None:
        happened, wrong = play.histories(range(seed, seed + AT_ONCE))  # seeds, and not draws of hypothesis, which run out
        tally.update(happened)
        assert not wrong, wrong

    any_histories()
    assert tally["secrets shown"] > tally["histories"]  # they are not all about nothing
    assert tally["ended since the audience grew"] > 0
    assert tally["shown on the Home tab"] > 0
    record_property(TOLD, told(tally))


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_ten_thousand_histories_show_no_secret_to_anybody_who_could_not_have_read_it(
    play: Play, record_property: Callable[[str, object], None]
) -> None:
    tally: Counter[str] = Counter()
    for seed in range(0, 10_000, AT_ONCE):
        happened, wrong = play.histories(range(seed, seed + AT_ONCE))
        assert not wrong, wrong
        tally.update(happened)
    assert tally["histories"] == 10_000
    record_property(TOLD, told(tally))


@pytest.mark.parametrize("bug", [pytest.param(bug, marks=() if bug in QUICK else pytest.mark.chaos) for bug in PLANTS])
def test_a_planted_leak_is_found(bug: str, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[bug](monkeypatch)
    for seed in range(0, MOST_HISTORIES, AT_ONCE):
        _, wrong = play.histories(range(seed, seed + AT_ONCE))
        if wrong:
            print(f"found by the histories from {seed} on: {wrong.splitlines()[0]}")
            return
    pytest.fail(f"{MOST_HISTORIES} histories did not find it")
