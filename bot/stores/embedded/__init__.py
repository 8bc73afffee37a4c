"""A real Postgres and a real Redis out of what pip installed, each in a separate folder and on a unix socket only.

Standard library alone: the small process that guards the servers (`bot.stores.embedded_home`) runs this too.
"""

from typing import Protocol

from bot.stores.embedded.postgres import Postgres
from bot.stores.embedded.redis import FakeRedis, Redis

__all__ = ["EmbeddedServer", "FakeRedis", "Postgres", "Redis"]


class EmbeddedServer(Protocol):
    """One embedded server. `bot.stores.embedded_home` sees to it that one process at a time starts or stops it."""

    @property
    def url(self) -> str: ...

    def running(self) -> bool:
        """Return True as soon as the server's process answers, also while it is still starting up."""
        ...

    def start(self) -> None:
        """Start the server, and return when it takes connections, at once if it does already. Raises Refusal."""
        ...

    def stop(self) -> None:
        """Stop the server, and return when it is gone and its data on disk. Raises Refusal."""
        ...
