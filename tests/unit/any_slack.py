"""A Web API that answers anything at all for a while, and as it should from then on; and what it has done meanwhile."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import aiohttp
from hypothesis import strategies as st
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from tests.unit.test_slack_errors import CLASSES

Does = Literal["nothing", "it"]
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["ok", "error", "ts", "channel", "messages", "user", "id"]), inner, max_size=3)
    ),
    max_leaves=6,
)
HEADERS = st.sampled_from([{}, {"Retry-After": "7"}, {"Retry-After": "soon"}, {"Retry-After": "-1"}])
CODES = st.sampled_from(list(CLASSES)) | st.text(max_size=8)
LOST: Sequence[Exception] = (TimeoutError(), aiohttp.ClientConnectionError(), SlackClientError("x"), OSError())


@dataclass(frozen=True)
class Trouble:
    """One answer of the Web API that is not as it should be; `does`: what it has done all the same."""

    does: Does
    status: int
    headers: dict[str, str]
    body: Any
    lost: Exception | None = None


REFUSALS = CODES.map(lambda code: {"ok": False, "error": code})
REFUSED = st.builds(Trouble, st.just("nothing"), st.just(200), HEADERS, REFUSALS)
NO_ANSWERS = BODIES.filter(lambda body: not (isinstance(body, dict) and body.get("ok")))
ODD = st.builds(Trouble, st.just("nothing"), st.sampled_from([200, 301, 400, 404, 413, 429, 500, 503]), HEADERS, NO_ANSWERS)
DOES: st.SearchStrategy[Does] = st.sampled_from(["nothing", "it"])
SAYS_NOTHING = st.dictionaries(st.sampled_from(["ts", "channel", "user", "messages", "members"]), BODIES, max_size=2).map(
    lambda body: {**body, "ok": True}
)
UNREAD = st.builds(Trouble, st.just("it"), st.just(200), st.just({}), SAYS_NOTHING)
BROKE = st.builds(  # half way, as some codes say
    Trouble,
    DOES,
    st.just(200),
    HEADERS,
    st.sampled_from([{"ok": False, "error": code} for code, of in CLASSES.items() if of == "unclear"]),
)
CUT = st.builds(Trouble, DOES, st.just(0), st.just({}), st.none(), st.sampled_from(LOST))
TROUBLES = st.lists(REFUSED | REFUSED | ODD | UNREAD | BROKE | CUT | st.none(), max_size=6)
"""What comes of the next calls, in their order; None: all is well."""


@dataclass
class Standing:
    """A message that stands somewhere."""

    channel: str
    said: str  # all its texts
    thread_ts: str = ""
    metadata: Any = None
    grows: bool = False


@dataclass
class AnySlack:
    """The calls of the Web API that the surface makes, and the messages of the workspace."""

    troubles: list[Trouble | None]
    standing: dict[str, Standing] = field(default_factory=dict[str, Standing])  # by ts
    whispered: list[str] = field(default_factory=list[str])
    opened: list[Any] = field(default_factory=list[Any])
    calls: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])  # methods, with what each was given

    @property
    def client(self) -> AsyncWebClient:
        """It in the place of the library's client."""
        return cast(AsyncWebClient, self)

    async def api_call(self, method: str, **how: Any) -> AsyncSlackResponse:
        """See `AsyncWebClient.api_call`: what is wrong with an answer is for its own `validate` to say."""
        given: dict[str, Any] = how.get("json") or how.get("params") or {}
        self.calls.append((method, given))
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is None:
            done = self._do(method, given)
            return _response(method, done, {}, 200)
        if trouble.does == "it" and not (done := self._do(method, given))["ok"]:
            return _response(method, done, {}, 200)
        if trouble.lost is not None:
            raise trouble.lost
        return _response(method, trouble.body, trouble.headers, trouble.status)

    def _do(self, method: str, given: dict[str, Any]) -> Any:
        ts, said = str(given.get("ts", "")), json.dumps(given, ensure_ascii=False)
        message = self.standing.get(ts)
        match method:
            case "chat.postMessage":
                ts = f"{100 + len(self.standing)}.0"
                self.standing[ts] = Standing(given["channel"], said, given.get("thread_ts", ""), given.get("metadata"))
            case "chat.startStream":
                ts = f"{100 + len(self.standing)}.0"
                self.standing[ts] = Standing(given["channel"], said, given["thread_ts"], grows=True)
            case "chat.update" | "chat.appendStream" | "chat.stopStream" if message is None:
                return {"ok": False, "error": "message_not_found"}
            case "chat.update" if message is not None and message.grows:
                return {"ok": False, "error": "streaming_state_conflict"}
            case "chat.update" if message is not None:
                self.standing[ts] = Standing(message.channel, said, message.thread_ts, given.get("metadata", message.metadata))
            case "chat.appendStream" | "chat.stopStream" if message is not None and not message.grows:
                return {"ok": False, "error": "message_not_in_streaming_state"}
            case "chat.appendStream" if message is not None:
                message.said += said
            case "chat.stopStream" if message is not None:
                message.said, message.grows, message.metadata = message.said + said, False, given.get("metadata")
            case "chat.delete":
                self.standing.pop(ts, None)
            case "chat.postEphemeral":
                self.whispered.append(said)
            case "views.open":
                self.opened.append(given["view"])
            case "conversations.replies":
                there = [
                    {"ts": at, "user": "U0BOT", **({"metadata": one.metadata} if one.metadata else {})}
                    for at, one in self.standing.items()
                    if one.channel == given["channel"]
                ]
                return {"ok": True, "messages": there}
            case "users.info":
                return {"ok": True, "user": {"id": given["user"], "team_id": "T1"}}
            case "conversations.members":
                return {"ok": True, "members": ["U1", "U2"]}
            case _:
                pass
        return {"ok": True, "ts": ts, "channel": {"id": "D1"}, "permalink": "https://acme.slack.com/archives/C1/p10"}


def _response(method: str, body: Any, headers: dict[str, str], status: int) -> AsyncSlackResponse:
    url = f"https://slack.com/api/{method}"
    response = AsyncSlackResponse(
        client=None, http_verb="POST", api_url=url, req_args={}, data=body, headers=headers, status_code=status
    )
    return response.validate()


class Logged(logging.Handler):
    """What is logged of warnings and worse within a block."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.lines.append(record.getMessage())

    def __enter__(self) -> "Logged":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
