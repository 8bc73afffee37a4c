"""One case, played through the real bot: its own workspace, stores and model, and people who say what the case tells.

Nothing of it reaches further than this machine: the workspace is the sandbox's, the database the case's own.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg_pool import AsyncConnectionPool
from pydantic import JsonValue, SecretStr

from agent.memory.items import NewItem, Source, message_key
from agent.session.steps import STEP
from agent.store.memory_items import Items
from agent.tool.definition import Effect, Tool
from bot.app.wiring import Bot, running
from bot.config.file import Config, load_config
from bot.config.manifest import read_manifest
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.eval import tickets
from bot.eval.cases import Case, GoldenSet, Play
from bot.eval.filling import filled_value, filling
from bot.eval.happened import Played, Turn, read
from bot.eval.people import PATIENCE_SECONDS, NotAsPlayedError, People
from bot.eval.recorded import Recorded, stand_ins
from bot.eval.tape import Recorder, Replayer, Tape
from bot.sandbox.model import Call, Lines, Reply, ScriptedModel, Text
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.stores.embedded_home import Servers
from tools.catalog import seed_shop
from tools.mcp import Local
from tools.mcp import Server as McpServer

DATABASE = "SIGNOFF_EVAL_DATABASE"  # where signoff.yaml finds the address of the case's database, for the pack sql:NAME
DATA = "SIGNOFF_EVAL_DATA"  # where tools of a case find the file of JSON that they keep their data in
KEY = "sk-ant-" + "eval"  # for models on this machine
LOG: LiteralString = """
SELECT made_at, body::text FROM step WHERE session_id = (SELECT session_id FROM step ORDER BY made_at, seq LIMIT 1) ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Model:
    """Who answers: recorded answers, a model behind an address, or the lines of the case."""

    tape: Tape | None = None
    upstream: str = ""
    key: str = KEY


@dataclass(frozen=True, slots=True)
class Performance:
    """What a case came to: what happened, the model's answers as they were given, the log of its first conversation (when each
    step was committed, and it as JSON), and the ids of its people and channels by name."""

    played: Played
    tape: Tape
    log: Sequence[tuple[datetime, str]]
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a case is played: stores that nothing else uses, and a folder for its files."""

    servers: Servers
    folder: Path


async def play(case: Case, golden: GoldenSet, stage: Stage, model: Model) -> tuple[Played, Tape]:
    """Play a case once. Returns what happened, and the model's answers as they were given."""
    performance = await perform(case, golden, stage, model)
    return performance.played, performance.tape


