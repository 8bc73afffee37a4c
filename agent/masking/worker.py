"""What a bounded process is asked to do: mask one value. `masker` imports this too, so it loads nothing before its call."""

import json
import os
from typing import Any

from agent.masking.placeholders import SeenValues, mask_json
from agent.masking.wanted import WantedMasks

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")  # numpy would start one a processor, and a bounded process may start none


def mask_there(data: bytes, wanted: str) -> dict[str, Any]:
    """Return JSON masked, and what the session has seen by now. `data` is JSON with `value` and `seen`, as `seen_rows` has it.
    Its first call loads Presidio, and the model if names are wanted."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    from agent.masking.finders import names_if, patterns

    told, what = json.loads(data), WantedMasks.from_json(wanted)
    seen = SeenValues({(kind, value): number for kind, value, number in told["seen"]})
    masked = mask_json(told["value"], seen, patterns(what), names_if(what))
    return {"value": masked.value, "seen": seen_rows(masked.seen)}


def seen_rows(seen: SeenValues) -> list[tuple[str, str, int]]:
    """Return what a session has seen as JSON can say it."""
    return [(kind, value, number) for (kind, value), number in seen.numbers.items()]
