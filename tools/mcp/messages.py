"""Messages of JSON-RPC as servers really send them, read one by one into what the SDK takes: the border of both transports.

An answer to a `tools/call` goes through the SDK as a `Fate`: its own models refuse answers that say all there is to know. So an
error of the SDK's for such a call never comes from the server.
"""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, cast

from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, RequestId

from agent.bounded import BoundedError, Limits, run_bounded
from agent.foreign_json import foreign, members
from agent.text import whole
from tools.mcp.fates import Answered, Fate, answer_in

log = logging.getLogger(__name__)

FATE = "fate"  # the member of a result that holds one
CALL = "tools/call"
LARGE_BYTES = 256 * 1024  # what has more is read in a bounded process
READ_SECONDS = 10.0
HEAD_CHARACTERS = 4_000  # of an answer that cannot be read
_STRUCTURE = ("result", "structuredContent")  # of a large answer it comes as text: nobody reads it as anything else
_BEGINS_AS_ANSWER = re.compile(r"\s*\{(?P<before>[^{}\[\]]{0,200}?)\"(?P<kind>result|error)\"\s*:(?P<rest>.*)", re.DOTALL)
_MESSAGE_ID = re.compile(r"\"id\"\s*:\s*(?P<id>-?\d{1,15}|\"[^\"\\]{0,80}\")")


class NotSentError(Exception):
    """Nothing of a call of a tool left this machine."""


class Calls:
    """The ids of the `tools/call` requests of a connection that have no answer yet."""

    def __init__(self) -> None:
        self._ids: set[RequestId] = set()

    def sent(self, message: Any) -> bool:
        """Note a message that is about to be sent; whether it is a call of a tool."""
        is_call = isinstance(message, JSONRPCRequest) and message.method == CALL
        if is_call:
            self._ids.add(message.id)
        return is_call

    def find(self, id: Any) -> RequestId | None:
        """Return the id of the call that an answer names: as it was sent, where the server made a text of a number."""
        if isinstance(id, float) and id.is_integer():
            id = int(id)
        found = {str(one): one for one in self._ids}
        return found.get(str(id)) if isinstance(id, str | int) and not isinstance(id, bool) else None

    def ended(self, id: RequestId) -> None:
        """Note that a call has its fate."""
        self._ids.discard(id)


async def read_messages(data: bytes, *, cut: bool = False) -> list[Mapping[str, Any]]:
    """Return the messages in what a server sent at once: one, several in a list, or none. Large ones leave the event loop.

    `cut`: it broke off there, so what is not whole is no answer.
    """
    try:
        if len(data) <= LARGE_BYTES:
            value = foreign(data)
        else:
            value = await run_bounded(foreign, data, *_STRUCTURE, limits=Limits(seconds=READ_SECONDS))
    except ValueError:
        value = None if cut else _salvaged(data, "it is not JSON")
    except BoundedError as error:
        value = None if cut else _salvaged(data, str(error))
    messages = cast(list[Any], value) if isinstance(value, list) else [value]
    return [cast(Mapping[str, Any], one) for one in messages if isinstance(one, dict)]


def _salvaged(data: bytes, why: str) -> Mapping[str, Any] | None:
    """Return a message that begins as an answer but cannot be read: which call it is of, and how its text begins."""
    text = str(whole(data[: 2 * HEAD_CHARACTERS].decode("utf-8", "replace")))
    begun = _BEGINS_AS_ANSWER.match(text)
    if begun is None:
        log.debug("a message of %d bytes is no JSON-RPC message: %s", len(data), why)
        return None
    id = _MESSAGE_ID.search(begun["before"])
    told = f"(An answer of {len(data):,} bytes that could not be read: {why}. It begins:) {begun['rest'][:HEAD_CHARACTERS]}"
    value = {"content": told} if begun["kind"] == "result" else {"message": told}
    return {"jsonrpc": "2.0", "id": json.loads(id["id"]) if id else None, begun["kind"]: value}


def incoming(message: Mapping[str, Any], calls: Calls, asked: RequestId | None = None) -> SessionMessage | None:
    """Return a message as the SDK takes it; None for what nobody can take.

    `asked`: the request that it came in response to, where the transport knows, whatever id it names itself.
    """
    if isinstance(message.get("method"), str):
        return _from_server(message)
    answer = answer_in(message)
    if answer is None:
        return None
    named = calls.find(message.get("id")) if asked is None else asked
    if named is not None and calls.find(named) is not None:
        calls.ended(named)
        return fated(named, answer)
    id: Any = message.get("id") if named is None else named
    return _plain_answer(id, answer) if isinstance(id, str | int) and not isinstance(id, bool) else None


def fated(id: RequestId, fate: Fate) -> SessionMessage:
    """Return what ends a call of a tool."""
    return SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=id, result={FATE: fate}))


def _plain_answer(id: RequestId, answer: Answered) -> SessionMessage:
    """Return an answer to any other request, which the SDK looks at itself."""
    if answer.kind == "result" and members(answer.value) == answer.value:
        return SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=id, result=dict(members(answer.value))))
    told = answer.message if answer.kind == "error" else "its result is no object"
    data = members(answer.value).get("data")
    code = answer.code if answer.kind == "error" and answer.code is not None else INTERNAL_ERROR
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=id, error=ErrorData(code=code, message=told, data=data)))


def _from_server(message: Mapping[str, Any]) -> SessionMessage:
    """Return a request or a notification."""
    given = message.get("params")
    params = cast(dict[str, Any], given) if isinstance(given, dict) else None
    id: Any = message.get("id")
    if isinstance(id, str | int) and not isinstance(id, bool):
        return SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=id, method=message["method"], params=params))
    return SessionMessage(JSONRPCNotification(jsonrpc="2.0", method=message["method"], params=params))


def outgoing(message: Any) -> bytes:
    """Return a message of ours as it is sent: in ASCII, which spells half characters too."""
    return json.dumps(message.model_dump(by_alias=True, mode="python", exclude_unset=True)).encode()
