"""Scripts: what answers a request. A script is any function of the request; these are the ready ones."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from .reply import Call, Reply, call, say
from .request import Request
from .shop.products import products_of

Script = Callable[[Request], Reply | Call | Awaitable[Reply | Call]]


class ScriptEnded(Exception):
    """There was no line left: the bot asked the model more often than the test expected."""


class Lines:
    """Plays replies in order, no matter who asks. A request that is sent again word for word gets its reply again.

    Raises ScriptEnded at the end of the list, which the server answers with a 500 and keeps in `refusals`.
    """

    def __init__(self, *lines: Reply | Call | str) -> None:
        self._lines = lines
        self._played: dict[str, int] = {}  # the request's key to the line it got

    def __call__(self, request: Request) -> Reply | Call:
        """Return the next line."""
        at = self._played.setdefault(request.key, len(self._played))
        if at >= len(self._lines):
            raise ScriptEnded(f"there is no line {at + 1}; the last words were {request.last_user_text[-200:]!r}")
        line = self._lines[at]
        return say(line) if isinstance(line, str) else line

    @property
    def left(self) -> int:
        """Return how many lines nobody has asked for yet."""
        return max(0, len(self._lines) - len(self._played))


class Conversations:
    """One script for each conversation, found by words in the text that it began with; the first that fits is taken.

    Raises ScriptEnded when none fits and there is no `otherwise`.
    """

    def __init__(self, scripts: Mapping[str, Script | Sequence[Reply | Call | str]], *, otherwise: Script | None = None) -> None:
        self._scripts = {key: told if callable(told) else Lines(*told) for key, told in scripts.items()}
        self._otherwise = otherwise

    def __call__(self, request: Request) -> Reply | Call | Awaitable[Reply | Call]:
        """Return the reply of the conversation's script."""
        for key, script in self._scripts.items():
            if key in request.first_user_text:
                return script(request)
        if self._otherwise:
            return self._otherwise(request)
        raise ScriptEnded(f"no script for a conversation that begins with {request.first_user_text[:200]!r}")


def fast(request: Request) -> Reply | Call:
    """Play a turn for benchmarks: it searches, orders what it found first, and is done. Takes no time and holds no state."""
    results = request.turn_results
    if not results:
        return call("search_product_catalog", query="desk lamp", limit=1)
    if len(results) == 1:
        products = products_of(results[0])
        sku = products[0].sku if products else "WGT-001"
        return call("create_order", customer="ada@example.com", sku=sku, quantity=1)
    return say("Done.")
