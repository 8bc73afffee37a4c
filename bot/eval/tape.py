"""Recorded answers of the Messages API: a proxy in front of it writes them down, and plays them back without a key.

An answer belongs to the request that it was given to. What differs from run to run (times, timestamps of Slack, random ids) is
left out of the comparison; anything else that differs is drift, and is said by its place.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self, cast

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict

MOST_BYTES = 32 * 1024 * 1024  # request size limit of the Messages API
PARTS = ("model", "max_tokens", "thinking", "system", "tools", "tool_choice")
PASSED_ON = ("content-type", "retry-after", "x-should-retry", "request-id")
KEY_HEADER = "x-api-key"
NOT_SENT_ON = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
ID = re.compile(r"\b(msg|toolu|srvtoolu|req)_([A-Za-z0-9]{8,})")  # as the API numbers what it answers: at random
# Moments as Slack, Postgres and JSON spell them, and days as memory does; and the mark around what memory quotes: a digest over
# the days in it.
MOMENT = re.compile(
    r"\d{10}\.\d{6}|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z|[+-]\d\d:?\d\d)?)?|\b\d\d:\d\d(:\d\d(\.\d+)?\b| UTC\b)"
    r"|\d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}\b|=== [0-9a-f]{16} ==="
)


class Asked(BaseModel):
    """A request by the digests of its parts, so that a difference has a place."""

    model_config = ConfigDict(frozen=True)

    parts: Mapping[str, str]
    messages: Sequence[str]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Asked":
        """Return what was asked."""
        number = numbering()
        return cls(
            parts={part: _digest_of(body[part], number) for part in PARTS if part in body},
            messages=[_digest_of(message, number) for message in body.get("messages", ())],
        )

    def differs(self, other: "Asked") -> str:
        """Return how this one is not as the other one, in words; nothing where it is."""
        names = [part for part in PARTS if self.parts.get(part) != other.parts.get(part)]
        wrong = [f"its {name} {'are others' if name == 'tools' else 'is another one'}" for name in names]
        if self.messages != other.messages:
            pairs = zip(self.messages, other.messages, strict=False)
            at = next((at for at, (one, two) in enumerate(pairs) if one != two), min(len(self.messages), len(other.messages)))
            wrong.append(f"message {at + 1} of {len(self.messages)} is another one than in the recording ({len(other.messages)})")
        return " and ".join(wrong)


class Exchange(BaseModel):
    """One request, and what came back: a stream as it was sent, or JSON."""

    model_config = ConfigDict(frozen=True)

    asked: Asked
    status: int
    headers: Mapping[str, str]
    body: str


class Tape(BaseModel):
    """The exchanges of one case, in order."""

    model_config = ConfigDict(frozen=True)

    exchanges: Sequence[Exchange] = ()


class _FrontServer:
    """A server on 127.0.0.1 in front of the Messages API."""

    def __init__(self) -> None:
        self.base_url = ""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/v1/messages", self._answer_request)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def _answer_request(self, http: web.Request) -> web.StreamResponse:
        raise NotImplementedError


class Gateway(_FrontServer):
    """Passes requests on. `key`: takes the place of the key that they come with; empty: that one goes on."""

    def __init__(self, upstream: str, key: str = "") -> None:
        super().__init__()
        self._upstream = upstream.rstrip("/")
        self._key = key

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._session = await self._stack.enter_async_context(aiohttp.ClientSession(auto_decompress=True))
        return self

    async def _answer_request(self, http: web.Request) -> web.StreamResponse:
        raw = await http.read()
        sent = {name: value for name, value in http.headers.items() if name.lower() not in NOT_SENT_ON}
        if self._key:
            sent = {name: value for name, value in sent.items() if name.lower() != KEY_HEADER} | {KEY_HEADER: self._key}
        async with self._session.post(f"{self._upstream}{http.path_qs}", data=raw, headers=sent) as answer:
            headers = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(http)
            parts: list[bytes] = []
            async for part in answer.content.iter_any():
                parts.append(part)
                await response.write(part)
            self._take_down(raw, answer.status, headers, b"".join(parts))
            await response.write_eof()
            return response

    def _take_down(self, asked: bytes, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an exchange, or not."""


class Recorder(Gateway):
    """Passes requests on and keeps what comes back. `exchanges` grows in the order of the answers' ends."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.exchanges: list[Exchange] = []

    def tape(self) -> Tape:
        """Return what was recorded."""
        return Tape(exchanges=self.exchanges)

    def _take_down(self, asked: bytes, status: int, headers: Mapping[str, str], body: bytes) -> None:
        of = Asked.of(cast(dict[str, Any], json.loads(asked)))
        self.exchanges.append(Exchange(asked=of, status=status, headers=headers, body=body.decode()))


class Replayer(_FrontServer):
    """Gives recorded answers. `drift` says how the bot asked otherwise than it did then; empty: it did not."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape
        self._given: defaultdict[str, int] = defaultdict(int)
        self.asked = 0
        self.drift = ""

    @property
    def left(self) -> int:
        """Return how many recorded answers nobody has asked for."""
        return max(0, len(self._tape.exchanges) - self.asked)

    async def _answer_request(self, http: web.Request) -> web.StreamResponse:
        asked = Asked.of(cast(dict[str, Any], await http.json()))
        key = asked.model_dump_json()
        same = [exchange for exchange in self._tape.exchanges if exchange.asked == asked]
        self.asked += 1
        if not same:
            self.drift = self.drift or self._difference(asked)
            return web.json_response(_error_body(f"There is no recording of this request: {self.drift}"), status=400)
        found = same[min(self._given[key], len(same) - 1)]
        self._given[key] += 1
        return web.Response(status=found.status, headers=dict(found.headers), body=found.body.encode())

    def _difference(self, asked: Asked) -> str:
        """Return how a request is not as the one that was recorded in its place."""
        if self.asked > len(self._tape.exchanges):
            return f"it is request {self.asked}, and {len(self._tape.exchanges)} were recorded"
        return f"request {self.asked}: {asked.differs(self._tape.exchanges[self.asked - 1].asked)}"


def _error_body(message: str) -> Mapping[str, Any]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def numbering() -> Callable[[str], str]:
    """Return what gives each id of the API in texts a number, in the order in which it comes across them. It stays as long as it
    was: how much a model may still answer follows from the length of what it is asked."""
    numbers: dict[str, str] = {}

    def numbered(text: str) -> str:
        return ID.sub(lambda match: numbers.setdefault(match[0], f"{match[1]}_{len(numbers) + 1:0{len(match[2])}}"), text)

    return numbered


def _digest_of(value: Any, number: Callable[[str], str]) -> str:
    text = MOMENT.sub("MOMENT", number(json.dumps(value, ensure_ascii=False, sort_keys=True)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
