"""Events and interactions as HTTP requests, signed with the signing secret (Slack's v0 signature)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import aiohttp

from bot.sandbox.slack.delivery import NotAcked, Outgoing
from bot.sandbox.slack.wire import Json

_HTTP_REASONS = {"timeout": "http_timeout", "connection_failed": "connection_failed", "http_error": "http_error"}


class SignedHttp:
    """Posts to the bot's request URL. A Route."""

    def __init__(self, url: str, signing_secret: str) -> None:
        self.url = url
        self._secret = signing_secret.encode()
        self._session = aiohttp.ClientSession()

    async def send(self, outgoing: Outgoing, ack_seconds: float) -> Json | None:
        body, headers = _body(outgoing)
        signed = {**headers, **self._signature(body)}
        timeout = aiohttp.ClientTimeout(total=ack_seconds)
        try:
            async with self._session.post(self.url, data=body.encode(), headers=signed, timeout=timeout) as response:
                text = await response.text()
                if response.status != 200:
                    raise NotAcked("http_error", retry="x-slack-no-retry" not in response.headers)
                return json.loads(text) if response.content_type == "application/json" and text else None
        except TimeoutError:
            raise NotAcked("timeout") from None
        except aiohttp.ClientError:
            raise NotAcked("connection_failed") from None

    async def close(self) -> None:
        await self._session.close()

    def _signature(self, body: str) -> dict[str, str]:
        timestamp = str(int(time.time()))
        digest = hmac.new(self._secret, f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


def _body(outgoing: Outgoing) -> tuple[str, dict[str, str]]:
    if outgoing.kind == "interactive":
        form = urlencode({"payload": json.dumps(outgoing.payload)})
        return form, {"Content-Type": "application/x-www-form-urlencoded"}
    headers = {"Content-Type": "application/json"}
    if outgoing.retry_number:
        headers["X-Slack-Retry-Num"] = str(outgoing.retry_number)
        headers["X-Slack-Retry-Reason"] = _HTTP_REASONS[outgoing.retry_reason]
    return json.dumps(outgoing.payload), headers
