"""An MCP server over stdio that lists and answers what it is given: `odd_program.py LEDGER TOOLS`.

TOOLS is a file with the result of `tools/list` on one line, as it is sent: it need not be JSON.
The argument `answer` of a call, or the file that `from_file` names, is what it prints, with $ID for the call's id, and then
`end`, a new line unless it is given. `die` ends it after that or, with "before", before it does anything. `deaf`: it takes
nothing in from then on, and stays. Its process id is in `pid` beside the ledger.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

LEDGER, TOOLS = Path(sys.argv[1]), Path(sys.argv[2])
ABOUT: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "serverInfo": {"name": "odd", "version": "1"},
    "capabilities": {"tools": {}},
}

LEDGER.with_name("pid").write_text(str(os.getpid()))


def send(text: str, end: str = "\n") -> None:
    sys.stdout.buffer.write((text + end).encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def answer_to(method: str) -> str:
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
        if arguments.get("die") == "before":
            os._exit(3)
        with LEDGER.open("a") as ledger:
            ledger.write("ran\n")
        if arguments.get("deaf"):
            os.close(0)
        answer = Path(arguments["from_file"]).read_text() if "from_file" in arguments else arguments.get("answer")
        if answer is not None:
            send(str(answer).replace("$ID", json.dumps(message["id"])), arguments.get("end", "\n"))
        if arguments.get("die"):
            os._exit(3)
        if arguments.get("deaf"):
            signal.pause()
    elif "id" in message:
        send(f'{{"jsonrpc": "2.0", "id": {json.dumps(message["id"])}, {answer_to(message["method"])}}}')
