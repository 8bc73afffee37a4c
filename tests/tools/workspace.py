"""The Slack tools against a sandbox workspace, through the bot's own port."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from agent.tool.definition import Result, ToolContext, Tools, preview, reconcile, registry, run
from agent.tool.validation import validate
from agent.types import Place, Preview
from bot.config.manifest import read_manifest
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.slack.readers import SlackReaders
from bot.slack.tool_port import SlackPort
from bot.slack.web_api import open_client, open_reader
from tools.slack import slack, slack_channels


@dataclass
class Workspace:
    """A workspace, and the tools on it for the asking person."""

    slack: SlackSandbox
    tools: Tools

    def context(self, user: str = "ann", channel: str = "orders", thread_ts: str = "1.0", key: str = "key-1") -> ToolContext:
        """Of a call that somebody asks for in a channel; "@ann" is her direct message."""
        place = self.slack.dm_channel(channel[1:]) if channel.startswith("@") else self.slack.channels[channel]
        where = Place(team=self.slack.team_id, channel=place, thread_ts=thread_ts)
        return ToolContext("session-1", self.slack.people[user], key, where)

    async def call(self, name: str, context: ToolContext | None = None, **arguments: Any) -> Result:
        """What the model reads."""
        validated = validate(self.tools, name, arguments)
        return validated if isinstance(validated, Result) else await run(self.tools[name], validated, context or self.context())

    async def preview(self, name: str, context: ToolContext | None = None, **arguments: Any) -> Preview:
        """What approvers are shown."""
        validated = validate(self.tools, name, arguments)
        assert not isinstance(validated, Result)
        found = await preview(self.tools[name], validated, context or self.context())
        assert isinstance(found, Preview), found
        return found

    async def would_fail(self, name: str, context: ToolContext | None = None, **arguments: Any) -> Result:
        """Return the error that the preview finds, so that nobody is asked."""
        validated = validate(self.tools, name, arguments)
        assert not isinstance(validated, Result)
        found = await preview(self.tools[name], validated, context or self.context())
        assert isinstance(found, Result), found
        return found

    async def reconcile(self, name: str, context: ToolContext | None = None, **arguments: Any) -> Result | None:
        """What became of a lost run."""
        validated = validate(self.tools, name, arguments)
        assert not isinstance(validated, Result)
        return await reconcile(self.tools[name], validated, context or self.context())

    def posts(self, channel: str) -> list[str]:
        """What the bot has posted in a channel, as people see it."""
        there = self.slack.workspace.messages[self.slack.channels[channel]].values()
        return [message.seen_text for message in there if message.bot_id == self.slack.bot_id]


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """The sandbox workspace with the tools on it."""
    async with SlackSandbox(read_manifest()) as sandbox:
        reader, poster = (open(sandbox.bot_token, sandbox.api_url) for open in (open_reader, open_client))
        port = SlackPort(reader, poster, sandbox.team_id, SlackReaders(reader, sandbox.team_id))
        yield Workspace(sandbox, registry([*slack(port), *slack_channels(port)]))
        for client in (reader, poster):
            assert client.session is not None
            await client.session.close()
