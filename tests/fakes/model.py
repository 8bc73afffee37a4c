"""A model that says "Done."."""

from agent.model.port import DEAF, Listener, Reply, Request
from agent.types import Usage

DONE = Reply(({"type": "text", "text": "Done."},), "end_turn", Usage(input_tokens=1, output_tokens=1))


class FakeModel:
    """See `agent.model.port.Model`."""

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """Be done."""
        return DONE
