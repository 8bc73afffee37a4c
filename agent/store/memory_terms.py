"""The terms of what is remembered, as SQL counts them: the same for items and for values."""

from collections.abc import Mapping
from typing import Any, LiteralString

from agent.memory.terms import ITEM_KINDS, VALUE_KINDS, Terms

# Of the row that `kind` and `channel` belong to: its channel's own term, or else that of its kind.
LASTS: LiteralString = """
(SELECT lasts FROM unnest(%(channels)s::text[], %(kinds)s::text[], %(lasts)s::interval[]) AS term (of_channel, of_kind, lasts)
 WHERE of_kind = kind AND (of_channel = channel OR of_channel IS NULL) ORDER BY of_channel NULLS LAST LIMIT 1)
"""


def term_values(terms: Terms) -> Mapping[str, Any]:
    """Return what `LASTS` asks for."""
    plain = [(None, kind, terms.term("", kind)) for kind in (*ITEM_KINDS, *VALUE_KINDS)]
    own = [(channel, kind, lasts) for channel, kinds in terms.channels.items() for kind, lasts in kinds.items()]
    found = [*plain, *own]
    return {
        "channels": [channel for channel, _, _ in found],
        "kinds": [kind for _, kind, _ in found],
        "lasts": [lasts for _, _, lasts in found],
    }
