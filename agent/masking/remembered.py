"""What was found in a text, remembered by the text's digest: the same words come again and again, names of tools first of all."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from agent.masking.spans import Span

MOST_TEXTS = 4_096  # what is found in one takes a few hundred bytes; no text is kept


class RememberedSpans:
    """What was found in the texts that were looked through last."""

    def __init__(self, most: int = MOST_TEXTS) -> None:
        self._most = most
        self._found: OrderedDict[bytes, tuple[Span, ...]] = OrderedDict()

    def __contains__(self, text: str) -> bool:
        """Return whether it is known what is in a text."""
        return _digest(text) in self._found

    def get(self, text: str) -> tuple[Span, ...] | None:
        """Return what was found in a text. None: that is not known."""
        key = _digest(text)
        if (spans := self._found.get(key)) is not None:
            self._found.move_to_end(key)
        return spans

    def keep(self, text: str, spans: Sequence[Span]) -> None:
        """Remember what was found in a text, and forget what was asked for least lately."""
        self._found[_digest(text)] = tuple(spans)
        while len(self._found) > self._most:
            self._found.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
