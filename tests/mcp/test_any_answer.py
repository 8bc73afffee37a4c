"""Whatever comes back from a call: what is said of it is true, it can be kept, and the next call finds the server as it was."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.tool.definition import Result
from tests.mcp.conftest import World, kept
from tests.mcp.odd import Reply, odd_http, odd_stdio
from tests.mcp.wild import any_json, written
from tests.profiles import examples
from tests.watchdog import watched
from tools.mcp.fates import REDIRECTING, TURNING_AWAY

NAMES = st.sampled_from(
    [
        *("content", "structuredContent", "isError", "type", "text", "data", "mimeType", "uri", "name", "resource", "blob"),
        *("toolResult", "_meta", "code", "message", "a"),
    ]
)
JSON = any_json(NAMES)
KINDS = st.sampled_from(["text", "image", "audio", "resource", "resource_link", "hologram"]) | JSON
PART = st.fixed_dictionaries(
    {"type": KINDS}, optional=dict.fromkeys(["text", "data", "mimeType", "uri", "name", "size", "resource", "annotations"], JSON)
)
RESULTS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "content": st.lists(PART | JSON, max_size=3) | JSON,
        "structuredContent": JSON,
        "isError": JSON,
        "resultType": st.sampled_from(["complete", "input_required"]) | JSON,
        "_meta": JSON,
    },
)
ERRORS = JSON | st.fixed_dictionaries({}, optional={"code": st.integers(-33_000, 500) | JSON, "message": JSON, "data": JSON})
MORE = st.dictionaries(st.sampled_from(["jsonrpc", "method", "params", "id2"]) | NAMES, JSON, max_size=2)


def answer_of(kind: str, value: Any, id: str = "$ID") -> str:
    """An answer to a call, as it is sent."""
    return f'{{"jsonrpc": "2.0", "id": {id}, "{kind}": {written(value)}}}'


ANSWERS = st.builds(answer_of, st.just("result"), RESULTS) | st.builds(
    answer_of, st.just("error"), ERRORS.filter(lambda error: error is not None)
)
# What is no answer to this call: of another, of none, or cut.
OTHERS = (
    st.builds(
        answer_of, st.sampled_from(["result", "error"]), JSON, st.sampled_from(["null", "77", '"x"', "true", "[1]", "1e400"])
    )
    | MORE.map(lambda message: written({"jsonrpc": "2.0", **message}))
    | st.tuples(ANSWERS, st.integers(0, 60)).map(lambda drawn: drawn[0][: drawn[1]])
    | JSON.map(written)
    | st.text(max_size=30)
)


def asking(method: Any, params: Any, id: dict[str, Any]) -> str:
    """A request or a notification of the server's own."""
    return written({"jsonrpc": "2.0", "method": method, "params": params, **id})


IDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({}, optional={"id": st.integers(0, 3) | JSON})
ASKING = st.builds(
    asking,
    st.sampled_from(
        [
            *("ping", "sampling/createMessage", "elicitation/create", "roots/list", "x", "notifications/progress"),
            *("notifications/message", "notifications/cancelled", "notifications/tools/list_changed"),
        ]
    )
    | JSON,
    st.fixed_dictionaries({}, optional={"progressToken": JSON, "progress": JSON, "requestId": JSON, "level": JSON}) | JSON,
    IDS,
)
TYPES = st.sampled_from(
    [
        "application/json",
        "text/plain",
        "text/html; charset=utf-16",
        "text/event-stream",
        "",
        "x",
        "application/json; charset=none",
    ]
)
HEADERS = st.lists(
    st.sampled_from(
        [
            ("Content-Encoding", "gzip"),
            ("Content-Encoding", "br"),
            ("Mcp-Session-Id", "other"),
            ("Mcp-Session-Id", "\xe9"),
            ("Retry-After", "x"),
            ("Location", "http://127.0.0.1:9/"),
            ("WWW-Authenticate", "Bearer"),
        ]
    ),
    max_size=2,
    unique_by=lambda header: header[0],
).map(tuple)
ANSWERED = [(200, content_type) for content_type in ("application/json", "text/plain", "text/html")]


