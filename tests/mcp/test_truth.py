"""What is said of a call is true of it: never "not run" of what ran, never "unknown" of what was answered.

A table of statuses, content types, bodies and codes against what the server really did, over HTTP and over stdio.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from agent import fence
from agent.tool.definition import Result
from tests.mcp.conftest import kept, until
from tests.mcp.odd import Reply, odd_http, odd_stdio
from tests.patience import PATIENCE_SECONDS
from tools.mcp.fates import TURNING_AWAY

Word = Literal["not run", "answered", "unknown"]

CODES = (-32700, -32600, -32601, -32602, -32603, -32000, -32001, -32002, -32020, -32022, -31901, 0, 500, None, "E_FAIL")
CONTENT_TYPES = ("application/json", "text/plain", "text/html", "text/event-stream; charset=utf-8", None)
DONE = '{"jsonrpc": "2.0", "id": $ID, "result": {"content": [{"type": "text", "text": "done"}]}}'
NOBODYS = '{"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "No valid session"}}'
NOTHING_SAID = ("", "no", "<html><p>Sign in</p></html>", "{", "[]", "null", '{"message": "no"}')
# Results that say all there is to know, and that the SDK's own models refuse.
ODD_RESULTS = (
    '{"structuredContent": {"n": 3}}',
    '{"content": [{"type": "text", "text": "saved \\ud83d"}]}',
    '{"content": null}',
    '{"content": "saved"}',
    '{"content": {"type": "text", "text": "saved"}}',
    '{"content": [{"type": "image", "data": "aGk="}]}',
    '{"content": [null, 3, "saved", {"type": "text"}, {"text": "x"}, {"type": "hologram", "depth": 3}]}',
    '{"content": [{"type": "text", "text": 5}], "isError": "no"}',
    '{"content": [{"type": "resource", "resource": "x"}, {"type": "resource_link"}]}',
    '{"toolResult": 5}',
    '{"content": [], "structuredContent": [1e400, NaN, 19.99]}',
    '{"content": [], "structuredContent": %s}' % ("[" * 300 + "]" * 300),
    '{"content": [], "structuredContent": %s}' % ('{"a":' * 5_000 + "1" + "}" * 5_000),
    "null",
    '"saved"',
    "[]",
    "3",
)
ODD_ERRORS = (
    '"no"',
    "{}",
    '{"code": -32000}',
    '{"message": 5}',
    '{"code": "E", "message": null}',
    "[1]",
    '{"message": "%s"}' % ("x" * 5_000),
)


def error(code: Any, id: str = "$ID") -> str:
    """An error of the server's, as it is sent."""
    told = {"message": "no"} if code is None else {"code": code, "message": "no"}
    return f'{{"jsonrpc": "2.0", "id": {id}, "error": {json.dumps(told)}}}'


def event(body: str) -> str:
    return f"event: message\ndata: {body}\n\n"


def answers() -> Iterator[str]:
    """Bodies that answer the call."""
    yield DONE
    yield DONE.replace('"jsonrpc": "2.0", ', "")
    yield DONE.replace("]}}", ']}, "error": null}')
    yield f"[{DONE}]"
    yield "\ufeff" + DONE
    yield from (error(code) for code in CODES)
    yield from (f'{{"jsonrpc": "2.0", "id": $ID, "result": {result}}}' for result in ODD_RESULTS)
    yield from (f'{{"jsonrpc": "2.0", "id": $ID, "error": {odd}}}' for odd in ODD_ERRORS)
    yield '{"jsonrpc": "2.0", "id": $ID, "result": {"content": [{"type": "text", "text": "a "quoted" word"}]}}'  # no JSON
    yield '{"jsonrpc": "2.0", "id": $ID, "result": {"content": "a\ttab"}}'


