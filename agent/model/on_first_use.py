"""A model whose client is made when it is first asked: its library takes longer to load than all else that a bot starts with."""

from typing import Protocol

from agent.first_use import Once
from agent.model.port import DEAF, Listener, Model, Reply, Request


class Closable(Model, Protocol):
    """A model that holds connections."""

    async def close(self) -> None:
        """Give them up."""
        ...


class ModelOnFirstUse:
    """The model that `client` makes."""

    def __init__(self, client: Once[Closable]) -> None:
        self._client = client

    async def load(self) -> None:
        """Have the client made, so that the first who asks need not wait for it."""
        await self._client.get()

    async def close(self) -> None:
        """Give up the connections of a client that was made."""
        if (made := self._client.found) is not None:
            await made.close()

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """See `Model.reply`."""
        return await (await self._client.get()).reply(request, listener)
