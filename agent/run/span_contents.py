"""What tools were given and said, in their spans: only where somebody opts in, and masked, beside the run and never in its way.

A span is sent once it has ended, so one that waits for its masking ends later than its run, but says when that was.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from agent import telemetry
from agent.masking import WITHHELD, Masker
from agent.run.background import Background

MOST_CHARACTERS = 8_000  # of arguments and result together; with names, 8 KB take up to a second of the process that masks
MOST_WAITING = 50  # spans, each with so much; those of further runs go without
TOO_LONG = "[withheld: too long]"
TOO_MANY = "[withheld: too many at once]"


class SpanContents:
    """Ends spans of runs with what their tools were given and said. Placeholders are those of one run."""

    def __init__(self, masker: Masker, background: Background, most_waiting: int = MOST_WAITING) -> None:
        self._masker, self._background, self._most_waiting = masker, background, most_waiting
        self._waiting = 0

    def end(self, span: telemetry.Span, arguments: Mapping[str, Any], result: str) -> None:
        """End the span as of now, and let it go once it has both. `result`: JSON."""
        ended_at_ns = time.time_ns()
        if not span.is_recording():  # nobody gets it
            return
        length = len(json.dumps(arguments)) + len(result)
        if length > MOST_CHARACTERS or self._waiting >= self._most_waiting:
            why = TOO_LONG if length > MOST_CHARACTERS else TOO_MANY
            telemetry.end_with_contents(span, ended_at_ns, why, why)
            return
        self._waiting += 1
        self._background.begin(self._end_masked(span, ended_at_ns, [arguments, json.loads(result)]))

    async def _end_masked(self, span: telemetry.Span, ended_at_ns: int, contents: Any) -> None:
        given, said = WITHHELD, WITHHELD
        try:
            masked = await self._masker.mask(contents)
            if masked.value != WITHHELD:
                given, said = map(json.dumps, masked.value)
        finally:  # also where the process ends meanwhile
            self._waiting -= 1
            telemetry.end_with_contents(span, ended_at_ns, given, said)