def table() -> Iterator[tuple[Reply, Word]]:
    """What the server does and answers, and what is true of it."""
    for body in answers():
        for content_type in CONTENT_TYPES:
            shown = event(body) if content_type and "event-stream" in content_type else body
            if "\n" not in body:
                yield Reply(200, content_type, shown), "answered"
    for status in (400, 403, 422, 500, 503):  # some servers give errors a status too
        for code in CODES:
            yield Reply(status, "application/json", error(code)), "answered"
    for status in (400, 404, 500):  # and some give one to what they have done
        yield Reply(status, "application/json", DONE), "answered"
    bodies = [*NOTHING_SAID, NOBODYS]
    for number, status in enumerate(sorted(TURNING_AWAY)):
        for content_type, body in zip(("application/json", "text/html", None), bodies[number % 6 :] + bodies, strict=False):
            yield Reply(status, content_type, body, runs=False), "not run"
    for status in (301, 302, 307, 308):
        yield Reply(status, "text/html", "", runs=False, headers=(("Location", "https://elsewhere.example/"),)), "not run"
    for number, status in enumerate((200, 201, 202, 303, 408, 409, 425, 500, 501, 502, 503, 504, 529)):
        yield Reply(status, "text/html", NOTHING_SAID[number % 7]), "unknown"
        yield Reply(status, "application/json", NOTHING_SAID[(number + 3) % 7], runs=False), "unknown"
    yield Reply(204), "unknown"
    for status in (500, 502, 503):
        yield Reply(status, "application/json", NOBODYS), "unknown"
    yield Reply(0), "unknown"
    yield Reply(200, "application/json", DONE, then="cut"), "unknown"
    yield Reply(200, "application/json", DONE[:40], then="cut"), "unknown"
    yield Reply(200, "text/event-stream", event('{"jsonrpc": "2.0", "method": "notifications/message"}')), "unknown"
    yield Reply(200, "text/event-stream", ": ping\n\n"), "unknown"


def word(result: Result) -> Word:
    """What is said of a call."""
    if result.unclear:
        assert "not known" in str(result.detail) or result.error == "timeout"
        return "unknown"
    if not result.begun:
        assert "Nothing was run." in str(result.detail)
        return "not run"
    assert "Nothing was run" not in str(result.detail)
    return "answered"


@pytest.mark.parametrize("in_sessions", [False, True])
async def test_what_is_said_of_a_call_over_http_is_what_the_server_did(in_sessions: bool) -> None:
    wrong: list[tuple[Reply, str, str]] = []
    async with odd_http(in_sessions=in_sessions) as (odd, server), kept(server) as world:
        for reply, truth in table():
            odd.reply, before = reply, odd.ran
            result = await world.call("odd__do")
            ran = odd.ran > before
            if word(result) != truth or (ran and word(result) == "not run") or odd.ran > before + 1:
                wrong.append((reply, truth, f"{word(result)}: {result.detail}"))
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"


async def test_what_is_said_of_a_call_over_stdio_is_what_the_server_did(tmp_path: Path) -> None:
    async with kept(odd_stdio(tmp_path)) as world:
        for body in answers():
            result = await world.call("odd__do", answer=body)
            assert word(result) == "answered", (body, result)
    assert len((tmp_path / "ledger").read_text().splitlines()) == len(list(answers()))


# What a program is asked, and what is true of that call: the word for it, and how often it ran.
OVER_STDIO: tuple[tuple[dict[str, Any], Word, int], ...] = (
    ({"answer": DONE}, "answered", 1),
    ({"answer": DONE, "die": True}, "answered", 1),
    ({"answer": DONE, "end": "", "die": True}, "answered", 1),  # whole, but for the end of its line
    ({"answer": DONE[:-1], "end": "", "die": True}, "unknown", 1),
    ({"answer": DONE[:40], "end": "", "die": True}, "unknown", 1),
    ({"answer": '{"jsonrpc": "2.0", "method": "notifications/message"}', "die": True}, "unknown", 1),
    ({"answer": "no JSON", "die": True}, "unknown", 1),
    ({"die": True}, "unknown", 1),
    ({"die": "before"}, "unknown", 0),
    ({}, "unknown", 1),  # and then silence
    ({"answer": DONE.replace("$ID", "12345")}, "unknown", 1),
)


def ran(folder: Path) -> int:
    """How many calls the program has run."""
    return len((folder / "ledger").read_text().splitlines()) if (folder / "ledger").exists() else 0


@pytest.mark.parametrize(("asked", "truth", "times"), OVER_STDIO)
async def test_what_is_said_of_a_program_that_ends_or_is_silent_is_what_it_did(
    tmp_path: Path, asked: dict[str, Any], truth: Word, times: int
) -> None:
    seconds = 1.0 if "die" not in asked and truth == "unknown" else PATIENCE_SECONDS
    async with kept(odd_stdio(tmp_path, call_seconds=seconds)) as world:
        result = await world.call("odd__do", **asked)
    assert (word(result), ran(tmp_path)) == (truth, times), result


