"""`.mcp.json` beside signoff.yaml: which MCP servers there are, in the shape that other MCP hosts use."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.config.file import DEFAULT_PATH, plainly
from bot.config.refusal import Refusal
from bot.config.sections import McpServer
from tools.mcp import Local, Remote, Server

NAME = ".mcp.json"
IN_JSON = {  # instead of the words for YAML
    **dict.fromkeys(("model_type", "dict_type"), 'should be an object, such as {"command": "uvx"}'),
    "list_type": 'should be an array, such as ["-y"]',
}
LEAST_SECRET = 8  # a shorter value is no secret, and would be found everywhere
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_OPEN = {"HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "TZ", "USER"}  # variables that hold no secret


class _Entry(BaseModel):
    """One server in the file. What other hosts keep there besides is theirs."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["stdio", "http", "streamable-http", "streamableHttp"] | None = None
    command: str = ""
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str = ""
    headers: dict[str, str] = {}
    disabled: bool = False


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    servers: dict[Annotated[str, Field(min_length=1)], _Entry] = Field(default={}, alias="mcpServers")


class _Expanding:
    """`${NAME}` and `${NAME:-default}` in the texts of one server."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.missing: list[str] = []
        self.secrets: list[str] = []

    def text(self, text: str) -> str:
        """Return the text with the variables' values. One that is not set and has no default is noted as missing."""
        return _VARIABLE.sub(self._value, text)

    def texts(self, texts: Mapping[str, str]) -> Mapping[str, str]:
        """Return the same for the values of a mapping."""
        return {name: self.text(text) for name, text in texts.items()}

    def _value(self, found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        value = self._environment.get(name) or default
        if value is None:
            self.missing.append(name)
            return ""
        if name in self._environment and name not in _OPEN and len(value) >= LEAST_SECRET:
            self.secrets.append(value)
        return value


def read_servers(config_path: Path | None, sections: Mapping[str, McpServer], environment: Mapping[str, str]) -> Sequence[Server]:
    """Return the servers of the file beside signoff.yaml, or in the working directory where that one comes with the bot, as for
    the demo; none where there is no such file. Raises Refusal, a sentence with the mend."""
    path = (config_path or DEFAULT_PATH).parent / NAME
    if Path(__file__).resolve().parents[1] in path.resolve().parents:
        path = Path(NAME)
    entries = _read_entries(path)
    if unknown := [name for name in sections if name not in entries]:
        there = ", ".join(entries) or "none"
        raise Refusal(f"`mcp.{unknown[0]}` in signoff.yaml names a server that {path} does not list; it lists {there}.")
    return [_server(path, name, entry, sections.get(name, McpServer()), environment) for name, entry in entries.items()]


def _read_entries(path: Path) -> Mapping[str, _Entry]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as unreadable:
        raise Refusal(f"{path} cannot be read as a text file ({unreadable}): mend that, or remove it.") from None
    try:
        file = _File.model_validate(json.loads(text, object_pairs_hook=_object_without_doubles))
    except ValidationError as invalid:
        error = invalid.errors()[0]
        place = ".".join(str(part) for part in error["loc"] if part not in ("", "[key]")) or "the file"
        wrong = "has an entry without a name" if "[key]" in error["loc"] else IN_JSON.get(error["type"]) or plainly(error)
        raise Refusal(f"{path}: `{place}` {wrong}.") from None
    except ValueError as broken:
        raise Refusal(f"{path} is not JSON ({broken}).") from None
    except RecursionError:
        raise Refusal(f"{path} is nested too deep to be read: write it without lists within lists.") from None
    return {name: entry for name, entry in file.servers.items() if not entry.disabled}


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object if all its names are different; JSON would take the last of two."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice in one object")
    return found


def _server(path: Path, name: str, entry: _Entry, section: McpServer, environment: Mapping[str, str]) -> Server:
    if bool(entry.command) == bool(entry.url):
        raise Refusal(f"{path}: `mcpServers.{name}` needs either a `command` or a `url`.")
    expanding = _Expanding(environment)
    reach: Local | Remote
    if entry.command:
        command, arguments = expanding.text(entry.command), tuple(map(expanding.text, entry.args))
        folder = expanding.text(entry.cwd) if entry.cwd is not None else None
        reach = Local(command, arguments, expanding.texts(entry.env), folder)
    else:
        reach = Remote(expanding.text(entry.url), expanding.texts(entry.headers))
    trouble = ""
    if expanding.missing:
        those = " and ".join(dict.fromkeys(expanding.missing))
        trouble = f"it is not started, because {those} {'is' if len(set(expanding.missing)) == 1 else 'are'} not set"
    elif isinstance(reach, Remote) and not re.match(r"https?://\S+\Z", reach.url):
        trouble = "it is not asked, because its `url` does not begin with http:// or https://"
    return Server(
        name=name,
        reach=None if trouble else reach,
        trouble=trouble,
        trusted=section.annotations == "trust",
        open_world=section.open_world,
        connect_seconds=section.connect_seconds,
        call_seconds=section.call_seconds,
        secrets=tuple(sorted(set(expanding.secrets), key=len, reverse=True)),
    )
