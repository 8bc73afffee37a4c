"""Images in what a tool returns reach the model as images, in the result of their call; of others it reads why they do not."""

import base64
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent.model.port import files_in
from agent.tool import WithImages
from agent.tool.definition import Effect, Tool, ToolContext
from bot.config.file import Config
from bot.config.sections import AgentSection, BudgetSection
from bot.sandbox.model import Lines, call, calls
from bot.sandbox.model.usage import unmarked
from tests.dialog.conftest import World, mention
from tests.dialog.test_files import checksum, let_go
from tests.mcp.odd import odd_stdio
from tests.samples import jpeg, pdf, png
from tests.stores.core import until

OPEN: Any = {"type": "object", "properties": {"to": {"type": "string"}}}
TOOLS = (
    {"name": "look", "inputSchema": OPEN, "annotations": {"readOnlyHint": True, "openWorldHint": False}},
    {"name": "draw", "inputSchema": OPEN},
)
BROKEN = png()[:33] + b"\0\0\0\4IDAT????" + checksum(b"IDAT????") + png()[-12:]  # a PNG, but what it shows cannot be unpacked
WIDE = Config(agents={"assistant": AgentSection(budget=BudgetSection(session_tokens=1_000_000))})


def image(data: bytes | str, media_type: str | None = "image/png") -> dict[str, Any]:
    """As a server sends it."""
    shown = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"type": "image", "data": shown} | ({"mimeType": media_type} if media_type else {})


def answering(folder: Path, *content: dict[str, Any], failed: bool = False) -> str:
    """The name of a file with this answer of a server."""
    answer = {"jsonrpc": "2.0", "id": 0, "result": {"content": content, "isError": failed}}
    (folder / "answer").write_text(json.dumps(answer).replace('"id": 0', '"id": $ID'))
    return str(folder / "answer")


async def server(world: World, folder: Path) -> None:
    """A bot with a server that reads and draws."""
    world.mcp = [odd_stdio(folder, TOOLS)]
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:odd",))})
    await world.start_bot()


def results(world: World, number: int = -1) -> list[dict[str, Any]]:
    """The results of calls in the last message of a request."""
    content = world.model.requests[number]["messages"][-1]["content"]
    return [block for block in content if block["type"] == "tool_result"]


def shown(result: dict[str, Any]) -> list[tuple[str, bytes]]:
    """The images of a result: the media type and bytes of each."""
    sources = [block["source"] for block in files_in([result])]
    return [(source["media_type"], base64.b64decode(source["data"])) for source in sources]


def said(result: dict[str, Any]) -> dict[str, Any]:
    """The text of a result."""
    content = result["content"]
    return json.loads(content if isinstance(content, str) else content[0]["text"])


async def log(world: World) -> str:
    """Every step, as it is written."""
    return "\n".join(body for (body,) in await world.rows("SELECT body::text FROM step ORDER BY seq"))


async def test_text_and_images_arrive_byte_for_byte_in_the_result_now_and_in_every_later_request(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "agent")
    world.mcp = [odd_stdio(tmp_path, TOOLS)]
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:odd",))})
    stop = await world.start_bot()
    from_file = answering(tmp_path, {"type": "text", "text": "A lamp."}, image(png(), "text/html"), image(jpeg(), None))
    world.model.script = Lines(call("odd__look", from_file=from_file), "A black lamp.", "Still black.")
    talk = await mention(world, "ann", "look")
    await talk.sees("A black lamp.")
    await talk.rests()
    [result] = results(world)
    assert shown(result) == [("image/png", png()), ("image/jpeg", jpeg())]  # what they are, not what the server calls them
    assert [block["type"] for block in result["content"]] == ["text", "image", "image"]
    assert said(result)["result"]["text"] == "A lamp."
    assert "not_shown" not in said(result)
    assert "is_error" not in result
    await stop()
    await world.start_bot()  # which knows of it only what is written
    await talk.says("ben", "and now?")
    await talk.sees("Still black.")
    before, after = (request["messages"] for request in world.model.requests[1:])
    assert json.dumps(unmarked(after[: len(before)])) == json.dumps(unmarked(before))
    data = base64.b64encode(png()).decode()
    assert data[:40] not in await log(world)
    assert data[:40] not in caplog.text
    assert all(data[:40] not in json.dumps(message.blocks) + message.text for message in talk.posts())
    [(kept,)] = await world.rows("SELECT sum(length(data)) FROM attachment")
    assert kept == len(png()) + len(jpeg())


