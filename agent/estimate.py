"""How many tokens a request will take, before the API has counted them: what it counted last, and a guess at the rest."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agent import tool_search
from agent.types import Pinned, Usage

if TYPE_CHECKING:
    from agent.transcript import Transcript

CHARACTERS_PER_TOKEN = 3.0  # on the careful side: English and JSON take about 4 (provider's rule of thumb)
MESSAGE_CHARACTERS = 80  # around the blocks of a message, and of the reply before it
CAREFUL = 0.9  # of the ratio that a session's own reply has shown, where that is worse
# Files are not read as the characters that they are sent as (provider's pages on vision and PDF, rounded up).
IMAGE_TOKENS = 5_000
LEAST_FILE_TOKENS, FILE_CHARACTERS_PER_TOKEN = 3_000, 20


@dataclass(frozen=True, slots=True)
class Counted:
    """What the API said of the last request of this context."""

    request_tokens: int
    request_characters: int  # of its messages
    tokens: int  # of the request and its reply
    characters: int  # of the messages with the reply


def counted(usage: Usage, request_characters: int, characters: int) -> Counted:
    """A reply came: its usage, and the size of the messages before and after it."""
    return Counted(usage.read_tokens, request_characters, usage.read_tokens + usage.output_tokens, characters)


def input_tokens(said: "Transcript", pinned: Pinned) -> int:
    """Of the request that would be made now."""
    fixed = tool_search.characters(pinned, said.found_tools)
    last = said.counted
    if last is None or not last.request_tokens:
        return int((said.characters + fixed) / CHARACTERS_PER_TOKEN)
    ratio = min(CHARACTERS_PER_TOKEN, CAREFUL * (last.request_characters + fixed) / last.request_tokens)
    return last.tokens + int(max(0, said.characters - last.characters) / max(1.0, ratio))


def characters(content: Iterable[Mapping[str, Any]]) -> int:
    """Of a message as JSON; a file counts as the text that would take as many tokens."""
    return MESSAGE_CHARACTERS + sum(_characters(block) for block in content)


def _characters(block: Mapping[str, Any]) -> int:
    inner = block.get("content")
    if isinstance(inner, list):  # a result that holds files
        rest = {name: part for name, part in block.items() if name != "content"}
        return len(json.dumps(rest)) + characters(cast("list[dict[str, Any]]", inner))
    source = block.get("source")
    if isinstance(source, dict) and (tokens := cast("dict[str, Any]", source).get("tokens")):  # its bytes stand elsewhere
        return int(tokens * CHARACTERS_PER_TOKEN)
    if block.get("type") == "image":
        return int(IMAGE_TOKENS * CHARACTERS_PER_TOKEN)
    if isinstance(source, dict) and (data := cast("dict[str, Any]", source).get("data")) and "base64" in source.values():
        return int(max(LEAST_FILE_TOKENS, len(data) // FILE_CHARACTERS_PER_TOKEN) * CHARACTERS_PER_TOKEN)
    return len(json.dumps(block)) + 2
