"""The one way out of an eval: a door on this machine to the Messages API, held by the command. It alone knows the key."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager

from bot.eval.tape import Gateway


@contextmanager
def gateway(upstream: str, key: str) -> Generator[str]:
    """Yield the address of the door, which is open for as long as the block runs. It runs in a thread beside it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    door = Gateway(upstream, key)
    asyncio.run_coroutine_threadsafe(door.__aenter__(), loop).result()
    try:
        yield door.base_url
    finally:
        asyncio.run_coroutine_threadsafe(door.__aexit__(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
