"""A pack of tools through which something is planted: by an argument, a result, an error, an exception, and how far it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from agent.tool.definition import Effect, Tool, ToolContext, ToolError
from tests.dialog.conftest import World
from tests.dialog.planted_data import told


class About(BaseModel):
    """What the tools of this test take."""

    text: str
    to: dict[str, str] = {}


def whose(about: About) -> str:
    """Where what is looked up is from, as cards name it."""
    return f"desk of {about.text}"


@dataclass
class Desk:
    """A pack of tools, and what they were given."""

    world: World
    taken: list[str] = field(default_factory=list[str])

    def tools(self) -> list[Tool]:
        """One that answers, one that says what is wrong, one that breaks, and one that writes."""
        read = Tool(name="refuse", description="Reads.", arguments=About, handler=self.refuse, effect=Effect.READ)
        return [
            read,
            replace(read, name="burst", handler=self.burst),
            replace(read, name="look_up", handler=self.look_up, untrusted=whose),
            Tool(
                name="send",
                description="Sends.",
                arguments=About,
                handler=self.send,
                headline=lambda about: f"Send {about.text}",
            ),
        ]

    async def look_up(self, about: About, context: ToolContext) -> Mapping[str, Any]:
        self.taken.append(about.text)
        context.progress(told("progress"))
        await self.world.slack.until(lambda: any(self.world.slack.workspace.loading.values()))
        return {"found": told("result")}

    async def refuse(self, about: About, context: ToolContext) -> Mapping[str, Any]:
        raise ToolError("not_found", f"There is nothing of {told('tool error')}.")

    async def burst(self, about: About, context: ToolContext) -> Mapping[str, Any]:
        raise RuntimeError(told("exception"))

    async def send(self, about: About, context: ToolContext) -> Mapping[str, Any]:
        self.taken.append(f"{about.text} {json.dumps(about.to)}")
        return {"sent": about.text, "receipt": told("receipt")}
