"""An MCP server as it was configured: how it is reached, how far it is trusted, and what must not leave it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

HIDDEN = "[hidden]"
CALL_SECONDS = 60.0
CONNECT_SECONDS = 60.0  # a package runner may fetch the server first


class ServerUnreachableError(Exception):
    """A connection did not come to stand: the message says why, in the middle of a sentence and without secrets."""


@dataclass(frozen=True, slots=True)
class Local:
    """A program that is started here and spoken to over its standard input and output."""

    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # besides a minimal one
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """A server that is reached over streamable HTTP."""

    url: str = field(repr=False)  # it may hold a key
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server. Where `reach` is None it is not started, for the reason that `trouble` says."""

    name: str
    reach: Local | Remote | None
    trouble: str = ""
    trusted: bool = True  # what it says of its tools' effects counts; else each of them is a write
    open_world: bool | None = None  # the configuration's word on its reads; False: what is asked stays there. None: its own word
    connect_seconds: float = CONNECT_SECONDS  # from its start until its tools are listed
    call_seconds: float = CALL_SECONDS  # of one call
    secrets: tuple[str, ...] = field(default=(), repr=False)  # what it was given in confidence

    def discreet(self, value: Any) -> Any:
        """Return a JSON value without the secrets that this server was given: it may say them, and nobody is to read them."""
        match value:
            case str():
                for secret in self.secrets:
                    value = value.replace(secret, HIDDEN)
                return value
            case list():
                return [self.discreet(one) for one in cast(list[Any], value)]
            case dict():
                return {self.discreet(name): self.discreet(one) for name, one in cast(dict[str, Any], value).items()}
            case _:
                return value
