"""The floor: what no bot on these platforms can do without, and nothing else. A separate program; prints its port.

What it does, each step waiting for the one before:
- an event or a click: bare Bolt, one row inserted and committed, acked;
- asked: model call, commit, search, model call, commit, one chat.postMessage with the card;
- approved: create_order, model call, commit, one chat.postMessage with the answer.

Model calls are streamed on the anthropic SDK with the bot's prompt and tools; the tools are the bot's own. It keeps the
conversation in memory, so it resumes nothing: no lease, no policy, no budget, no look at who clicked, no card brought up
to date, and two clicks are two orders.

With the word `safe` no two clicks and no crash make two orders: the proposal is a row beside the reply, the click one conditional
update of it, the order's start another, and each tool's result is committed too. Three commits more, and nothing else.

With the word `least` beside `safe` it is as safe with as few commits as that takes, five: what can be repeated is committed with
what follows from it (the first reply and the search with the proposal), and the click starts the order in one update.

With the word `plain` replies of the model are not streamed. With the word `deaf` a row for each event is all that it does.
"""

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import anthropic
from aiohttp import web
from psycopg_pool import AsyncConnectionPool
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_server import AsyncSlackAppServer
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from agent.prompts.versions import PROMPTS
from agent.run.background import Background
from agent.tool.definition import ToolContext, registry
from bot.config.file import AgentSection
from tools.catalog import catalog

