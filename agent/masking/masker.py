"""Masking beside the event loop: in bounded processes, one at a time, within a time. What fails is withheld, never passed on."""

import json
import logging
from collections.abc import Callable
from typing import Any

from agent import metrics
from agent.bounded import BoundedError, Limits, Processes
from agent.masking.placeholders import NOTHING_SEEN, Masked, SeenValues, mask
from agent.masking.wanted import WantedMasks
from agent.masking.worker import mask_there, seen_rows

log = logging.getLogger(__name__)

MaskingWork = Callable[[bytes, str], dict[str, Any]]
WITHHELD = "[withheld: masking failed]"
MOST_PROCESSES = 1  # at once, further values wait: it works beside the answers, and must not take the machine from them
MEMORY_BYTES = 2 * 2**30  # of address space: spaCy with its model takes 700 MB of it, 170 MB of memory
MOST_CALLS = 5_000  # of a process: loading takes 2 to 3 s
LIMITS = Limits(seconds=30.0, answer_bytes=64 * 2**20)  # the first one loads the model; then 100 ms a KB at most


class Masker:
    """Masks what people or files get to see, as `wanted` says. Those who ask wait for a turn: that is its back-pressure."""

    def __init__(
        self, wanted: WantedMasks, *, limits: Limits = LIMITS, processes: Processes | None = None, work: MaskingWork | None = None
    ) -> None:
        self._wanted = wanted.to_json()
        self._limits = limits
        self._work = work or mask_there
        self._processes = processes or Processes(MOST_PROCESSES, MEMORY_BYTES, MOST_CALLS)

    async def mask(self, value: Any, seen: SeenValues = NOTHING_SEEN) -> Masked:
        """Return a text or JSON masked. Where that fails or takes too long, all of it is withheld and `seen` is as it
        was; nothing is raised."""
        try:
            data = json.dumps({"value": value, "seen": seen_rows(seen)}).encode()
            told = await self._processes.run(self._work, data, self._wanted, limits=self._limits)
        except (BoundedError, ValueError, TypeError, RecursionError) as error:
            log.warning("a text is withheld: %s", error if isinstance(error, BoundedError) else type(error).__name__)
            metrics.masked(withheld=True)
            return Masked(WITHHELD, seen)
        metrics.masked()
        return Masked(told["value"], SeenValues({(kind, value): number for kind, value, number in told["seen"]}))

    def end(self) -> None:
        """End its processes."""
        self._processes.end()


def patterns_masker(wanted: WantedMasks) -> Callable[[str], str]:
    """Return what masks a line of a log at once, by patterns alone, each line for itself. Making it loads Presidio, which takes
    1.5 s of a processor and 75 MB.

    A line takes 60 µs where it has no digits, 0.3 ms with ids and times, 0.9 ms with personal data (p50, `make bench masking`, on
    a busy machine with two cores).
    """
    from agent.masking.finders import fast_patterns

    find = fast_patterns(wanted)
    return lambda text: mask(text, NOTHING_SEEN, find).text
