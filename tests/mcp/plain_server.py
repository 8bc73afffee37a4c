"""An MCP server of the 2025 protocol, by hand and without the SDK: `plain_server.py LEDGER`.

`wait` is never answered, `change` adds a tool and announces it; what is cancelled goes to the ledger.
"""

import json
import sys
from pathlib import Path
from typing import Any

LEDGER = Path(sys.argv[1])
TOOLS: list[dict[str, Any]] = [{"name": name, "inputSchema": {"type": "object"}} for name in ("wait", "change")]


def send(message: dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(method: str) -> dict[str, Any] | None:
    match method:
        case "initialize":
            about = {"serverInfo": {"name": "plain", "version": "1"}, "capabilities": {"tools": {"listChanged": True}}}
            return {"result": {"protocolVersion": "2025-06-18", **about}}
        case "tools/list":
            return {"result": {"tools": TOOLS}}
        case _:
            return {"error": {"code": -32601, "message": "Method not found"}}


for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "notifications/cancelled":
        with LEDGER.open("a") as ledger:
            ledger.write(f"cancelled {message['params']['requestId']}\n")
    elif message["method"] == "tools/call":
        with LEDGER.open("a") as ledger:
            ledger.write(f"{message['params']['name']} {message['id']}\n")
        if message["params"]["name"] == "change":
            TOOLS.append({"name": "changed", "inputSchema": {"type": "object"}})
            send({"method": "notifications/tools/list_changed"})
            send({"id": message["id"], "result": {"content": [{"type": "text", "text": "done"}]}})
    elif "id" in message:
        send({"id": message["id"], **(answer(message["method"]) or {})})