def events(messages: Sequence[str], ids: bool) -> str:
    """Messages as server-sent events."""
    return "".join(
        f"event: message\n{f'id: {number}' if ids else ': c'}\ndata: " + message.replace("\r", " ").replace("\n", " ") + "\n\n"
        for number, message in enumerate(messages)
    )


def said(result: Result) -> str:
    """What is said of whether it ran. The result can be kept."""
    kept_text = result.coming_from("MCP server odd").text()
    json.loads(kept_text)
    kept_text.encode()
    if result.unclear:
        return "unknown"
    return "answered" if result.begun else "not run"


async def call_once(world: World, **arguments: Any) -> str:
    """Make the call, and then another one, which is answered."""
    async with watched():
        found = said(await world.call("odd__do", **arguments))
    return found


async def over_http(reply: Reply) -> tuple[str, int]:
    """What is said of a call that is answered so, and how often it ran."""
    async with odd_http(reply=reply) as (odd, server), kept(replace(server, call_seconds=20)) as world:
        found = await call_once(world)
        ran, odd.reply = odd.ran, Reply(body=DONE)
        assert (await world.call("odd__do")).result == {"text": "done"}
        assert odd.ran == ran + 1
        return found, ran


DONE = '{"jsonrpc": "2.0", "id": $ID, "result": {"content": [{"type": "text", "text": "done"}]}}'


@examples(0.6)
@given(ANSWERS, st.lists(ASKING | OTHERS, max_size=2), st.sampled_from([*ANSWERED, (200, "text/event-stream")]), st.booleans())
def test_a_call_that_is_answered_over_http_is_never_unknown_and_never_not_run(
    answer: str, before: list[str], how: tuple[int, str], ids: bool
) -> None:
    status, content_type = how
    body = events([*(each for each in before if "$ID" not in each), answer], ids) if "event-stream" in content_type else answer
    assert asyncio.run(over_http(Reply(status, content_type, body))) == ("answered", 1)


@examples(0.6)
@given(
    st.sampled_from([200, 200, 200, 201, 202, 204, 303, 400, 401, 404, 405, 408, 409, 418, 429, 499, 500, 502, 503, 529]),
    TYPES,
    st.lists(OTHERS | ASKING | ANSWERS, max_size=3),
    st.booleans(),
    st.sampled_from(["", "", "cut"]),
    HEADERS,
    st.booleans(),
)
def test_what_ran_over_http_is_never_said_not_to_have_run(
    status: int, content_type: str, messages: list[str], ids: bool, then: Any, headers: tuple[tuple[str, str], ...], runs: bool
) -> None:
    turned_away = status in TURNING_AWAY | REDIRECTING
    body = events(messages, ids) if "event-stream" in content_type else "".join(messages)
    runs = runs and not turned_away  # one that turns a call away and runs it lies
    reply = Reply(status, content_type, body, runs, then, headers)
    found, ran = asyncio.run(over_http(reply))
    assert not (ran and found == "not run")
    assert ran == runs


async def over_stdio(folder: str, answers: Sequence[tuple[str, bool]]) -> None:
    """Calls over stdio, one after the other. What never answers ends with its time limit, so each is answered at last."""
    async with kept(odd_stdio(Path(folder))) as world:
        for answer, ours in answers:
            text = (answer if ours else f"{answer}\n{DONE}").replace("\r", " ")
            assert await call_once(world, answer=text) == "answered"


LINES = st.tuples(ANSWERS.map(lambda line: line.replace("\n", " ")), st.just(True)) | st.tuples(
    (OTHERS | ASKING).filter(lambda line: "$ID" not in line), st.just(False)
)


@examples(0.12)
@given(st.lists(LINES, min_size=1, max_size=5))
def test_a_call_that_is_answered_over_stdio_is_never_unknown_and_never_not_run(answers: list[tuple[str, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(over_stdio(folder, answers))
