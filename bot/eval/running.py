"""A set, played several times by several processes at once, and kept line by line: what is finished is never played again.

Each repeat has a database, a Redis and a folder that nothing else uses. The processes know no address of anything else: all but
what programs need is taken out of the environment before they begin.
"""

import asyncio
import fcntl
import multiprocessing
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from redis import Redis

import migrations
from bot.eval.cases import Case, GoldenSet
from bot.eval.confined import confine
from bot.eval.judging import judge
from bot.eval.kept import Finished, Kept
from bot.eval.playing import Model, Performance, Stage, perform
from bot.eval.tape import Tape
from bot.stores.embedded_home import Home, Servers

TEMPLATE = "eval_template"
MEMORY = Path("/dev/shm")  # files that are only in memory, on Linux
ROOM_BYTES = 2**30
PREFIX = "signoff-eval-"  # of the folders of evals
HELD = "held"  # a file in it, locked for as long as its eval runs
Out = TypeVar("Out")
KEPT_VARIABLES = re.compile(r"PATH|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|PYTHON\w*")  # of the environment


@dataclass(frozen=True, slots=True)
class Job:
    """One repeat of one case that is to be played."""

    case: Case
    repeat: int
    golden: GoldenSet
    model: Model


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
    answered in it, before it is kept. Raises Refusal."""
    there = {(finished.case, finished.repeat) for finished in kept.finished()}
    jobs = [
        Job(case, repeat, golden, model_of(case))
        for repeat in range(repeats)
        for case in golden.cases
        if (case.case, repeat) not in there
    ]
    if jobs:
        with _eval_stores() as (home, servers):
            for finished, tape in _done_in_processes(_play_job, jobs, home, servers, at_once):
                heard(finished, tape)
                kept.add(finished)
    wanted = {case.case for case in golden.cases}
    return [finished for finished in kept.finished() if finished.case in wanted and finished.repeat < repeats]


def run_alone(job: Job) -> Performance:
    """Play one repeat, and return all that it came to. Nothing of it is kept. Raises Refusal."""
    with _eval_stores() as (home, servers):
        [performance] = _done_in_processes(_perform_job, [job], home, servers, 1)
        return performance


@contextmanager
def _eval_stores() -> Generator[tuple[Path, Servers]]:
    """Yield a folder and stores that are gone at the end, in memory where there is room."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    place = MEMORY if in_memory else Path(tempfile.gettempdir())
    _clear_abandoned(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    folder.chmod(0o711)  # for root, whose Postgres runs as another user
    held = (folder / HELD).open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with Home(folder / "home", allow_fake=True).servers() as servers:
            _do_as_owner(servers, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
            migrations.upgrade(_database_named(servers, TEMPLATE))
            yield folder, servers
    finally:
        held.close()
        shutil.rmtree(folder)


def _clear_abandoned(place: Path) -> None:
    """Remove the folders of evals that were killed, once their servers are gone: those end by themselves a second later."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / HELD).open("r+") as held:  # another person's, or not held yet
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            home = Home(folder / "home", allow_fake=True)
            if not any(server.running() for server in (home.postgres, home.redis, home.fake_redis)):
                shutil.rmtree(folder)


def _done_in_processes(
    do: Callable[[Job], Out], jobs: Sequence[Job], home: Path, servers: Servers, at_once: int
) -> Generator[Out]:
    """Do jobs in other processes, and yield what came of each as it ends. Whatever ends this early, Ctrl-C too, ends them."""
    context = multiprocessing.get_context("spawn")  # a fork would share the parent's sockets
    numbers = context.Value("i", 0)
    pool = ProcessPoolExecutor(at_once, mp_context=context, initializer=_enter_process, initargs=(numbers, home, servers))
    try:
        waiting: list[Future[Out]] = [pool.submit(do, job) for job in jobs]
        for done in as_completed(waiting):
            yield done.result()
    finally:
        for process in multiprocessing.active_children():  # left to themselves they clear up for seconds
            process.terminate()
        pool.shutdown(cancel_futures=True)


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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is heard by the command, which ends its processes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in [name for name in os.environ if not KEPT_VARIABLES.fullmatch(name)]:
        del os.environ[name]
    os.environ["HOME"] = str(home)
    with numbers.get_lock():
        numbers.value += 1
        _process.append(_Process(numbers.value, home, servers))
    confine()


def _end_with_parent() -> None:
    """Wait for the command to end, however it does, and end this process: it would wait for its next case forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _play_job(job: Job) -> tuple[Finished, Tape]:
    performance = _perform_job(job)
    played = performance.played
    finished = Finished(case=job.case.case, repeat=job.repeat, played=played, judged=judge(job.case, played))
    return finished, performance.tape


def _perform_job(job: Job) -> Performance:
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
        return asyncio.run(perform(job.case, job.golden, stage, job.model))
    finally:
        os.chdir(process.home)
        _do_as_owner(process.servers, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(folder)


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
