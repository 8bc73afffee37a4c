"""Whatever answers instead of Slack: each call ends in an answer or in one of the errors that everything within deals with."""

import asyncio
from typing import Any

from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from agent.errors import DelayedError, RefusedError, UnclearError
from bot.slack.web_api import called, open_client
from tests.mcp.wild import any_json, written
from tests.profiles import examples
from tests.watchdog import watched

NAMES = st.sampled_from(["ok", "error", "ts", "user", "response_metadata", "warning"])
JSON = any_json(NAMES)
ANSWERS = st.fixed_dictionaries({"ok": st.booleans() | JSON}, optional={"error": st.sampled_from(["not_in_channel", "x"]) | JSON})
WAITS = st.sampled_from([None, "1", "0.5", "x", "-1", "Fri, 31 Dec 2027 23:59:59 GMT", "1e999"])


async def answered(method: str, status: int, kind: str, body: bytes, wait: str | None) -> None:
    """Make a call that is answered so."""

    async def answer(_: web.Request) -> web.Response:
        headers = {"Content-Type": kind, **({"Retry-After": wait} if wait is not None else {})}
        return web.Response(status=status, body=body, headers=headers)

    site = web.Application()
    site.add_routes([web.route("*", "/api/{method}", answer)])
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = open_client("xoxb", f"http://127.0.0.1:{runner.addresses[0][1]}/api/")
    assert client.session is not None
    try:
        async with watched():
            assert isinstance(await called(client, method, channel="C1", text="hello"), dict)
    except DelayedError as error:
        assert 0 <= error.seconds < 10**6  # noqa: PT017  # not every answer ends in it
    except (RefusedError, UnclearError):
        pass
    finally:
        await client.session.close()
        await runner.cleanup()


@examples(1)
@given(
    st.sampled_from(["chat.postMessage", "users.info"]),
    st.sampled_from([200, 200, 200, 301, 400, 404, 413, 429, 502]),
    st.sampled_from(["application/json", "text/html", "application/octet-stream", ""]),
    ANSWERS | JSON | st.binary(max_size=30),
    WAITS,
)
@example("users.info", 400, "text/plain", b"Bad Request", None)
@example("users.info", 200, "application/json", "§deeper§", None)
@example("chat.postMessage", 429, "application/json", b"{}", "Fri, 31 Dec 2027 23:59:59 GMT")
def test_whatever_answers_is_one_of_the_few_things_that_can_be_true(
    method: str, status: int, kind: str, said: Any, wait: Any
) -> None:
    body = said if isinstance(said, bytes) else written(said).encode("utf-8", "surrogatepass")
    asyncio.run(answered(method, status, kind, body, wait))