TABLES = """
CREATE TABLE IF NOT EXISTS floor_event (key text PRIMARY KEY, body json NOT NULL);
CREATE TABLE IF NOT EXISTS floor_reply (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, thread text, body json NOT NULL);
CREATE TABLE IF NOT EXISTS floor_action (id text PRIMARY KEY, status text NOT NULL DEFAULT 'pending', body json NOT NULL);
"""
EVENT = "INSERT INTO floor_event (key, body) VALUES (%s, %s) ON CONFLICT DO NOTHING"
REPLY = "INSERT INTO floor_reply (thread, body) VALUES (%s, %s)"
PROPOSE = """
WITH replied AS (INSERT INTO floor_reply (thread, body) VALUES (%(thread)s, %(body)s))
INSERT INTO floor_action (id, body) VALUES (%(id)s, %(body)s)
"""
MOVE = "UPDATE floor_action SET status = %s WHERE id = %s AND status = %s"
MAX_OUTPUT_TOKENS = 4_096

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a floor is like, by the words above. The least is safe, too: both words."""

    safe: bool = False
    least: bool = False
    plain: bool = False
    deaf: bool = False


class Floor:
    """The listeners of a bare Bolt app, and the loop behind them."""

    def __init__(self, app: AsyncApp, pool: AsyncConnectionPool[Any], model: anthropic.AsyncAnthropic, kind: Kind) -> None:
        self._kind = kind
        self._slack = cast(Any, app.client)
        self._pool = pool
        self._model = model
        self._agent = AgentSection()
        self._tools = registry(catalog(pool))
        self._schemas = cast(Any, [tool.schema() for tool in self._tools.values()])
        self._system = PROMPTS.load(self._agent.prompt).text
        self._threads: defaultdict[str, list[Message]] = defaultdict(list)
        self._background = Background()
        listeners = cast(Any, app)  # its decorators are untyped
        listeners.event("app_mention")(self._said)
        listeners.event("message")(self._said)
        listeners.action("approve")(self._approved)

    async def _said(self, event: dict[str, Any]) -> None:
        thread = str(event.get("thread_ts") or event["ts"])
        if "bot_id" in event or not await self._execute(EVENT, (f"{event['channel']}:{event['ts']}", json.dumps(event))):
            return
        if not self._kind.deaf:
            self._background.begin(self._ask(str(event["channel"]), thread, str(event["text"])))

    async def _approved(self, ack: Any, body: dict[str, Any]) -> None:
        action, thread = body["actions"][0], str(body["container"]["thread_ts"])
        if self._kind.safe:
            moved = "running" if self._kind.least else "approved"
            first = await self._execute(MOVE, (moved, action["value"], "pending"))
        else:
            first = await self._execute(EVENT, (action["action_ts"], json.dumps(action)))
        if first:
            self._background.begin(self._run(str(body["channel"]["id"]), thread))
        await ack()

    async def _ask(self, channel: str, thread: str, text: str) -> None:
        self._threads[thread].append({"role": "user", "content": [{"type": "text", "text": text}]})
        asked = len(self._threads[thread])
        call = await self._reply(thread, commits=not self._kind.least)
        await self._call(thread, call, commits=not self._kind.least)
        call = await self._reply(thread, commits=not self._kind.least)
        if self._kind.least:
            body = json.dumps(self._threads[thread][asked:])
            await self._execute(PROPOSE, {"thread": thread, "id": call["id"], "body": body})
        blocks = card(call["id"], call["name"], call["input"])
        await self._slack.chat_postMessage(channel=channel, thread_ts=thread, text=call["name"], blocks=blocks)

    async def _run(self, channel: str, thread: str) -> None:
        call = self._threads[thread][-1]["content"][-1]
        if not self._kind.safe or self._kind.least or await self._execute(MOVE, ("running", call["id"], "approved")):
            await self._call(thread, call)
        answer = await self._reply(thread)
        await self._slack.chat_postMessage(channel=channel, thread_ts=thread, text=answer["text"])

    async def _reply(self, thread: str, *, commits: bool = True) -> Any:
        """Asks the model and commits what it says; the last block of it."""
        messages = self._threads[thread]
        request: Any = {
            "model": self._agent.model,
            "system": self._system,
            "tools": self._schemas,
            "messages": messages,
            "max_tokens": MAX_OUTPUT_TOKENS,
        }
        model: Any = self._model.messages
        if self._kind.plain:
            reply = await model.create(**request)
        else:
            async with model.stream(**request) as stream:
                reply = await stream.get_final_message()
        content: list[Any] = [block.to_dict(mode="json") for block in reply.content]
        messages.append({"role": "assistant", "content": content})
        if not commits:
            return content[-1]
        if self._kind.safe and content[-1].get("name") == "create_order":
            await self._execute(PROPOSE, {"thread": thread, "id": content[-1]["id"], "body": json.dumps(content)})
        else:
            await self._execute(REPLY, (thread, json.dumps(content)))
        return content[-1]

    async def _call(self, thread: str, call: Any, *, commits: bool = True) -> None:
        tool = self._tools[call["name"]]
        answer: Any = await tool.handler(tool.arguments.model_validate(call["input"]), ToolContext(thread, "", call["id"]))
        text = json.dumps({"ok": True, "result": answer.model_dump(mode="json")})
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": text}
        self._threads[thread].append({"role": "user", "content": [result]})
        if self._kind.safe and commits:
            await self._execute(REPLY, (thread, json.dumps([result])))

    async def _execute(self, statement: Any, values: Any) -> bool:
        """One statement, one commit. False: it changed nothing."""
        async with self._pool.connection() as connection:
            return (await connection.execute(statement, values)).rowcount == 1


def card(call_id: str, name: str, arguments: Any) -> list[Message]:
    """Return the blocks of a card with what is to be done and one button."""
    button = {"type": "button", "action_id": "approve", "text": {"type": "plain_text", "text": "Approve"}, "value": call_id}
    return [
        {"type": "section", "text": {"type": "plain_text", "text": f"{name}: {json.dumps(arguments)}"}},
        {"type": "actions", "elements": [button]},
    ]


Loop = Callable[[AsyncApp, AsyncConnectionPool[Any], anthropic.AsyncAnthropic], object]


async def serve(loop: Loop, tables: Any) -> None:
    """Serve a loop until SIGTERM, with the bot's own environment variables. `tables` is run first."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with AsyncExitStack() as stack:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            os.environ["DATABASE_URL"], min_size=2, max_size=10, open=False, kwargs={"autocommit": True}
        )
        await stack.enter_async_context(pool)
        async with pool.connection() as connection:
            await connection.execute(tables)
        session = await stack.enter_async_context(
            aiohttp.ClientSession()
        )  # one for all calls: the SDK's default opens one a call
        client = AsyncWebClient(os.environ["SLACK_BOT_TOKEN"], os.environ["SLACK_API_URL"], session=session)
        app = AsyncApp(client=client, signing_secret=os.environ["SLACK_SIGNING_SECRET"], process_before_response=True)
        model = await stack.enter_async_context(anthropic.AsyncAnthropic(max_retries=0))
        loop(app, pool, model)
        server = web.AppRunner(AsyncSlackAppServer(0, "/slack/events", app).web_app, access_log=None)
        await server.setup()
        stack.push_async_callback(server.cleanup)
        await web.TCPSite(server, "127.0.0.1", 0).start()
        if app_token := os.environ.get("SLACK_APP_TOKEN"):
            handler = AsyncSocketModeHandler(app, app_token)
            stack.push_async_callback(handler.close_async)
            await handler.connect_async()
        print(f"ready on port {server.addresses[0][1]}", file=sys.stderr, flush=True)
        await stopped.wait()


if __name__ == "__main__":
    kind = Kind(**{word: True for word in sys.argv[1:]})
    asyncio.run(serve(lambda app, pool, model: Floor(app, pool, model, kind), TABLES))