async def test_a_call_that_a_program_takes_in_no_more_is_not_sent_and_a_later_one_finds_another(tmp_path: Path) -> None:
    async with kept(odd_stdio(tmp_path, call_seconds=PATIENCE_SECONDS)) as world:
        assert word(await world.call("odd__do", answer=DONE, deaf=True)) == "answered"
        result = await world.call("odd__do", answer=DONE)
        assert (word(result), ran(tmp_path)) == ("not run", 1)
        assert "takes nothing in any more" in str(result.detail)
        assert word(await world.call("odd__do", answer=DONE)) == "answered"
    assert ran(tmp_path) == 2


@pytest.mark.parametrize("turns", range(12))  # of the event loop, until it is killed
async def test_whenever_a_program_is_killed_what_is_said_of_a_call_is_not_wrong(tmp_path: Path, turns: int) -> None:
    async with kept(odd_stdio(tmp_path)) as world:
        call = asyncio.create_task(world.call("odd__do", answer=DONE))
        for _ in range(turns):
            await asyncio.sleep(0)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        said = word(await call)
    assert (said, ran(tmp_path)) in {("not run", 0), ("unknown", 0), ("unknown", 1), ("answered", 1)}


async def test_a_call_to_a_program_that_cannot_be_started_any_more_is_not_sent(tmp_path: Path) -> None:
    async with kept(odd_stdio(tmp_path)) as world:
        (tmp_path / "tools.json").unlink()
        assert word(await world.call("odd__do", die=True)) == "unknown"
        assert word(await world.call("odd__do", answer=DONE)) == "not run"
    assert ran(tmp_path) == 1


async def test_the_status_is_told() -> None:
    async with odd_http() as (odd, server), kept(server) as world:
        odd.reply = Reply(401, "text/plain", "token expired", runs=False)
        assert (await world.call("odd__do")).detail == (
            "The MCP server odd turned the call away (HTTP 401 Unauthorized): “token expired”. Nothing was run."
        )
        odd.reply = Reply(502, "text/html", "<html>")
        told = "The MCP server odd gave no answer to the call (HTTP status 502 and no answer to the call). "
        assert (await world.call("odd__do")).detail == f"{told}What it did until then is not known."


@pytest.mark.parametrize("refusing", [404, 400])
async def test_a_forgotten_session_is_begun_anew_and_the_call_is_sent_once_more(refusing: int) -> None:
    async with odd_http(refusing=refusing, reply=Reply(body=DONE)) as (odd, server), kept(server) as world:
        odd.forgets()
        assert (await world.call("odd__do")).result == {"text": "done"}
        assert (odd.called, odd.ran) == (2, 1)


async def test_a_call_that_is_turned_away_twice_is_not_sent_a_third_time() -> None:
    async with odd_http(reply=Reply(404, "text/plain", "no", runs=False)) as (odd, server), kept(server) as world:
        result = await world.call("odd__do")
        assert (word(result), odd.called) == ("not run", 2)
        assert "HTTP 404 Not Found" in str(result.detail)


async def test_a_call_whose_time_to_begin_is_over_is_not_sent_once_more() -> None:
    async with odd_http(reply=Reply(body=DONE)) as (odd, server), kept(server) as world:
        odd.forgets()
        odd.connecting.clear()
        began_at = time.monotonic()
        with fence.effects_of_start(began_at, within_seconds=2):
            call = asyncio.create_task(world.call("odd__do"))
        await until(lambda: time.monotonic() > began_at + 2)
        odd.connecting.set()
        assert word(await call) == "not run"
        assert (odd.called, odd.ran) == (1, 0)


async def test_other_calls_of_a_session_that_is_begun_anew_come_to_their_end() -> None:
    async with odd_http(reply=Reply(body=DONE)) as (odd, server), kept(server) as world:
        odd.held["a"] = asyncio.Event()
        other = asyncio.create_task(world.call("odd__do", wait="a"))
        await until(lambda: odd.called == 1)
        odd.forgets()
        assert (await world.call("odd__do")).ok
        odd.held["a"].set()
        assert (await other).result == {"text": "done"}
        assert odd.ran == 2
