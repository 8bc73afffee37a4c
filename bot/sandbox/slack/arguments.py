"""A Web API call's arguments, in each of the styles that Slack takes: query, form, JSON body."""

from __future__ import annotations

import json
from typing import Any, cast

from aiohttp import web

from bot.sandbox.slack.wire import Json, Refused


class Arguments:
    """What was sent, by name. A value that is an object or a list may come as JSON inside a string, as Slack allows."""

    def __init__(self, sent: Json) -> None:
        self.sent = sent

    def __contains__(self, name: str) -> bool:
        return self.sent.get(name) is not None

    def text(self, name: str) -> str | None:
        value = self.sent.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, (int, float)):
            return str(value)
        raise Refused.with_messages("invalid_arguments", [f"must be a string [json-pointer:/{name}]"])

    def needed(self, name: str, code: str = "invalid_arguments") -> str:
        value = self.text(name)
        if not value:
            raise Refused.with_messages(code, [f"missing required field: {name}"])
        return value

    def flag(self, name: str) -> bool:
        return str(self.sent.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        value = self.sent.get(name)
        try:
            return default if value in (None, "") else int(value)
        except (TypeError, ValueError):
            raise Refused.with_messages("invalid_arguments", [f"must be an integer [json-pointer:/{name}]"]) from None

    def parsed(self, name: str, code: str = "invalid_arguments") -> Any:
        """Return the object or list called `name`, parsed where it came as a string; None where it did not come."""
        value = self.sent.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise Refused(code) from None

    def json_object(self, name: str, code: str = "invalid_arguments") -> Json | None:
        value = self.parsed(name, code)
        if value is not None and not isinstance(value, dict):
            raise Refused(code)
        return cast(Json | None, value)

    def json_list(self, name: str, code: str = "invalid_arguments") -> list[Json] | None:
        value = self.parsed(name, code)
        if value is not None and not isinstance(value, list):
            raise Refused(code)
        return cast(list[Json] | None, value)


async def read_arguments(request: web.Request, *, takes_json: bool) -> tuple[Json, str | None]:
    """Return the arguments and the token. A JSON body of a method that takes none is not looked at, as in Slack."""
    sent: Json = dict(request.query)
    if request.content_type == "application/json":
        if takes_json and request.can_read_body:
            try:
                body = json.loads(await request.read())
            except ValueError:
                raise Refused("invalid_json") from None
            if not isinstance(body, dict):
                raise Refused("json_not_object")
            sent |= cast(Json, body)
    elif request.can_read_body:
        sent |= dict(await request.post())
    token = cast(str | None, sent.pop("token", None))
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return sent, bearer if scheme == "Bearer" else token
