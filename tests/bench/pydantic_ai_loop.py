# pyright: basic, reportMissingImports=false
# PydanticAI is not installed beside the bot, see `make pydantic-ai`: there are no types of it to check by.
"""The same task on PydanticAI, as its documentation would have it. A separate program; prints its port.

The order is a tool that requires approval, so that a run ends with a deferred request; the approval is the next run. The
conversation is one row of Postgres, read before a run and written whole after it. Model calls are made by its Anthropic model
on the client of the floors, and are not streamed; prompt, tools, Bolt and the card are those of the floors too.

No row says that an event has come, that an order was approved, or that it has begun: two clicks are two orders, as is a crash
after the order, and a run that was cut off is lost.
"""

import asyncio
import json
from typing import Any, cast

import anthropic
from psycopg_pool import AsyncConnectionPool
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ModelMessagesTypeAdapter, RunContext, Tool
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from slack_bolt.async_app import AsyncApp

from agent.prompts.versions import PROMPTS
from agent.run.background import Background
from agent.tool import definition
from bot.config.file import AgentSection
from tests.bench.floor import MAX_OUTPUT_TOKENS, card, serve
from tools.catalog import catalog

TABLE = "CREATE TABLE IF NOT EXISTS history (thread text PRIMARY KEY, messages json NOT NULL)"
LOAD = "SELECT messages::text FROM history WHERE thread = %s"
SAVE = "INSERT INTO history VALUES (%s, %s) ON CONFLICT (thread) DO UPDATE SET messages = EXCLUDED.messages"


class Loop:
    """The listeners of a bare Bolt app, and an agent behind them."""

    def __init__(self, app: AsyncApp, pool: AsyncConnectionPool[Any], model: anthropic.AsyncAnthropic) -> None:
        self._slack = cast(Any, app.client)
        self._pool = pool
        settings = AgentSection()
        self._agent = Agent(
            AnthropicModel(settings.model, provider=AnthropicProvider(anthropic_client=model)),
            instructions=PROMPTS.load(settings.prompt).text,
            tools=[_tool(tool) for tool in catalog(pool)],
            output_type=[str, DeferredToolRequests],
            model_settings={"max_tokens": MAX_OUTPUT_TOKENS},
        )
        self._background = Background()
        listeners = cast(Any, app)  # its decorators are untyped
        listeners.event("app_mention")(self._said)
        listeners.action("approve")(self._approved)

    async def _said(self, event: dict[str, Any]) -> None:
        thread = str(event.get("thread_ts") or event["ts"])
        self._background.begin(self._run(str(event["channel"]), thread, user_prompt=str(event["text"])))

    async def _approved(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        approved = DeferredToolResults(approvals={body["actions"][0]["value"]: True})
        thread = str(body["container"]["thread_ts"])
        self._background.begin(self._run(str(body["channel"]["id"]), thread, deferred_tool_results=approved))

    async def _run(self, channel: str, thread: str, **given: Any) -> None:
        async with self._pool.connection() as connection:
            kept = await (await connection.execute(LOAD, (thread,))).fetchone()
        history = ModelMessagesTypeAdapter.validate_json(kept[0]) if kept else []
        result = await self._agent.run(message_history=history, **given)
        async with self._pool.connection() as connection:
            await connection.execute(SAVE, (thread, result.all_messages_json().decode()))
        if isinstance(result.output, DeferredToolRequests):
            [call] = result.output.approvals
            blocks = card(call.tool_call_id, call.tool_name, call.args_as_dict())
            await self._slack.chat_postMessage(channel=channel, thread_ts=thread, text=call.tool_name, blocks=blocks)
        else:
            await self._slack.chat_postMessage(channel=channel, thread_ts=thread, text=result.output)


def _tool(tool: definition.Tool) -> Tool[None]:
    """Return one of the bot's tools as one of PydanticAI's."""
    handler: Any = tool.handler

    async def call(context: RunContext[None], **arguments: Any) -> str:
        identity = definition.ToolContext("", "", str(context.tool_call_id))
        answer = await handler(tool.arguments.model_validate(arguments), identity)
        return json.dumps({"ok": True, "result": answer.model_dump(mode="json")})

    schema: Any = tool.schema()
    made = Tool.from_schema(call, schema["name"], schema["description"], schema["input_schema"], takes_ctx=True)
    made.requires_approval = tool.effect != "read"
    return made


if __name__ == "__main__":
    asyncio.run(serve(Loop, TABLE))
