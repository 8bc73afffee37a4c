"""The words of messages as they are kept: masked together, in the order in which they were said, and none too long to be read.

What cannot be masked is withheld, and no more than that.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

from agent.masking import WITHHELD, Masker, SeenValues

BATCH_CHARACTERS = 64_000  # masked together: with names, 64 KB take some 5 s of a processor
TEXT_CHARACTERS = 16_000  # that are kept of one text
TAIL_CHARACTERS = 4_000  # beyond them that are masked too: what is cut in two at their end, a key at most, is not kept
MASKED_CHARACTERS = TEXT_CHARACTERS + TAIL_CHARACTERS

Each = TypeVar("Each")


def in_batches(messages: Iterable[Each], words_of: Callable[[Each], Any]) -> Iterator[Sequence[Each]]:
    """Yield messages, some together: as many as are masked in one go."""
    batch, size = list[Each](), 0
    for each in messages:
        batch.append(each)
        size += len(json.dumps(words_of(each)))
        if size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def masked_words(masker: Masker, seen: SeenValues, words: Sequence[Any]) -> tuple[Sequence[Any], SeenValues]:
    """Return the words of each message of a batch masked, and what the session has seen by then: all at once, or where that fails
    one by one, so that no more is withheld than has to be."""
    cut = [each_text(each, lambda text: text[:MASKED_CHARACTERS]) for each in words]
    masked = await masker.mask(cut, seen)
    if masked.value != WITHHELD:
        return [_as_kept(each, of) for each, of in zip(masked.value, cut, strict=True)], masked.seen
    found = list[Any]()
    for each in cut:
        masked = await masker.mask(each, seen)
        seen = masked.seen
        found.append({"text": WITHHELD} if masked.value == WITHHELD else _as_kept(masked.value, each))
    return found, seen


def storable(value: Any) -> Any:
    """Return JSON as Postgres takes it: it has no NUL."""
    return each_text(value, lambda text: text.replace("\0", "\ufffd"))


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON with each text in it changed, names included."""
    match value:
        case str():
            return change(value)
        case dict():
            return {change(name): each_text(item, change) for name, item in cast(dict[str, Any], value).items()}
        case list():
            return [each_text(item, change) for item in cast(list[Any], value)]
        case _:
            return value


def _as_kept(masked: Any, words: Any) -> Any:
    """Return masked JSON without the end of each text that was too long. `words` is what was masked."""
    match masked, words:
        case str(), _:
            is_whole = not isinstance(words, str) or len(words) < MASKED_CHARACTERS
            return masked if is_whole else f"{masked[: max(0, min(TEXT_CHARACTERS, len(masked) - TAIL_CHARACTERS))]}…"
        case dict(), dict():
            of = cast(dict[str, Any], words)
            items = cast(dict[str, Any], masked).items()
            return {name: _as_kept(item, of_it) for (name, item), of_it in zip(items, of.values(), strict=True)}
        case list(), list():
            return [_as_kept(item, of) for item, of in zip(cast(list[Any], masked), cast(list[Any], words), strict=True)]
        case _:
            return masked
