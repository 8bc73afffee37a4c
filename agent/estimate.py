"""How many tokens a request will take, before the API has counted them."""

from agent import tool_search
from agent.transcript import Transcript
from agent.types import Pinned

CHARACTERS_PER_TOKEN = 3  # on the careful side: English and JSON take about 4 (provider's rule of thumb)


def input_tokens(said: Transcript, pinned: Pinned) -> int:
    """Of the request that would be made now."""
    return (said.characters + tool_search.characters(pinned, said.found_tools)) // CHARACTERS_PER_TOKEN
