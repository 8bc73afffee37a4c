"""Whom this process trusts when it connects by TLS."""

import functools
import ssl

import httpx2


@functools.cache
def certificates() -> ssl.SSLContext:
    """Return whom this process trusts. Read once: it takes up to 70 ms, and each client or connection would do it anew."""
    return httpx2.create_ssl_context()
