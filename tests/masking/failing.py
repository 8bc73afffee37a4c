"""Stand-ins for the masking in a bounded process, where a test wants that to fail."""

import threading
from typing import Any


def raises(data: bytes, wanted: str) -> dict[str, Any]:
    """Fail with the words that were to be masked."""
    raise ValueError(data.decode())


def hangs(data: bytes, wanted: str) -> dict[str, Any]:
    """Never end."""
    threading.Event().wait()
    raise AssertionError


def swells(data: bytes, wanted: str) -> dict[str, Any]:
    """Take more memory than there may be."""
    return {"value": len(bytearray(10**12)), "seen": []}
