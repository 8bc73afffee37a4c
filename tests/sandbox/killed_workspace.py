"""A process with a kept workspace in which somebody says something through the page, and that is killed right then."""

import asyncio
import base64
import os
import signal
import sys
from pathlib import Path

import aiohttp

from bot.sandbox import SlackSandbox
from tests.sandbox.slack_bots import MANIFEST


async def main(folder: Path) -> None:
    """Print the ts of what was said, as the answer had it."""
    async with SlackSandbox(MANIFEST, numbered=True, kept_in=folder) as sandbox, aiohttp.ClientSession(sandbox.page_url) as page:
        # So large that it is not written by chance before the answer is read.
        file = {"name": "large.bin", "content": base64.b64encode(bytes(16 * 2**20)).decode()}
        body = {"as": sandbox.people["ann"], "channel": sandbox.channels["orders"], "text": "hello", "files": [file]}
        async with page.post("/sandbox/say", json=body) as answer:
            print((await answer.json())["ts"], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