async def perform(case: Case, golden: GoldenSet, stage: Stage, model: Model) -> Performance:
    """Play a case once. Raises Refusal."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(
            SlackSandbox(read_manifest(), ack_seconds=PATIENCE_SECONDS, trigger_seconds=PATIENCE_SECONDS, numbered=True)
        )
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            stage.servers.database_url, min_size=1, open=False, kwargs={"autocommit": True}
        )
        await stack.enter_async_context(pool)
        for joins in case.world.joins:
            outside = {"team_id": "TOUTSIDE"} if joins.outside else {}
            slack.join(joins.name, *joins.channels, is_restricted=joins.guest, title=joins.title, **outside)
            if joins.called:
                slack.become(joins.name, real_name=joins.called)
        text = filling(slack)
        await _furnish(case, slack, pool, text)
        server = await stack.enter_async_context(await _model_server(case, model, stack, text))
        config = _config_file(case, golden, stage.folder, text)
        os.environ[DATABASE] = stage.servers.database_url
        if case.world.data is not None:
            _write_data(stage.folder, case.world.data)
        bot = await stack.enter_async_context(
            running(
                _bot_settings(slack, server.base_url, model.key, stage),
                config,
                stage.servers,
                mcp=_ticket_desk(stage.folder) if case.world.tickets and case.recorded is None else (),
                log_conversations=False,
                only_packs=_recorded_tools(case, text) if case.recorded is not None else None,
            )
        )
        people = People(slack, pool, case.world)
        began, trouble = time.monotonic(), ""
        marks: list[tuple[int, int]] = []
        try:
            await _until_ready(case, bot, config, people, pool)
            for line in case.talk:
                await people.act(line, text)
                marks.append((await _count_steps(pool), len(people.posts())))
        except NotAsPlayedError as error:
            trouble = str(error)
        played = await _read_end(case, bot, people, pool, time.monotonic() - began, text, marks)
        drift = server.drift if isinstance(server, Replayer) else ""
        if isinstance(server, Replayer) and server.left and not drift:
            drift = f"{server.left} of the recorded answers were not asked for"
        tape = server.tape() if isinstance(server, Recorder) else Tape()
        ids = {**slack.people, **slack.channels, "bot": slack.bot_user_id}
        return Performance(played.model_copy(update={"trouble": trouble, "drift": drift}), tape, await _log(pool), ids)


async def _log(pool: AsyncConnectionPool[Any]) -> Sequence[tuple[datetime, str]]:
    async with pool.connection() as connection:
        return await (await connection.execute(LOG)).fetchall()


# ---------------------------------------------------------------------------------------------- the world


def _recorded_tools(case: Case, text: Callable[[str], str]) -> Mapping[str, Sequence[Tool]]:
    """Return the stand-ins of a case."""
    assert case.recorded is not None
    calls = filled_value(case.recorded.model_dump(mode="json")["calls"], text)
    return stand_ins(Recorded(tools=case.recorded.tools, calls=calls))


def _config_file(case: Case, golden: GoldenSet, folder: Path, text: Callable[[str], str]) -> Config:
    """Return the configuration as the bot reads it from a file. Raises Refusal."""
    path = folder / "signoff.yaml"
    path.write_text(json.dumps(filled_value(dict(golden.config_of(case)), text)))  # YAML that is JSON
    return load_config(path)


def _bot_settings(slack: SlackSandbox, model_url: str, key: str, stage: Stage) -> Settings:
    return Settings(
        slack_bot_token=SecretStr(slack.bot_token),
        slack_app_token=SecretStr(slack.app_token),
        slack_api_url=slack.api_url,
        anthropic_api_key=SecretStr(key),
        anthropic_base_url=model_url,
        database_url=stage.servers.database_url,
        redis_url=stage.servers.redis_url,
        signoff_home=stage.folder,
        port=0,
    )


async def _furnish(case: Case, slack: SlackSandbox, pool: AsyncConnectionPool[Any], text: Callable[[str], str]) -> None:
    """Bring everything to where the case begins."""
    await seed_shop(pool)
    for statement in case.world.sql:
        try:
            async with pool.connection() as connection:
                await connection.execute(cast(Any, text(statement)))
        except psycopg.Error as error:
            why = error.diag.message_primary or type(error).__name__
            raise Refusal(f"The case {case.case} cannot begin: Postgres refuses its SQL ({why}). Mend {statement!r}.") from None
    for post in case.world.posts:
        await slack.say(post.who, slack.channels[post.channel], text(post.says))
    for number, one in enumerate(case.world.remembers, 1):
        channel = slack.channels[one.channel]
        source = Source(key=message_key(channel, f"{number}.000000"), quote=text(one.fact), by=slack.people[one.by])
        item = NewItem(channel=channel, kind="fact", text=text(one.fact), source=source, group=f"before:{number}")
        await Items(pool).learn(slack.team_id, item)


def _ticket_desk(folder: Path) -> Sequence[McpServer]:
    return [McpServer(name="tickets", reach=Local(sys.executable, (str(tickets.__file__),), folder=str(folder)))]


async def _until_ready(case: Case, bot: Bot, config: Config, people: People, pool: AsyncConnectionPool[Any]) -> None:
    """Wait until the tools of the ticket desk are there, and what is remembered has its vectors: it is found by them, too."""

    async def ready() -> bool:
        if case.world.tickets and not any(name.startswith("tickets__") for name in bot.tools):
            return False
        if config.memory is None:
            return True
        async with pool.connection() as connection:
            return not (await connection.execute("SELECT FROM memory WHERE embedding IS NULL LIMIT 1")).rowcount

    await people.until(ready, "the ticket desk does not come up, or memory gets no vectors")


# ---------------------------------------------------------------------------------------------- the model


async def _model_server(case: Case, model: Model, stack: AsyncExitStack, text: Callable[[str], str]) -> Recorder | Replayer:
    if model.tape is not None:
        return Replayer(model.tape)
    if model.upstream:
        return Recorder(model.upstream)
    scripted = ScriptedModel(Lines(*(_scripted_reply(play, text) for play in case.plays)))
    scripted.api_key = model.key
    await stack.enter_async_context(scripted)
    return Recorder(scripted.base_url)


def _scripted_reply(play: Play, text: Callable[[str], str]) -> Reply:
    calls = [Call(tool, filled_value(dict(arguments), text)) for call in play.calls for tool, arguments in call.items()]
    return Reply((*([Text(text(play.say))] if play.say else []), *calls))


# ---------------------------------------------------------------------------------------------- the end


async def _count_steps(pool: AsyncConnectionPool[Any]) -> int:
    async with pool.connection() as connection:
        [(count,)] = await (await connection.execute("SELECT count(*) FROM step")).fetchall()
        return int(count)


async def _read_end(
    case: Case,
    bot: Bot,
    people: People,
    pool: AsyncConnectionPool[Any],
    seconds: float,
    text: Callable[[str], str],
    marks: Sequence[tuple[int, int]],
) -> Played:
    """Return what happened, from the log, from what people see, and from the database. `marks`: how many steps and posts there
    were after each line."""

    async def rows(statement: str) -> list[tuple[Any, ...]]:
        async with pool.connection() as connection:
            cursor = await connection.execute(cast(Any, statement))
            return await cursor.fetchall()

    async def found(statement: str) -> JsonValue:
        try:
            return _plain_rows(await rows(statement))
        except psycopg.Error as error:  # a table may be gone by what the model did
            return f"Postgres refuses it: {error.diag.message_primary}"

    steps = [STEP.validate_json(body) for (body,) in await rows("SELECT body::text FROM step ORDER BY made_at, session_id, seq")]
    writing = frozenset(name for name, tool in bot.tools.items() if tool.effect is not Effect.READ)
    calls, cards, figures = read(steps, writing, seconds)
    posts, asides = ([message.seen_text for message in seen] for seen in (people.posts(), people.asides()))
    ended = [*marks, (len(steps), len(posts))]  # the line that could not be done counts too
    turns = [
        Turn(who=line.who, did=line.words, calls=len(read(steps[:seen], writing, 0)[0]), posts=count)
        for line, (seen, count) in zip(case.talk, ended, strict=False)
    ]
    return Played(
        calls=calls,
        cards=cards,
        answer="\n".join([*posts[people.heard :], *asides[people.told :]]),
        posts=[*posts, *asides],
        turns=turns,
        finds=[await found(text(state.sql)) for state in case.state],
        data=_data_now() if case.world.data is not None else {},
        figures=figures,
    )


def _write_data(folder: Path, data: Mapping[str, JsonValue]) -> None:
    os.environ[DATA] = str(folder / "data.json")
    Path(os.environ[DATA]).write_text(json.dumps(dict(data)), "utf-8")


def _data_now() -> Mapping[str, JsonValue]:
    return json.loads(Path(os.environ[DATA]).read_text("utf-8"))


def _plain_rows(rows: Sequence[tuple[Any, ...]]) -> JsonValue:
    """Return one value as it is, and more as lists."""
    plain: list[list[JsonValue]] = json.loads(json.dumps(rows, default=str))
    if len(plain) == 1 and len(plain[0]) == 1:
        return plain[0][0]
    return cast(JsonValue, plain)
