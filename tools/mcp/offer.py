"""What a server lists, as what can be offered to the model: each tool for itself."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.tool.definition import Tool
from tools.mcp.bridged import CallServer, bridged, unchecked_schema
from tools.mcp.listed import Listed, entry_name, listed
from tools.mcp.server import Server
from tools.mcp.wording import quoted


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server lists: the tools that can be offered, each beside what the server said of it, and why others cannot.

    `unread`: what is left to the server to check.
    """

    tools: tuple[tuple[Tool, Listed], ...] = ()
    left_out: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


async def offer(
    server: Server, entries: Sequence[Any], call: CallServer, mirrors: Callable[[str, Mapping[str, Any]], None]
) -> Offer:
    """Return the tools by our names. One that cannot be offered costs nobody the others, and none holds the event loop up.

    `mirrors` takes note of a tool's name and schema, and raises ValueError for one that the protocol does not allow.
    """
    tools: dict[str, tuple[Tool, Listed]] = {}
    left_out: list[str] = []
    left_to_it: list[str] = []
    for entry in entries:
        try:
            one = listed(entry)
            mirrors(one.name, one.input_schema)
            tool = await asyncio.to_thread(bridged, server, one, call)  # a large schema takes its time
            if tool.name in tools:
                raise ValueError("another one has the same name")
            tools[tool.name] = tool, one
            left_to_it += [f"the pattern {quoted(each)} of its tool {quoted(one.name)}" for each in unchecked_schema(tool)]
        except ValueError as error:
            left_out.append(f"its tool {quoted(server.discreet(entry_name(entry)))} is left out: {server.discreet(str(error))}")
    return Offer(tuple(tools.values()), tuple(left_out), tuple(left_to_it))
