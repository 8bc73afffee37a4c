"""Personal data and secrets that come in by every way: model and tools get all of it whole, and nothing else that leaves the bot,
log, spans, figures, reports, exports, cards in channels, holds any of it (promise 7)."""

import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app.log_lines import log_handler, log_uncaught
from bot.config.audit_section import Audit
from bot.config.file import AgentSection, BudgetSection, Config
from bot.config.masking_section import Masking
from bot.config.memory_section import MemorySection
from bot.config.sections import Database
from tests.dialog.conftest import Talk, World
from tests.dialog.measured import Measured, measured
from tests.dialog.planted_data import left_in, missing_in, planted, told
from tests.dialog.planted_desk import Desk
from tests.dialog.planted_ways import ELSEWHERE, INTO_THE_MODEL, TO_PEOPLE, talks
from tests.dialog.test_conversation_log import written
from tests.dialog.test_wrong_answers import all_told
from tests.dialog.traced import Trace, traced
from tests.mcp.conftest import HERE
from tests.signoff import ran
from tools.mcp import Local, Server

__all__ = ["measured", "traced"]  # fixtures

DAY = "2026-01-01"


@dataclass
class Plants:
    """A world in which everything is on, and what its bot's log says."""

    world: World
    desk: Desk
    lines: io.StringIO


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the log says while a test runs, as `signoff run` writes it."""
    for module, hook in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))
    log_uncaught()
    lines, root = io.StringIO(), logging.getLogger()
    handler, level = log_handler(lines), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
async def plants(world: World, logged: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plants:
    """A bot with all that could let something out: tools, an MCP server, a database, memory, every kind of record."""
    async with world.pool.connection() as connection:
        await connection.execute("CREATE TABLE secrets (told text)")
        await connection.execute("INSERT INTO secrets VALUES (%s)", (told("sql result"),))
    monkeypatch.setenv("REPORTS_URL", world.database_url)
    (tmp_path / "ledger").write_text(told("mcp result"))
    world.mcp = [Server(name="own", reach=Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger"))))]
    desk = Desk(world)
    world.packs = {"desk": desk.tools()}
    world.config = Config(
        agents={
            "assistant": AgentSection(tools=("desk", "sql:reports", "memory"), budget=BudgetSection(session_tokens=1_000_000)),
            "server": AgentSection(tools=("mcp:own",)),
        },
        channels={world.slack.channels["general"]: "server"},
        databases={"reports": Database(url="${REPORTS_URL}")},
        masking=Masking(cards=True),
        memory=MemorySection(learn_with=""),
        ops_channel=world.slack.channels["support"],
        audit=Audit.model_validate({"post_every": "1s"}),
    )
    world.log_conversations = True
    await world.start_bot()
    return Plants(world, desk, logged)


async def test_what_comes_in_by_any_way_is_whole_for_model_and_tools_and_in_nothing_else_that_leaves(
    plants: Plants, traced: Trace, measured: Measured, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world = plants.world
    held = await talks(world)
    crash()
    sent = {f"request {number}": read(request["messages"]) for number, request in enumerate(world.model.requests)}
    assert missing_in("\n".join(sent.values()), INTO_THE_MODEL) == []
    assert missing_in("\n".join(plants.desk.taken), ("argument", "edit")) == []
    assert missing_in(str(await world.rows("SELECT body::text FROM memory")), ("fact",)) == []

    cards = shown_in_channels(world)
    held_in_tables = await tables(world)
    outputs = {
        "spans": traced.whole(),
        "figures": str(measured.rows()),
        "lines": plants.lines.getvalue(),
        "printed": "".join(capfd.readouterr()),
        **held_in_tables,
        **await commands(world, held, tmp_path),
    }
    assert left_in(outputs, (*INTO_THE_MODEL, *ELSEWHERE)) == []
    assert left_in(cards, [way for way in (*INTO_THE_MODEL, *ELSEWHERE) if way not in TO_PEOPLE]) == []

    assert len(placeholders(outputs["lines"])) >= len(planted(""))
    assert outputs["lines"].count("RuntimeError: [EMAIL_1]") == 2  # of the main thread, and where none can be raised
    assert all(words in outputs["lines"] for words in ("ValueError: invalid literal", "WARNING py.warnings: "))
    assert len(placeholders(outputs["conversation_message"])) > 10 * len(planted(""))  # of one conversation alone
    assert len(placeholders(outputs["candidate_case"])) >= 2 * len(planted(""))
    assert "execute_tool look_up" in outputs["spans"]
    masked = [text for text in cards.values() if len(placeholders(text)) == len(planted(""))]
    assert any("asks: " in text for text in masked)
    assert any("Rejected by" in text and placeholders(text) for text in cards.values())  # the whole reason is in its details
    assert any("setStatus" in name and placeholders(text) for name, text in cards.items())


def read(messages: Any) -> str:
    """All texts that the model reads, with the marks of quotes taken away."""
    match messages:
        case str():
            return messages.replace("\n> ", "\n")
        case dict():
            return "\n".join(map(read, cast("dict[str, Any]", messages).values()))
        case list():
            return "\n".join(map(read, cast("list[Any]", messages)))
        case _:
            return ""


def placeholders(text: str) -> set[str]:
    """Those that stand in a text."""
    return set(re.findall(r"\[[A-Z_]+_\d+\]", text))


def crash() -> None:
    """Errors and a warning that nothing catches: on the main thread, on another one, where none can be raised."""
    error = RuntimeError(told("crash"))
    sys.excepthook(RuntimeError, error, None)
    thread = threading.Thread(target=int, args=(told("crash"),))
    thread.start()
    thread.join()
    kept = Dropped()
    del kept
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(told("crash"), stacklevel=1)


class Dropped:
    """Fails while it is cleaned up."""

    def __del__(self) -> None:
        raise RuntimeError(told("crash"))


async def tables(world: World) -> Mapping[str, str]:
    """Tables that people read as they are."""
    for (session,) in await world.rows("SELECT id FROM session"):
        await written(world, session)
    await all_told(world)
    return {
        name: str(await world.rows(f"SELECT * FROM {name}"))
        for name in ("conversation_message", "candidate_case", "feedback", "audit")
    }


async def commands(world: World, held: list[Talk], folder: Path) -> Mapping[str, str]:
    """What an operator's commands print."""
    environment = {"DATABASE_URL": world.database_url}
    wanted = [("log",), ("log", "--json"), ("report", "--since", DAY), ("audit", "export", "--since", DAY), ("audit", "verify")]
    for talk in held:
        session = f"{world.slack.team_id}:{talk.channel}:{talk.ts}"
        wanted += [("trace", session), ("trace", session, "--json")]
    said: dict[str, str] = {}
    for command in wanted:
        status, out, err = await ran(*command, folder=folder, environment=environment)
        assert (status, err) == (0, ""), command
        said[" ".join(command)] = out
    return said


def shown_in_channels(world: World) -> Mapping[str, str]:
    """What the bot has shown where others read along; of messages that grow without the model's own words."""
    shown: dict[str, str] = {}
    for number, each in enumerate(world.slack.calls):
        sent = dict(each.arguments)
        chunks: Any = sent.get("chunks", ())
        sent["chunks"] = [chunk for chunk in chunks if chunk["type"] != "markdown_text"]
        if not str(sent.get("channel", sent.get("channel_id", "D"))).startswith("D"):
            shown[f"{each.method} {number}"] = json.dumps(sent)
    return shown
