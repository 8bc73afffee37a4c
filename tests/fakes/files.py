"""Files that people attach: an image each."""

from agent.types import Attachment
from tests.samples import png


class FakeFiles:
    """See `agent.run.ports.Files`."""

    async def fetch(self, file: Attachment, most_bytes: int) -> bytes:
        """A small image."""
        return png(width=1, height=1)
