"""Personal data and secrets through a bot that runs as a process: its standard error and output, what it sends to a collector and
its page of figures hold none of them; model and tools get all of it whole (promise 7)."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from bot.app.conversations import CAPTURED
from bot.sandbox.model import Lines, Reply, call
from bot.sandbox.model.reply import Text, Thinking
from tests.dialog.conftest import Talk
from tests.dialog.planted_data import left_in, missing_in, planted, told
from tests.dialog.test_commands import said_until
from tests.dialog.test_metrics_page import Shop, page, shop
from tests.dialog.test_planted_data import placeholders, read
from tests.mcp.conftest import until
from tests.patience import PATIENCE_SECONDS
from tests.signoff import signoff

__all__ = ["shop"]  # a fixture

SETTINGS = """
agents: {assistant: {tools: [desk.py], budget: {session_tokens: 1000000}}}
"""
# A team's own tools: what they are given is written into a file, and what they say, log and fail with is planted.
DESK = """
import logging
import threading
import warnings
from pathlib import Path

from agent.declare import tool
from agent.tool.definition import ToolError


def note(text: str) -> None:
    with Path("taken").open("a") as taken:
        taken.write(text)


@tool(effect="read")
async def look_up(text: str) -> str:
    '''Look something up.'''
    note(text)
    for each in {logged!r}.split(" | "):  # of what libraries say at length the log keeps nothing
        logging.getLogger("desk").warning("looked up %s", each)
    for each in {warned!r}.split(" | "):
        warnings.warn(each, stacklevel=1)
    return {result!r}


@tool(effect="read")
async def refuse(text: str) -> str:
    '''Look something up that is not there.'''
    raise ToolError("not_found", {error!r})


@tool(effect="read")
async def burst(text: str) -> str:
    '''Break, here and on another thread.'''
    threading.Thread(target=int, args=({crash!r},)).start()
    raise RuntimeError({exception!r})


@tool(verb="Send", headline="Send it")
async def send(text: str) -> str:
    '''Send something.'''
    note(text)
    return {receipt!r}
"""
INTO_THE_MODEL = ("message", "thinking", "words", "argument", "result", "tool error", "card", "receipt")
ELSEWHERE = ("answer", "logged", "warned", "exception", "crash", "model error")


@dataclass
class Collected:
    """The bodies that a collector was sent, as they came."""

    spans: list[bytes] = field(default_factory=list[bytes])
    figures: list[bytes] = field(default_factory=list[bytes])

    async def take(self, request: web.Request) -> web.Response:
        """Keep a body."""
        kept = self.spans if request.path == "/v1/traces" else self.figures
        kept.append(await request.read())
        return web.Response()


@asynccontextmanager
async def collecting() -> AsyncGenerator[tuple[Collected, str]]:
    """A collector on this machine, and its address."""
    collected, site = Collected(), web.Application(client_max_size=2**26)
    site.add_routes([web.post("/v1/traces", collected.take), web.post("/v1/metrics", collected.take)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield collected, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def talks(shop: Shop) -> None:
    """A turn in which all of it comes in, and one whose model call is refused with it."""
    runs = call("look_up", text=told("argument")), call("refuse", text="x"), call("burst", text="x")
    shop.model.script = Lines(
        Reply((Thinking(told("thinking")), Text(told("words")), *runs)),
        call("send", text=told("card")),
        told("answer"),
        "Not said.",
    )
    place = shop.slack.channels["orders"]
    talk = Talk(shop, place, await shop.slack.mention("ann", place, told("message")))
    card = await talk.card()
    await talk.clicks("ben", card)
    await talk.sees(planted("answer")["email"])
    await talk.rests()
    shop.model.faults.not_taken(f"metadata.user_id: {told('model error')}")
    refused = Talk(shop, place, await shop.slack.mention("ann", place, "and now?"))
    await refused.sees("The model refused the request")
    await refused.rests()


async def test_nothing_that_leaves_the_process_holds_any_of_it(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "signoff.yaml").write_text(SETTINGS)
    ways = {"error": "tool error", **{way: way for way in ("logged", "warned", "result", "crash", "exception", "receipt")}}
    (tmp_path / "desk.py").write_text(DESK.format(**{name: told(way) for name, way in ways.items()}))
    async with collecting() as (collected, url):
        environment = {
            **shop.environment,
            "METRICS_PORT": "0",
            "LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            CAPTURED: "span_only",
        }
        async with signoff("run", folder=tmp_path, environment=environment) as process:
            begun = await said_until(process, r"ready on port \d+")
            ours = re.search(r"metrics on port (\d+)", begun)
            assert ours is not None
            assert process.stdout is not None
            assert process.stderr is not None
            words = asyncio.gather(process.stdout.read(), process.stderr.read())
            await talks(shop)
            # The masked contents of a span come later than the answer.
            await until(lambda: all(f"execute_tool {name}" in text_of(collected.spans) for name in ("look_up", "burst", "send")))
            figures_page = await page(int(ours[1]))
            process.terminate()
            async with asyncio.timeout(PATIENCE_SECONDS):
                out, err = await words
                assert await process.wait() == 0
    sent = "\n".join(read(request["messages"]) for request in shop.model.requests)
    assert missing_in(sent, INTO_THE_MODEL) == []
    assert missing_in((tmp_path / "taken").read_text(), ("argument", "card")) == []
    outputs = {
        "standard output": out.decode(),
        "standard error": begun + err.decode(),
        "spans": text_of(collected.spans),
        "figures": text_of(collected.figures),
        "page": figures_page,
    }
    assert left_in(outputs, (*INTO_THE_MODEL, *ELSEWHERE)) == []
    assert "gen_ai.tool.call.arguments" in outputs["spans"]
    assert len(placeholders(outputs["spans"])) >= len(planted(""))  # it was there, and was masked
    assert len(placeholders(outputs["standard error"])) >= len(planted(""))
    assert all(words in outputs["standard error"] for words in ("looked up", "ValueError: invalid literal", "py.warnings"))
    assert "signoff.runs" in outputs["figures"]
    assert "signoff_runs_total" in outputs["page"]


def text_of(bodies: list[bytes]) -> str:
    """Bodies as text in which each string of theirs can be found: what is planted is ASCII."""
    return b"\n".join(bodies).decode("latin-1")
