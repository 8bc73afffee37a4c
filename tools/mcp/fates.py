"""What can be true of a call to a server, and how it is told from what came back. Pure; everything within deals with these four.

- `NotSent`: it never left this machine.
- `TurnedAway`: somebody in front of the tool refused it, and said so with an HTTP status.
- `Answered`: an answer to this call came, a result or an error. The server had it; only its own words say how far it got.
- `Unclear`: anything else, from a cut connection to silence. It may have run.

Nothing is concluded from the code of a JSON-RPC error: a tool that has done half of its work may end in any of them.
"""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from agent.foreign_json import members

# Statuses with which HTTP servers, and gateways before them, refuse a request that they do not pass on (RFC 9110, 15.5; RFC
# 6585). Not among them: 408, 409, 412, 424, 425 and 499, which also come from behind a tool that has begun.
TURNING_AWAY = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 407, 410, 411, 413, 414, 415, 417, 421, 422, 426, 428, 429, 431, 451}
)
# Redirects that were not followed. Not 303, which says that the request was dealt with (RFC 9110, 15.4.4).
REDIRECTING = frozenset({301, 302, 307, 308})
NO_SUCH_SESSION = 404  # to a request that names one (MCP 2025-11-25, transports, session management)
BAD_REQUEST = 400  # with which many servers say the same


@dataclass(frozen=True, slots=True)
class NotSent:
    """The call never left this machine."""

    why: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The call was refused before it came to the tool. `forgotten`: it named a session, which may be what was refused."""

    status: int
    why: str = ""
    forgotten: bool = False

    @property
    def in_words(self) -> str:
        """Return the status as people know it: `401 Unauthorized`."""
        known = {status.value: status.phrase for status in HTTPStatus}
        return f"{self.status} {known.get(self.status, '')}".strip()


@dataclass(frozen=True, slots=True)
class Answered:
    """The server answered the call. `value`: its result, of whatever kind, or its error."""

    kind: Literal["result", "error"]
    value: Any = field(hash=False)

    @property
    def code(self) -> int | None:
        """Return the code of an error, where it has one."""
        code = members(self.value).get("code")
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @property
    def message(self) -> str:
        """Return the message of an error; where it has none, whatever it says."""
        message = members(self.value).get("message", self.value)
        return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody here knows whether the call ran."""

    why: str


Fate = NotSent | TurnedAway | Answered | Unclear


def answer_in(value: Any) -> Answered | None:
    """Return the result or error in a message from a server; None for a request, a notification, and what is no message."""
    message = members(value)
    if "method" in message:
        return None
    if message.get("error") is not None:
        return Answered("error", message["error"])
    return Answered("result", message["result"]) if "result" in message else None


def of_response(status: int, answer: Answered | None, *, ours: bool, in_session: bool, said: str = "") -> Fate:
    """Return what an HTTP response says of the call that was its request.

    `answer`: the JSON-RPC answer in its body, if there is one; `ours`: it names the call's id. `said`: other words of the body.
    """
    ran = ours and answer is not None and answer.kind == "result"
    if status == NO_SUCH_SESSION and in_session and not ran:
        return TurnedAway(status, said, forgotten=True)
    if answer is not None and (ours or 200 <= status < 300):
        return answer
    said = answer.message if answer is not None else said
    if status in TURNING_AWAY or status in REDIRECTING:
        return TurnedAway(status, said, forgotten=status == BAD_REQUEST and in_session)
    return Unclear(f"HTTP status {status}" + (f": {said}" if said else " and no answer to the call"))