async def test_an_approved_write_shows_the_model_its_image_and_people_its_words(world: World, tmp_path: Path) -> None:
    await server(world, tmp_path)
    from_file = answering(tmp_path, {"type": "text", "text": "Drawn."}, image(png()))
    world.model.script = Lines(call("odd__draw", from_file=from_file, to="x"), "It is black.")
    talk = await mention(world, "ann", "draw")
    card = await talk.card()
    assert (await talk.edits("ann", card, to="y")).closed
    await talk.clicks("ann", await talk.sees("[Draw]", "draw: “y”"))
    await talk.sees("It is black.")
    [result] = results(world)
    assert shown(result) == [("image/png", png())]
    assert "edited this call" in said(result)["note"]
    assert base64.b64encode(png()).decode()[:40] not in str([message.blocks for message in talk.posts()])
    assert talk.open_cards() == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (image(b"\0" * 4_000_000), "the image has 4,000,000 bytes, and at most 3,932,160 can be read"),
        (image(b"<svg></svg>"), "it is no image that can be read: only JPEG, PNG, GIF or WebP images can"),
        (image(pdf()), "it is no image that can be read: only JPEG, PNG, GIF or WebP images can"),
        (image("no base64 \u2603"), "it is no image that can be read: only JPEG, PNG, GIF or WebP images can"),
        (image(""), "it is no image that can be read: only JPEG, PNG, GIF or WebP images can"),
        (image(png()[:-9]), "the image is cut off or damaged"),
        (image(jpeg(9_000, 10)), "the image has 9000 × 10 pixels, and at most 8,000 a side can be read"),
    ],
)
async def test_what_cannot_be_shown_is_said_and_the_call_is_what_it_was(
    world: World, tmp_path: Path, content: dict[str, Any], why: str
) -> None:
    await server(world, tmp_path)
    world.model.script = Lines(call("odd__look", from_file=answering(tmp_path, content, image(png()))), "One of them.")
    talk = await mention(world, "ann", "look")
    await talk.sees("One of them.")
    [result] = results(world)
    assert said(result)["not_shown"] == [f"image 1 of 2 cannot be shown: {why}"]
    assert said(result)["ok"]
    assert shown(result) == [("image/png", png())]
    assert '"outcome":"succeeded"' in await log(world)


async def test_an_error_with_an_image_is_told_as_text(world: World, tmp_path: Path) -> None:
    """The API takes nothing but text in what is marked as an error."""
    await server(world, tmp_path)
    from_file = answering(tmp_path, {"type": "text", "text": "No lamp."}, image(png()), failed=True)
    world.model.script = Lines(call("odd__look", from_file=from_file), "It failed.")
    talk = await mention(world, "ann", "look")
    await talk.sees("It failed.")
    [result] = results(world)
    assert result["is_error"]
    assert isinstance(result["content"], str)
    assert "No lamp." in said(result)["detail"]
    assert "its images cannot be shown" in said(result)["detail"]


class Pages(BaseModel):
    """What `scan` takes."""

    pages: int


async def scan(arguments: Pages, context: ToolContext) -> WithImages:
    """Scans."""
    return WithImages({"pages": arguments.pages}, [png(3, page + 1) for page in range(arguments.pages)])


async def broken(arguments: BaseModel, context: ToolContext) -> WithImages:
    """Returns what the API cannot unpack."""
    return WithImages("Seen.", [BROKEN])


class Nothing(BaseModel):
    """No arguments."""


