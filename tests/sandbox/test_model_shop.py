"""The shop assistant in whole conversations (`shop_dialogs`): over HTTP with the SDK, on the real tools and their demo shop."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import anthropic
import pytest
from psycopg_pool import AsyncConnectionPool

from agent.tool.definition import Result, ToolContext, Tools, failed, registry, run
from agent.tool.validation import validate
from bot.sandbox.model import ScriptedModel
from tests.sandbox.shop_dialogs import APPROVED, DIALOGS, UNKNOWN
from tools.catalog import catalog, seed_shop


@dataclass
class Conversation:
    """A bare loop of model and tools, as short as it can be: reads and approved orders run, others get what was decided."""

    client: anthropic.AsyncAnthropic
    tools: Tools
    messages: list[Any] = field(default_factory=list[Any])

    async def say(self, text: str, decided: Sequence[str] = ()) -> tuple[list[str], str]:
        """The calls that were made and the answer."""
        decisions = iter(decided)
        made: list[str] = []
        self.messages.append({"role": "user", "content": text if text.startswith("<@") else f"<@U1>: {text}"})
        while True:
            reply = await self._ask()
            self.messages.append({"role": "assistant", "content": [block.to_dict(mode="json") for block in reply.content]})
            uses = [block for block in reply.content if block.type == "tool_use"]
            if not uses:
                return made, "".join(block.text for block in reply.content if block.type == "text")
            results: list[dict[str, Any]] = []
            for use in uses:
                made.append(_short(use.name, use.input))
                result = await self._run(use, next(decisions, APPROVED) if use.name == "create_order" else APPROVED)
                results.append({"type": "tool_result", "tool_use_id": use.id, "content": result.text()})
            self.messages.append({"role": "user", "content": results})

    async def _ask(self) -> anthropic.types.Message:
        schemas: list[Any] = [tool.schema() for tool in self.tools.values()]
        async with self.client.messages.stream(
            model="claude-sonnet-5-5",
            max_tokens=2000,
            system="You sell.",
            messages=self.messages,
            tools=schemas,
            thinking={"type": "adaptive", "display": "summarized"},
        ) as stream:
            return await stream.get_final_message()

    async def _run(self, use: anthropic.types.ToolUseBlock, decision: str) -> Result:
        if decision != APPROVED:
            return failed("unexpected" if decision == UNKNOWN else "permission_denied", decision)
        arguments = validate(self.tools, use.name, use.input)
        assert not isinstance(arguments, Result), arguments
        context = ToolContext(session_id="session-1", requester="U1", idempotency_key=use.id)
        return await run(self.tools[use.name], arguments, context)


def _short(tool: str, arguments: dict[str, Any]) -> str:
    if tool == "create_order":
        told = [str(arguments.get(name, "")) for name in ("quantity", "sku", "customer", "note")]
        return " ".join(["order", *told]).rstrip()
    return f"search {arguments['query']}" if "query" in arguments else f"status {arguments['order_id']}"


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as model:
        yield model


@pytest.fixture
async def conversation(model: ScriptedModel, database_url: str) -> AsyncIterator[Conversation]:
    async with (
        AsyncConnectionPool(database_url, min_size=1, max_size=2, open=False) as pool,
        anthropic.AsyncAnthropic(base_url=model.base_url, api_key=model.api_key, max_retries=0) as client,
    ):
        await seed_shop(pool)
        yield Conversation(client, registry(catalog(pool)))


async def test_an_order_comes_with_a_reason_that_a_card_can_show(conversation: Conversation) -> None:
    await conversation.say("order 2 Desk Lamp Arc and 1 WGT-001 for ada@example.com")
    asking = [message["content"] for message in conversation.messages if message["role"] == "assistant"][1]
    told = " ".join(str(block.get("text") or block.get("thinking") or "") for block in asking).strip()
    assert (
        told
        == "I chose Desk Lamp Arc for “desk lamp arc”: $59.00 each, 62 in stock. I chose Widget Pro: $49.00 each, 120 in stock."
    )
    assert [block["type"] for block in asking].count("tool_use") == 2


@pytest.mark.parametrize("name", DIALOGS)
async def test_dialog(name: str, conversation: Conversation, model: ScriptedModel) -> None:
    for turn in DIALOGS[name]:
        made, answer = await conversation.say(turn.said, turn.decided)
        assert made == list(turn.calls)
        for words in turn.answer:
            assert words in answer
    assert model.refusals == []
