"""`signoff report --html`: what real conversations come to on the page, with nobody's words in it."""

import shlex
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent.tool.definition import Effect, Tool, ToolContext, ToolError
from agent.trace_ids import spelled, trace_id
from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention
from tests.signoff import REPOSITORY, refused, signoff
from tests.stores.core import until

PERSON = "ada@example.com"
CONFIG = """
agents: {assistant: {max_iterations: 3}}
prices: {claude-sonnet-5-5: {input: 3, output: 15}}
"""
ORDER = call("create_order", customer=PERSON, sku="WGT-001", quantity=1)
DECIDED = ("cards", "approved", "rejected", "expired", "waiting", "other")


class Weighed(BaseModel):
    """What to weigh."""

    thing: str


async def weigh(arguments: Weighed, context: ToolContext) -> Mapping[str, Any]:
    """Fail, and say it with somebody's address."""
    raise ToolError("not_found", f"Nobody but {PERSON} knows the weight of {arguments.thing}.")


WEIGH = Tool(name="weigh", description="Weighs a thing.", arguments=Weighed, handler=weigh, effect=Effect.READ)


class Tables(HTMLParser):
    """The tables of a page: for each caption its rows, each a cell by its heading."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.of: dict[str, list[dict[str, str]]] = {}
        self._caption, self._place, self._text = "", "", ""
        self._headings: list[str] = []
        self._cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a cell, a row or a table."""
        if tag in ("caption", "th", "td"):
            self._place, self._text = tag, ""
        elif tag == "thead":
            self._headings = []
        elif tag == "tr":
            self._cells = []

    def handle_data(self, data: str) -> None:
        """Take in what a cell says."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """End a cell or a row."""
        if tag == "caption":
            self._caption = self._text
            self.of[self._caption] = []
        elif tag == "th":
            self._headings.append(self._text)
        elif tag == "td":
            self._cells.append(self._text)
        elif tag == "tr" and self._cells:
            self.of[self._caption].append(dict(zip(self._headings, self._cells, strict=True)))


async def page(world: World, folder: Path) -> str:
    """The file that the command writes."""
    file = folder / "report.html"
    arguments = ("report", "--since", "2000-01-01", "--html", str(file))
    async with signoff(*arguments, folder=folder, environment={"DATABASE_URL": world.database_url}) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, err) == (0, "")
    assert out == f"The report is in {file}.\n"
    return file.read_text()


async def rates(talk: Talk, user: str, words: str, value: str, reason: str = "") -> None:
    """Somebody rates the answer of the first turn, with a reason where it is bad."""
    answer = await talk.sees(words)
    await talk.slack.click(user, talk.channel, answer.ts, "feedback", value=f"{value}:1")
    if value == "bad":
        view = await talk.slack.until(lambda: talk.slack.view(user))
        assert (await talk.slack.submit(user, view.id, {"reason": reason})).closed


@pytest.fixture
async def held(world: World, tmp_path: Path) -> list[Talk]:
    """Conversations that were answered and rated, approved, rejected, that failed, and that came to the cap."""
    (tmp_path / "signoff.yaml").write_text(CONFIG)
    world.config = load_config(tmp_path / "signoff.yaml")
    world.packs["scales"] = [WEIGH]
    await world.start_bot()
    looks = [call("search_product_catalog", query=query, limit=1) for query in ("Widget", "Lamp", "Desk", "Pro")]
    world.model.script = Lines(
        *(looks[0], "It is 49."),
        *(ORDER, "It is ordered."),
        *(call("create_order", customer=PERSON, sku="WGT-001", quantity=2), "As you wish."),
        *(call("weigh", thing=PERSON), "It cannot be weighed."),
        *(call(f"write_to_{PERSON}"), "There is no such tool."),
        *looks[1:],
    )
    answered = await mention(world, "ann", f"what does it cost for {PERSON}?")
    await rates(answered, "ben", "It is 49.", "bad", f"{PERSON} paid 59.")
    await rates(answered, "ann", "It is 49.", "good")
    await answered.rests()
    approved = await mention(world, "ann", "order one")
    await approved.clicks("ben", await approved.card())
    await approved.sees("It is ordered.")
    await approved.rests()
    rejected = await mention(world, "ben", "order two")
    await rejected.rejects("ann", await rejected.card(), f"ask {PERSON} first")
    await rejected.sees("As you wish.")
    await rejected.rests()
    failed = await mention(world, "ann", "weigh it")
    await failed.sees("It cannot be weighed.")
    await failed.rests()
    unknown = await mention(world, "ann", "write to her")
    await unknown.sees("There is no such tool.")
    await unknown.rests()
    capped = await mention(world, "ben", "look for everything")
    await capped.sees("I stopped after 3 steps")
    await capped.rests()
    return [answered, approved, rejected, failed, unknown, capped]


async def test_the_figures_are_those_of_what_was_done(held: list[Talk], world: World, tmp_path: Path) -> None:
    tables = Tables(await page(world, tmp_path)).of
    ann, ben = (world.slack.people[name] for name in ("ann", "ben"))

    charged = await world.rows("SELECT payer, sum(tokens)::bigint, count(*) FROM usage GROUP BY payer")
    by_user = {row["user"]: row for row in tables["Spent by user"]}
    assert {user: (row["tokens"], row["model calls"]) for user, row in by_user.items()} == {
        user: (f"{tokens:,}", str(calls)) for user, tokens, calls in charged
    }
    assert {user: row["sessions"] for user, row in by_user.items()} == {ann: "4", ben: "2"}
    [of_agent] = tables["Spent by agent"]
    [(nano_usd,)] = await world.rows("SELECT sum(nano_usd)::bigint FROM usage")
    assert (of_agent["agent"], of_agent["sessions"], of_agent["cost"]) == ("assistant", "6", f"${nano_usd / 10**9:.4f}")
    [of_channel] = tables["Spent by channel"]
    assert of_channel["channel"] == world.slack.channels["orders"]

    [iterations] = tables["Model calls of a run"]
    assert [iterations[each] for each in ("runs", "P50 of model calls", "at the cap", "share")] == ["6", "2", "1", "17%"]

    tools = {row["tool"]: [row[each] for each in ("runs", "failed", "rate", "not run")] for row in tables["Tools"]}
    assert tools == {
        "search_product_catalog": ["4", "0", "0%", "0"],
        "create_order": ["1", "0", "0%", "0"],
        "weigh": ["1", "1", "100%", "0"],
        "[EMAIL_1]": ["0", "0", "-", "1"],
    }

    [rule] = tables["By tool and rule"]
    assert rule["tool"] == "create_order"
    assert rule["rule"].startswith("default")
    assert [rule[each] for each in DECIDED] == ["2", "1", "1", "0", "0", "0"]
    assert {row["approver"]: (row["approved"], row["rejected"]) for row in tables["By approver"]} == {
        ann: ("0", "1"),
        ben: ("1", "0"),
    }

    sessions = [f"{world.slack.team_id}:{talk.channel}:{talk.ts}" for talk in held]
    assert {row["trace"] for row in tables["Slowest"]} == {spelled(trace_id(session, 1)) for session in sessions}
    [worst] = tables["Worst rated"]
    assert (worst["trace"], worst["good"], worst["bad"]) == (spelled(trace_id(sessions[0], 1)), "1", "1")
    [capped] = [row for row in tables["Dearest"] if row["trace"] == spelled(trace_id(sessions[5], 1))]
    assert (capped["came to"], capped["model calls"], capped["agent"]) == ("error", "3", "assistant")

    [prompt] = tables["Prompt versions"]
    assert prompt["prompt"].startswith("assistant@")
    assert [prompt[each] for each in ("agents", "runs", "good", "bad")] == ["assistant", "6", "1", "1"]
    assert prompt["succeeded"].startswith("83% (")
    assert prompt["rated good"].startswith("50% (")


@pytest.mark.usefixtures("held")
async def test_nobodys_words_are_in_the_file(world: World, tmp_path: Path) -> None:
    written = await page(world, tmp_path)
    [(told,)] = await world.rows("SELECT string_agg(body::text, '') FROM step")
    [(reasons,)] = await world.rows("SELECT string_agg(reason, '') FROM feedback")
    assert PERSON in told
    assert PERSON in reasons  # it is in the store, as planted
    for words in (PERSON, "ada@", "what does it cost", "It is 49", "paid 59", "WGT-001", "There is no such tool", "first<"):
        assert words not in written


async def test_the_command_beside_a_run_shows_it(held: list[Talk], world: World, tmp_path: Path) -> None:
    """Without a conversation log a session is shown; with one, the run alone."""
    [worst] = Tables(await page(world, tmp_path)).of["Worst rated"]
    program, *arguments = shlex.split(worst["look at it with"])
    assert (program, arguments) == ("signoff", ["trace", f"{world.slack.team_id}:{held[0].channel}:{held[0].ts}"])
    async with signoff(*arguments, folder=tmp_path, environment={"DATABASE_URL": world.database_url}) as process:
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert f"trace {worst['trace']}" in " ".join(out.decode().split())


async def test_a_trace_that_the_log_knows_is_named_alone(world: World, tmp_path: Path) -> None:
    world.log_conversations = True
    await world.start_bot()
    world.model.script = Lines("It is 49.", "Still 49.")
    talk = await mention(world, "ann", "what does it cost?")
    await talk.sees("It is 49.")
    await talk.rests()
    await talk.says("ann", "and now?")
    await talk.sees("Still 49.")
    await talk.rests()

    async def logged() -> bool:
        return len(await world.rows("SELECT DISTINCT trace_id FROM conversation_message")) == 2

    await until(logged)
    dearest = Tables(await page(world, tmp_path)).of["Dearest"]
    assert [row["look at it with"] for row in dearest] == [f"signoff trace {row['trace']}" for row in dearest]
    async with signoff(
        "trace", dearest[0]["trace"], folder=tmp_path, environment={"DATABASE_URL": world.database_url}
    ) as process:
        out, _ = await process.communicate()
    assert [row["trace"] in out.decode() for row in dearest] == [True, False]


async def test_what_cannot_be_done_is_a_sentence(world: World, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": world.database_url}
    arguments = ("report", "--since", "2000-01-01", "--html", "report.html")
    async with signoff(*arguments, folder=tmp_path, environment=environment) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, out) == (1, "")
    assert err.startswith("There is nothing to report")

    await world.start_bot()
    world.model.script = Lines("Hello.")
    await (await mention(world, "ann", "hello")).sees("Hello.")
    told = await refused("report", tmp_path, environment, "--since", "2000-01-01", "--html", "nowhere/report.html")
    assert told.startswith("nowhere/report.html cannot be written (No such file or directory)")


async def test_without_plotly_it_says_what_to_install(tmp_path: Path) -> None:
    """In a process that finds none, as after an installation without the extra."""
    (tmp_path / "bare.py").write_text("import sys\n\nsys.modules['plotly'] = None\nfrom bot.cli import main\n\nmain()\n")
    environment = {"PYTHONPATH": f"{REPOSITORY}:{tmp_path}"}
    arguments = ("report", "--since", "2000-01-01", "--html", "report.html")
    async with signoff(*arguments, folder=tmp_path, environment=environment, module="bare") as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, out) == (2, "")
    assert "pip install 'signoff[report]'" in err
    assert err.count("\n") == 1
