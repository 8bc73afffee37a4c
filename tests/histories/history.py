"""One random history: two processes, several conversations, and a judge at the end."""

import asyncio
import logging
import re
import traceback
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from agent.decide.moves import CardNotice, Cards, Question
from agent.errors import IllegalStepError
from agent.reports.home_overview import Overview
from agent.run.gate import CLOCKS_DIFFER_SECONDS
from agent.session.machine import fold
from agent.session.state import Session
from agent.session.steps import STEP, Recorded
from agent.store.sessions import Pool, Store, session_id
from tests.histories.judge import Judge
from tests.histories.outside import Outside
from tests.histories.people import People
from tests.histories.policies import POLICIES
from tests.histories.process import TROUBLE_SECONDS, Process
from tests.histories.records import Logged, Records, Vote
from tests.patience import PATIENCE_SECONDS

# A due time is read off two clocks, what is over by ours alone is tried again, and so is what failed.
LATE = timedelta(milliseconds=50) + timedelta(seconds=CLOCKS_DIFFER_SECONDS) + timedelta(seconds=TROUBLE_SECONDS)
HAPPENS = {"act": 60, "kill": 2, "stop": 1, "freeze": 3, "thaw": 5, "policy": 4, "people": 4, "tools": 4, "retire": 1}
OPEN = ("message", "outcome_click", "continue_click")  # what may stay in the inbox of a session that waits


