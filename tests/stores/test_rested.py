"""A session that this process let go of last is driven on from memory; once anybody else had it, its log is read."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.memory.transcript import Transcript
from agent.run.effects import Effects
from agent.run.rested import Rested, RestedSessions
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.inbox import Inboxed
from agent.session.rules import Rules
from agent.session.state import Session
from agent.store.erasure import Conversation, erase
from agent.store.fenced import Lease
from agent.tool.definition import registry
from tests.fakes.budget import FakeBudget
from tests.stores.books import Books
from tests.stores.core import Core, message, place, until
from tests.stores.test_model_calls import PINNED, Desk

NOW = datetime(2026, 12, 1, tzinfo=UTC)
KEPT = Rested(Session("T1:C1:1.0", place(), 3, seq=7), Session("T1:C1:1.0", place(), 3), Transcript(), (1, 3), 5, (), NOW)
NEXT = Lease("T1:C1:1.0", place(), 4, None, 6, False, NOW, 0.0, created_at=NOW, last_seq=7)


class Talk:
    """One conversation that several processes take part in, each with what it remembers."""

    def __init__(self, books: Books, core: Core) -> None:
        self._desk, self._core = Desk(books=books), core
        self._runners: dict[str, Runner] = {}

    async def turn(self, process: str) -> str:
        """Somebody asks, this process answers; all that the model was shown then."""
        core, desk = self._core, self._desk
        effects = Effects(desk, desk, FakeBudget(), core.store, registry([]))
        made = Runner(core.store, core.queue, effects, lambda place: Agent(PINNED, Rules(registry([]))))
        runner, answered = self._runners.setdefault(process, made), len(desk.requests)
        await core.wake(place(), message("Go on."))

        async def rests() -> bool:
            return await core.sql("SELECT 1 FROM session WHERE lease_until IS NOT NULL OR wake_at IS NOT NULL") == []

        async with Worker(core.database_url, core.queue, runner, poll_seconds=0.1):
            await until(rests)
        [request] = desk.requests[answered:]
        return str(request.messages)

    async def rewrites_the_log(self) -> None:
        """Nobody does; people who are shown it have read the log."""
        await self._core.sql("UPDATE step SET body = replace(body::text, 'Done.', 'As read.')::json")

    async def erased(self) -> None:
        """The conversation is gone, and its thread is a new one."""
        await erase(self._core.pool, "U1", [Conversation("T1:C1:1.0", "T1", with_others=False)], "U9")


@pytest.fixture
async def talk(core: Core, redis_url: str) -> AsyncIterator[Talk]:
    """A conversation that process A has answered once; what it said stands otherwise in the log now."""
    books = Books(core, redis_url)
    talk = Talk(books, core)
    await talk.turn("A")
    await talk.rewrites_the_log()
    yield talk
    await books.close()


async def test_who_had_it_last_goes_on_from_memory(talk: Talk) -> None:
    assert "Done." in await talk.turn("A")


async def test_another_process_reads_it_and_so_does_the_first_one_after_that(talk: Talk) -> None:
    assert "As read." in await talk.turn("B")
    await talk.rewrites_the_log()
    shown = await talk.turn("A")
    assert ("As read." in shown, "Done." in shown) == (True, False)


async def test_a_conversation_that_was_erased_is_not_remembered(talk: Talk) -> None:
    await talk.erased()
    await talk.turn("B")
    assert (await talk.turn("A")).count("Go on.") == 2  # the second claim, as the next one would have been of what is in memory


@pytest.mark.parametrize(
    ("lease", "known"),
    [
        (NEXT, True),
        (replace(NEXT, epoch=5), False),
        (replace(NEXT, last_seq=8), False),
        (replace(NEXT, created_at=NOW + timedelta(seconds=1)), False),
    ],
    ids=["the next claim", "somebody had it between", "a longer log", "another row"],
)
def test_what_is_kept_counts_for_the_very_next_claim_alone(lease: Lease, known: bool) -> None:
    sessions = RestedSessions()
    sessions.keep(KEPT)
    assert (sessions.take(lease) is KEPT) == known
    assert sessions.take(lease) is None  # once


def test_what_it_was_given_is_known_where_nothing_else_came() -> None:
    old, new = (Inboxed(id=number, received=message(f"{number}")) for number in (1, 2))
    kept = replace(KEPT, inbox=(old,))

    def inbox(wakes: int, received: Inboxed | None) -> Sequence[Inboxed] | None:
        return kept.inbox_of(replace(NEXT, wakes=wakes, received=received))

    assert inbox(5, None) == [old]  # the clock woke it
    assert inbox(6, new) == [old, new]
    assert inbox(6, None) is None  # by somebody, with something
    assert inbox(7, new) is None  # and with something else


def test_however_many_wait_few_are_kept() -> None:
    sessions = RestedSessions(most_steps=20)
    kept: list[Any] = [replace(KEPT, session=replace(KEPT.session, id=f"S{number}")) for number in range(9)]
    for each in kept:
        sessions.keep(each)
    found = [sessions.take(replace(NEXT, session_id=each.session.id)) for each in kept]
    assert [each.session.id for each in found if each is not None] == ["S7", "S8"]  # seven steps each
    sessions.keep(replace(KEPT, session=replace(KEPT.session, seq=21)))
    assert sessions.take(replace(NEXT, last_seq=21)) is None  # longer than all that may be kept
