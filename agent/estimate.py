"""How many tokens a request will take, before the API has counted them."""

from agent.transcript import Transcript
from agent.types import Pinned

CHARACTERS_PER_TOKEN = 3  # on the careful side: English and JSON take about 4 (provider's rule of thumb)


def input_tokens(said: Transcript, pinned: Pinned) -> int:
    """Of the request that would be made now."""
    return (said.characters + len(pinned.model_dump_json())) // CHARACTERS_PER_TOKEN + said.file_tokens