class History:
    """Drives one history and finds what is wrong with it.

    Wide because it is all of a history, from the first word to its rest, and the rows that it leaves.
    """

    def __init__(self, seed: int, acts: int, database_url: str) -> None:
        self.outside = Outside(Random(seed), POLICIES[seed % len(POLICIES)])
        self._random, self._acts, self._database_url = self.outside.random, acts, database_url
        self._team = f"T{seed}"
        self._processes: list[Process] = []

    async def play(self, looked_for: str = "$^") -> list[str]:
        """Let it happen. What must not have happened.

        `looked_for`: an expression for a finding after which nothing else matters, so the end is not waited for.
        """
        pool: Pool = AsyncConnectionPool(self._database_url, max_size=16, open=False, kwargs={"autocommit": True})
        async with pool:
            self._pool = pool
            await self._empty()
            self._people = People(self.outside, Store(pool), Overview(pool), self._team)
            with _failures(self.outside.wrong):
                try:
                    await self._disturbed()
                    if found := [what for what in await self._findings() if re.search(looked_for, what)]:
                        return found
                    unrest = await self._at_rest()
                finally:
                    await asyncio.gather(*(process.stop() for process in self._processes))
            findings = [*await self._findings(), *unrest]
            self.outside.tally.update([f"ended as {status}" for (status,) in await self._sql("SELECT status FROM action")])
        self.outside.tally["runs of tools"] += len(self.outside.ledger)
        self.outside.tally["conversations"] += len(self._people.places)
        return findings

    async def _findings(self) -> list[str]:
        return [*Judge(self.outside, await self._records()).findings()]

    async def _empty(self) -> None:
        """Forget what other histories left, the audit log included, which nobody may empty while its triggers are on."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(
                'TRUNCATE session, pin, inbox, step, action, vote, "grant", usage, attachment, audit, audit_head RESTART IDENTITY'
            )

    async def _disturbed(self) -> None:
        """People act and processes die, for a while."""
        await self._people.come()
        for _ in range(2):
            await self._begin()
        for _ in range(self._acts):
            await self._happen()
            await asyncio.sleep(self._random.random() * 0.05)
        await self._people.go()
        self.outside.calm = True
        for process in self._processes:
            process.thaw()

    async def _begin(self) -> None:
        process = Process(self.outside, self._database_url)
        await process.start()
        self._processes.append(process)

    async def _happen(self) -> None:
        what = self._random.choices(list(HAPPENS), list(HAPPENS.values()))[0]
        process = self._random.choice(self._processes)
        self.outside.tally[what] += what != "act"
        match what:
            case "act":
                await self._people.act()
            case "kill":
                await process.kill()
            case "stop":
                await process.stop()
            case "freeze":
                process.freeze()
            case "thaw":
                process.thaw()
            case "retire":
                self.outside.retire()
            case "policy":
                self.outside.switch(self._random.choice(POLICIES))
            case "tools":
                self.outside.tools_move()
            case _:
                self.outside.people_move()
        if what in ("kill", "stop"):
            self._processes.remove(process)
            await self._begin()

    # ------------------------------------------------------------------------------------------ the end

    async def _at_rest(self) -> list[str]:
        """Until nothing is left to do. What does not come to rest, or is wrong when it has."""
        restless: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    before, restless = await self._marks(), await self._restless()
                    wrong = restless or await self._wrong_at_rest()
                    if not wrong or (not restless and before == await self._marks()):
                        return wrong  # and nothing has moved while we looked
                    await asyncio.sleep(0.05)
        except IllegalStepError as error:
            return [f"a log that nobody can read any more: {error}"]
        except TimeoutError:
            rows = await self._sql("SELECT id, epoch, wakes, lease_until, wake_at, now() FROM session")
            return [f"it does not come to rest: {what}" for what in (*restless, *rows)]

    async def _marks(self) -> list[tuple[Any, ...]]:
        """What is different whenever a process has held a session, or is about to."""
        return await self._sql("SELECT id, epoch, wakes, wake_at, wake_at <= now() FROM session ORDER BY id")

    async def _restless(self) -> list[str]:
        """What is held, due, or yet to be done."""
        held = await self._sql(
            """
            SELECT id || ' is held or due' FROM session WHERE lease_until IS NOT NULL OR wake_at <= now()
            UNION ALL SELECT session_id || ' has ' || id || ', ' || status FROM action
            WHERE status IN ('approved', 'running') OR status = 'pending' AND expires_at <= now()
            UNION ALL SELECT session_id || ' has not taken ' || body::text FROM inbox WHERE taken_at IS NULL AND NOT
                (body::text ~ %s AND EXISTS (SELECT FROM action WHERE action.session_id = inbox.session_id
                                                       AND status = 'pending'))
        """,
            rf'^{{"kind": "({"|".join(OPEN)})"',  # Postgres takes no JSON apart that holds a NUL
        )
        return [what for (what,) in held] or [
            f"{session.id} is ready: {session.turn.calls}, {session.turn.ending.closing}, {session.posts}"
            for session in await self._sessions()
            if session.status == "ready"
        ]

    async def _sessions(self) -> list[Session]:
        """As their logs have them."""
        logs = (await self._records()).logs
        return [
            fold(
                Session(session_id(place), place, 1 << 40),
                [Recorded(item.seq, item.epoch, item.step) for item in logs[session_id(place)]],
            )
            for place in self._people.places
        ]

    async def _wrong_at_rest(self) -> list[str]:
        """Every session is idle, or waits on open cards that stand in its thread; every card shows how things stand."""
        wrong: list[str] = []
        rows = await self._sql("SELECT id, session_id, status, expires_at, body FROM action")
        wakes = {id: wake_at for id, wake_at in await self._sql("SELECT id, wake_at FROM session")}
        on_screen = [
            (row, message)
            for message in self.outside.threads.messages.values()
            if isinstance(message.content, Cards)
            for row in message.content.rows
        ]
        questions = {
            message.content.card.action_id
            for message in self.outside.threads.messages.values()
            if isinstance(message.content, Question)
        }
        for session in await self._sessions():
            pending = [row for row in rows if row[1] == session.id and row[2] == "pending"]
            if session.status != ("waiting" if pending else "idle"):
                wrong.append(f"{session.id} is {session.status} with {len(pending)} open cards")
            for action_id, _, _, expires_at, body in pending:
                wake_at: datetime | None = wakes[session.id]
                if wake_at is None or wake_at > expires_at + LATE:
                    known = list(session.actions)
                    end = f"the end of {action_id} at {expires_at}"
                    wrong.append(f"{session.id} sleeps until {wake_at}, through {end}, and knows {known}")
                if not any(row.action_id == action_id and row.arguments == body["arguments"] for row, _ in on_screen):
                    wrong.append(f"{action_id} stands nowhere")
        wrong += [f"a message in {each.thread_ts} still shows {each.shows}" for each in self.outside.threads.growing.values()]
        statuses = {row[0]: row[2] for row in rows}
        notices = [message for message in self.outside.threads.messages.values() if isinstance(message.content, CardNotice)]
        standing = Counter(message.key.rpartition(":")[0] for message in notices)
        wrong += [f"{count} of {notice} stand" for notice, count in standing.items() if count > 1]
        wrong += [
            f"{message.key} says that {waits} waits, and it is {statuses[waits]}"
            for message in notices
            if isinstance(message.content, CardNotice)
            for waits in message.content.look.waits
            if statuses[waits] != "pending"
        ]
        wrong += [
            f"the card of {row.action_id} in {message.channel} shows {row.look}, and it is {statuses[row.action_id]}"
            for row, message in on_screen
            if statuses[row.action_id] != ("refused" if row.look == "left" else row.look)
        ]
        wrong += [
            f"nobody was asked about {id}" for id, status in statuses.items() if status == "unknown" and id not in questions
        ]
        return wrong

    # ------------------------------------------------------------------------------------------ rows

    async def _sql(self, statement: Any, *values: Any) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def _records(self) -> Records:
        logs: dict[str, list[Logged]] = defaultdict(list)
        for id, seq, epoch, at, body in await self._sql(
            "SELECT session_id, seq, epoch, made_at, body::text FROM step ORDER BY session_id, seq"
        ):
            logs[id].append(Logged(seq, epoch, at, STEP.validate_json(body)))
        votes: dict[str, list[Vote]] = defaultdict(list)
        for id, user, decision, at in await self._sql('SELECT action_id, "user", decision, voted_at FROM vote'):
            votes[id].append(Vote(user, decision, at))
        revoked = await self._sql('SELECT id, revoked_at FROM "grant" WHERE revoked_at IS NOT NULL')
        audited = await self._sql("SELECT session_id, call_id FROM audit WHERE kind = 'claim'")
        return Records(logs, votes, dict(revoked), frozenset((id, call) for id, call in audited))


@contextmanager
def _failures(wrong: list[str]) -> Generator[None]:
    """Drives that end by an exception of our own code; that of a database that is gone is meant."""

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            if error is not None and not isinstance(error, psycopg.OperationalError):
                where = traceback.format_tb(error.__traceback__)[-4:]
                wrong.append(f"{record.getMessage()}: {error!r} {''.join(where)}")

    heard, logger = Heard(), logging.getLogger("agent.run.runner")
    logger.addHandler(heard)
    try:
        yield
    finally:
        logger.removeHandler(heard)
