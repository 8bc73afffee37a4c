"""The protocol with one server: the SDK's session, asked below its models, which refuse what servers really say."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from mcp import ClientSession, MCPError
from mcp.shared.dispatcher import CallOptions, ProgressFnT
from mcp.shared.inbound import find_invalid_x_mcp_header, x_mcp_header_map
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tools.mcp.fates import Fate, NotSent, Unclear
from tools.mcp.messages import CALL, FATE, NotSentError

MOST_PAGES = 50
MOST_TOOLS = 2_000


class McpSession(ClientSession):
    """A session whose tools are listed and called as they are."""

    async def run(self, tool: str, arguments: Mapping[str, Any], hear: ProgressFnT) -> Fate:
        """Call a tool by the server's name of it, and return what became of that. Cancelling this cancels the request."""
        try:
            told = await self._request(CALL, {"name": tool, "arguments": dict(arguments)}, hear)
        except MCPError as error:  # of the SDK's: whatever the server answers comes as a fate
            return Unclear(error.message)
        except NotSentError as error:
            return NotSent(str(error))
        return cast(Fate, told[FATE])

    async def entries(self) -> Sequence[Any]:
        """Return the entries of `tools/list`, page by page until a cursor does not move on. Raises MCPError."""
        found: list[Any] = []
        seen: set[str] = set()
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._request("tools/list", {"cursor": cursor} if cursor is not None else None)
            tools: Any = page.get("tools")
            found += cast(list[Any], tools) if isinstance(tools, list) else []
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or cursor in seen or len(found) >= MOST_TOOLS:
                break
            seen.add(cursor)
        return found[:MOST_TOOLS]

    def mirrors(self, tool: str, schema: Mapping[str, Any]) -> None:
        """Note which arguments of a tool go into headers too, where the protocol has that. Raises ValueError if they cannot."""
        if self.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            return
        if (reason := find_invalid_x_mcp_header(dict(schema))) is not None:
            self._x_mcp_header_maps.pop(tool, None)
            raise ValueError(f"its x-mcp-header is invalid ({reason})")
        self._x_mcp_header_maps[tool] = x_mcp_header_map(dict(schema))

    async def _request(self, method: str, params: dict[str, Any] | None, hear: ProgressFnT | None = None) -> dict[str, Any]:
        """Send a request, stamped as this session's are, and return its result as it came. Raises MCPError."""
        data: dict[str, Any] = {"method": method, **({"params": params} if params is not None else {})}
        options: CallOptions = {} if hear is None else {"on_progress": hear}
        self._stamp(data, options)
        return await self._dispatcher.send_raw_request(method, data.get("params"), options)