SCAN = Tool(name="scan", description="Scans.", arguments=Pages, handler=scan, effect=Effect.READ)
BREAK = Tool(name="photograph", description="Takes one.", arguments=Nothing, handler=broken, effect=Effect.READ)


async def numbers(world: World, script: Sequence[Any], pages: str) -> list[tuple[int, list[str]]]:
    """How many images each result shows, and what is said of the others."""
    world.packs["scanner"], world.config = [SCAN], WIDE
    await world.start_bot()
    world.model.script = Lines(*script, "Scanned.")
    talk = await mention(world, "ann", pages)
    await talk.sees("Scanned.")
    content = [block for message in world.last_request().messages for block in message["content"]]
    found = [block for block in content if block["type"] == "tool_result"]
    return [(len(shown(each)), said(each).get("not_shown", [])) for each in found]


async def test_a_result_shows_ten_images_and_a_conversation_twenty(world: World) -> None:
    one, two, three = await numbers(world, [call("scan", pages=12), call("scan", pages=10), call("scan", pages=1)], "scan them")
    assert one == (10, ["images 11 to 12 of 12 cannot be shown: at most 10 of a result can be read"])
    assert two == (10, [])
    full = "image 1 of 1 cannot be shown: this conversation has no room for more images and PDFs; a new thread has"
    assert three == (0, [full])
    assert await world.rows("SELECT count(*) FROM attachment") == [(10,)]  # the same ones, kept once


async def test_calls_that_run_side_by_side_share_the_room(world: World) -> None:
    found = await numbers(world, [calls(*[call("scan", pages=10)] * 3)], "scan them all")
    assert [count for count, _ in found] == [6, 6, 6]
    assert all(len(why) == 4 for _, why in found)


async def test_an_image_that_the_model_does_not_take_ends_one_turn_and_not_the_conversation(world: World) -> None:
    world.packs["camera"], world.config = [BREAK], WIDE
    await world.start_bot()
    world.model.script = Lines(call("photograph"), "Fine without it.", "And on.")
    talk = await mention(world, "ann", "look")
    await talk.sees("did not take this request", "an image that a tool returned", "out from now on")
    assert [refusal.message for refusal in world.model.refusals] == ["Could not process image"]
    world.model.refusals.clear()
    await talk.says("ann", "then without it")
    await talk.sees("Fine without it.")
    first = world.last_request().messages
    [result] = [block for message in first for block in message["content"] if block["type"] == "tool_result"]
    assert [block["text"] for block in result["content"]][1:] == ["(It was left out: it could not be shown.)"]
    assert said(result) == {"ok": True, "result": {"text": "Seen."}}
    await talk.says("ann", "go on")
    await talk.sees("And on.")
    assert unmarked(world.last_request().messages[: len(first)]) == unmarked(first)


async def test_an_image_that_is_refused_in_a_later_turn_begins_the_conversation_anew(world: World, tmp_path: Path) -> None:
    """Stop came before the model saw it: the turn that it stands in is over when it is first sent."""
    world.packs["camera"] = [BREAK]
    world.mcp = [odd_stdio(tmp_path, TOOLS)]
    world.config = Config(
        agents={"assistant": AgentSection(tools=("camera", "mcp:odd"), budget=BudgetSection(session_tokens=1_000_000))}
    )
    await world.start_bot()
    world.model.script = Lines(calls(call("photograph"), call("odd__look")), "Fine without it.")
    talk = await mention(world, "ann", "look twice")
    await until(lambda: returned(world))
    await world.slack.stop_session("ann", talk.channel, talk.ts)
    await talk.sees("Stopped by")
    await until(lambda: let_go(world))
    await talk.says("ann", "are you there?")
    await talk.sees("Fine without it.")
    assert {refusal.message for refusal in world.model.refusals} == {"Could not process image"}
    assert "image" not in str(world.last_request().messages)
    world.model.refusals.clear()


async def returned(world: World) -> bool:
    """Whether a call has its result."""
    return '"kind":"tool_returned"' in await log(world)
