"""Bolt and the two ways to it, but for what Bolt itself stumbles over: a delivery that is not as Slack makes them.

Each is acked, with a line in the log: Slack would only deliver it again as it is, and counts what is not acked against the app.
"""

import logging
import traceback
from pathlib import Path

import slack_bolt
from aiohttp import web
from psycopg import DataError
from slack_bolt import BoltResponse
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.slack.as_made import OddDeliveryError, as_made

log = logging.getLogger(__name__)

NO_LISTENER = 404  # Bolt's answer to what nobody listens to; it has logged that


class Bolt(AsyncApp):
    """Bolt itself."""

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        """Return the answer to a delivery; it is acked also where nobody here can make anything of it."""
        try:
            with as_made():
                answer = await super().async_dispatch(req)
        except OddDeliveryError as error:
            return ack_left_out(error)
        return answer if answer.status != NO_LISTENER else BoltResponse(status=200)


class Socket(AsyncSocketModeHandler):
    """The way over Socket Mode."""

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:
        """Take in one delivery."""
        try:
            with as_made():
                await super().handle(client, req)
        except OddDeliveryError as error:
            ack_left_out(error)
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=req.envelope_id))


async def over_http(app: AsyncApp, signing_secret: str, request: web.Request) -> web.Response:
    """Return the answer to a delivery over HTTP. What nobody can read is acked only if Slack signed it."""
    try:
        with as_made():
            asked = await to_bolt_request(request)
    except OddDeliveryError as error:
        signed = SignatureVerifier(signing_secret).is_valid_request(await request.read(), dict(request.headers))
        return await to_aiohttp_response(ack_left_out(error) if signed else BoltResponse(status=401))
    return await to_aiohttp_response(await app.async_dispatch(asked))


def of_bolt(error: Exception) -> bool:
    """Return whether Bolt itself stumbled: what it looks for in a delivery, it takes to be there."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(files) and Path(files[-1]).is_relative_to(Path(slack_bolt.__file__).parent)


def ack_left_out(error: OddDeliveryError | DataError) -> BoltResponse:
    """Return Slack's answer to a delivery that nobody can take in: acked, since it would be the same the next time."""
    log.warning("a delivery is left out, it is not made as Slack makes them: %s", error)
    return BoltResponse(status=200)
