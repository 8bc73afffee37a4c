"""An MCP server over stdio that lists and answers what it is given: `odd_program.py LEDGER TOOLS`.

TOOLS is a file with the result of `tools/list` on one line, as it is sent: it need not be JSON.
The argument `answer` of a call, or the file that `from_file` names, is what it prints, with $ID for the call's id; `die` ends it
after that.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

LEDGER, TOOLS = Path(sys.argv[1]), Path(sys.argv[2])
ABOUT: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "serverInfo": {"name": "odd", "version": "1"},
    "capabilities": {"tools": {}},
}


def send(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()


def answer(method: str) -> str:
    match method:
        case "initialize":
            return f'"result": {json.dumps(ABOUT)}'
        case "tools/list":
            return f'"result": {TOOLS.read_text()}'
        case _:
            return '"error": {"code": -32601, "message": "Method not found"}'


for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "tools/call":
        arguments = message["params"]["arguments"]
        with LEDGER.open("a") as ledger:
            ledger.write("ran\n")
        answer = Path(arguments["from_file"]).read_text() if "from_file" in arguments else arguments.get("answer")
        if answer is not None:
            send(str(answer).replace("$ID", json.dumps(message["id"])))
        if arguments.get("die"):
            os._exit(3)
    elif "id" in message:
        send(f'{{"jsonrpc": "2.0", "id": {json.dumps(message["id"])}, {answer(message["method"])}}}')
