"""A set, played several times by several processes at once, and kept line by line: what is finished is never played again.

Each repeat has a database, a Redis and a folder that nothing else uses. The processes know no address of anything else: what the
environment says of Slack, of the model and of stores is taken out of it before they begin.
"""

import asyncio
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import ValidationError
from redis import Redis

import migrations
from bot.eval.cases import Case, GoldenSet
from bot.eval.confined import confine
from bot.eval.happened import Happened, Played
from bot.eval.judging import Judged, judge
from bot.eval.playing import Model, Stage, play
from bot.eval.tape import Tape
from bot.stores.embedded_home import Home, Servers

TEMPLATE = "eval_template"
MEMORY = Path("/dev/shm")  # files that are only in memory, on Linux
ROOM_BYTES = 2**30
TAKEN_OUT = ("SLACK_", "ANTHROPIC_", "DATABASE_", "REDIS_", "SIGNOFF_", "OTEL_", "AWS_", "PG")


class Finished(Happened):
    """One repeat of one case, as it is kept: what happened, and what of it is as it should be."""

    case: str
    repeat: int
    played: Played
    judged: Judged


@dataclass(frozen=True, slots=True)
class Job:
    """One repeat of one case that is to be played."""

    case: Case
    repeat: int
    golden: GoldenSet
    model: Model


@dataclass(frozen=True, slots=True)
class Kept:
    """The file of a run. Each line is a finished repeat; a line that was cut off by a kill is as if it was not there."""

    path: Path

    def finished(self) -> Sequence[Finished]:
        """Return what is finished."""
        if not self.path.exists():
            return []
        found: list[Finished] = []
        for line in self.path.read_text().splitlines():
            try:
                found.append(Finished.model_validate_json(line))
            except ValidationError:
                continue  # cut off in the middle
        return found

    def add(self, finished: Finished) -> None:
        """Keep one more, on the disk before it returns."""
        torn = self.path.exists() and self.path.stat().st_size > 0 and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a") as file:
            file.write(("\n" if torn else "") + finished.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())


def run(
    golden: GoldenSet,
    model_of: Callable[[Case], Model],
    kept: Kept,
    *,
    repeats: int = 1,
    at_once: int = 2,
    heard: Callable[[Finished, Tape], None] = lambda finished, tape: None,
) -> Sequence[Finished]:
    """Play what of a set is not finished yet, and return all of it. `heard` gets each repeat as it ends, with what the model
    answered in it. Raises Refusal."""
    there = {(finished.case, finished.repeat) for finished in kept.finished()}
    jobs = [
        Job(case, repeat, golden, model_of(case))
        for repeat in range(repeats)
        for case in golden.cases
        if (case.case, repeat) not in there
    ]
    if jobs:
        with _eval_stores() as (home, servers):
            for finished, tape in _played_in_processes(jobs, home, servers, at_once):
                kept.add(finished)
                heard(finished, tape)
    wanted = {case.case for case in golden.cases}
    return [finished for finished in kept.finished() if finished.case in wanted and finished.repeat < repeats]


@contextmanager
def _eval_stores() -> Generator[tuple[Path, Servers]]:
    """Yield a folder and stores that are gone at the end, in memory where there is room."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="signoff-eval-", dir=MEMORY if in_memory else None))
    folder.chmod(0o711)  # for root, whose Postgres runs as another user
    try:
        with Home(folder / "home", allow_fake=True).servers() as servers:
            _do_as_owner(servers, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
            migrations.upgrade(_database_named(servers, TEMPLATE))
            yield folder, servers
    finally:
        shutil.rmtree(folder)


def _played_in_processes(jobs: Sequence[Job], home: Path, servers: Servers, at_once: int) -> Generator[tuple[Finished, Tape]]:
    """Play jobs in other processes, and yield each as it ends."""
    context = multiprocessing.get_context("spawn")  # a fork would share the parent's sockets
    numbers = context.Value("i", 0)
    with ProcessPoolExecutor(at_once, mp_context=context, initializer=_enter_process, initargs=(numbers, home, servers)) as pool:
        waiting: list[Future[tuple[Finished, Tape]]] = [pool.submit(_play_job, job) for job in jobs]
        for done in as_completed(waiting):
            yield done.result()


# ---------------------------------------------------------------------------------------------- in a process


@dataclass
class _Process:
    """What one process plays with."""

    number: int
    home: Path
    servers: Servers
    played: int = 0


_process: list[_Process] = []


def _enter_process(numbers: Any, home: Path, servers: Servers) -> None:
    for name in [name for name in os.environ if name.startswith(TAKEN_OUT)]:
        del os.environ[name]
    os.environ["HOME"] = str(home)
    with numbers.get_lock():
        numbers.value += 1
        _process.append(_Process(numbers.value, home, servers))
    confine()


def _play_job(job: Job) -> tuple[Finished, Tape]:
    process = _process[0]
    process.played += 1
    name = f"eval_{process.number}_{process.played}"
    folder = process.home / name
    folder.mkdir()
    os.chdir(folder)  # a `.env` or `signoff.yaml` of where the command was typed is not the case's
    _do_as_owner(
        process.servers, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
    )
    try:
        stage = Stage(Servers(_database_named(process.servers, name), _empty_redis(process)), folder)
        played, tape = asyncio.run(play(job.case, job.golden, stage, job.model))
    finally:
        os.chdir(process.home)
        _do_as_owner(process.servers, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(folder)
    finished = Finished(case=job.case.case, repeat=job.repeat, played=played, judged=judge(job.case, played))
    return finished, tape


def _empty_redis(process: _Process) -> str:
    """Return the address of a database of Redis that only this process uses, with nothing in it."""
    url = process.servers.redis_url.rstrip("/")
    own = f"{url}?db={process.number}" if url.startswith("unix:") else f"{url}/{process.number}"
    with Redis.from_url(own) as redis:  # pyright: ignore[reportUnknownMemberType]  # redis leaves kwargs untyped
        redis.flushdb()  # pyright: ignore[reportUnknownMemberType]
    return own


def _database_named(servers: Servers, name: str) -> str:
    """Return the address of another database on the same server."""
    return servers.database_url.replace("/postgres?", f"/{name}?")


def _do_as_owner(servers: Servers, statement: sql.Composed) -> None:
    with psycopg.connect(make_conninfo(servers.database_url), autocommit=True) as connection:
        connection.execute(statement)


def tape_of(folder: Path, case: Case) -> Tape:
    """Return the recording of a case; an empty one where there is none."""
    path = folder / f"{case.case}.json"
    return Tape.model_validate(json.loads(path.read_text())) if path.exists() else Tape()
