"""Personal data and secrets in texts that people or files get to see: found, and replaced by placeholders such as [EMAIL_1].

Enter at `Masker` (asynchronous, in bounded processes) for whatever may be long, at `patterns_masker` for a line of a log, and at
`mask` for the pure part: a text, what a session has seen, and something that finds. A text is masked before it is cut or drawn.
Never for what the model or a tool gets, and never a promise that nothing personal is left: the docs say what is not found.
"""

from agent.masking.masker import WITHHELD, Masker, patterns_masker
from agent.masking.placeholders import NOTHING_SEEN, Masked, SeenValues, mask, mask_json
from agent.masking.wanted import COUNTRIES, TeamPattern, WantedMasks

__all__ = [
    "COUNTRIES",
    "NOTHING_SEEN",
    "WITHHELD",
    "Masked",
    "Masker",
    "SeenValues",
    "TeamPattern",
    "WantedMasks",
    "mask",
    "mask_json",
    "patterns_masker",
]
