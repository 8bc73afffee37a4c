"""What a bounded process is asked to do: mask one value. `masker` imports this too, so it loads nothing before its call."""

import json
import os
from collections.abc import Iterator
from typing import Any, cast

from agent.masking.placeholders import SeenValues, mask_json
from agent.masking.wanted import WantedMasks

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")  # numpy would start one a processor, and a bounded process may start none


def mask_there(data: bytes, wanted: str) -> dict[str, Any]:
    """Return JSON masked, and what the session has seen by now. `data` is JSON with `value` and `seen`, as `seen_rows` has it.
    Its first call loads Presidio, and the model if names are wanted."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    from agent.masking.finders import names_if, patterns
    from agent.masking.names import look_ahead

    told, what = json.loads(data), WantedMasks.from_json(wanted)
    if what.names:
        look_ahead(_texts(told["value"]))
    seen = SeenValues({(kind, value): number for kind, value, number in told["seen"]})
    masked = mask_json(told["value"], seen, patterns(what), names_if(what))
    return {"value": masked.value, "seen": seen_rows(masked.seen)}


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of JSON, without the names of its members."""
    match value:
        case str():
            yield value
        case dict():
            yield from (text for item in cast(dict[str, Any], value).values() for text in _texts(item))
        case list():
            yield from (text for item in cast(list[Any], value) for text in _texts(item))
        case _:
            pass


def seen_rows(seen: SeenValues) -> list[tuple[str, str, int]]:
    """Return what a session has seen as JSON can say it."""
    return [(kind, value, number) for (kind, value), number in seen.numbers.items()]
