"""What the official conformance suite starts as a client: it calls all tools of the server at the given address."""

import asyncio
import sys
from typing import Any

from tests.mcp.conftest import kept
from tools.mcp import Remote, Server


def value_for(schema: dict[str, Any]) -> Any:
    """Something that fits an argument."""
    known: dict[str, Any] = {"number": 2, "integer": 2, "boolean": True, "array": [], "object": {}}
    return known.get(str(schema.get("type")), "x")


async def main(url: str) -> None:
    async with kept(Server(name="suite", reach=Remote(url))) as world:
        for name, tool in world.tools().items():
            properties = tool.schema()["input_schema"].get("properties", {})
            result = await world.call(name, **{each: value_for(part) for each, part in properties.items()})
            print(name, result.text())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
