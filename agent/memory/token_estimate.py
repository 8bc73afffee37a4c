"""How many tokens a request will take, before the API has counted them: what it counted last, and a guess at the rest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agent.model import tool_search
from agent.model.port import CHARACTERS_PER_TOKEN
from agent.types import Pinned, Usage

if TYPE_CHECKING:
    from agent.memory.transcript import Transcript

MESSAGE_CHARACTERS = 80  # around the blocks of a message, and of the reply before it
CAREFUL = 0.9  # of the ratio that a session's own reply has shown, where that is worse
# Files are not read as the characters that they are sent as (provider's pages on vision and PDF, rounded up).
IMAGE_TOKENS = 5_000
LEAST_FILE_TOKENS, FILE_CHARACTERS_PER_TOKEN = 3_000, 20


@dataclass(frozen=True, slots=True)
class CountedRequest:
    """What the API said of the last request of this context."""

    request_tokens: int
    request_characters: int  # of its messages
    tokens: int  # of the request and its reply
    characters: int  # of the messages with the reply


def counted(usage: Usage, request_characters: int, characters: int) -> CountedRequest:
    """Return the API's count after a reply: its usage, and the size of the messages before and after it."""
    return CountedRequest(usage.read_tokens, request_characters, usage.read_tokens + usage.output_tokens, characters)


def input_tokens(said: "Transcript", pinned: Pinned, messages: Sequence[Mapping[str, Any]] | None = None) -> int:
    """Estimate the input of the request that would be made now, or of one with these messages, most of which were sent before."""
    fixed = tool_search.fixed_characters(pinned, said.found_tools)
    asked = said.characters if messages is None else json_characters(*(message["content"] for message in messages))
    last = said.counted
    if last is None or not last.request_tokens:
        return int((asked + fixed) / CHARACTERS_PER_TOKEN)
    ratio = min(CHARACTERS_PER_TOKEN, CAREFUL * (last.request_characters + fixed) / last.request_tokens)
    return last.tokens + int(max(0, asked - last.characters) / max(1.0, ratio))


def json_characters(*messages: Iterable[Mapping[str, Any]]) -> int:
    """Return of messages with these contents as JSON, which is written once for all; a file counts as the text that would take as
    many tokens."""
    text: list[Mapping[str, Any]] = []
    files = sum(_beside_text(block, text) for content in messages for block in content)
    return MESSAGE_CHARACTERS * len(messages) + files + (len(json.dumps(text)) if text else 0)


def _beside_text(block: Mapping[str, Any], text: list[Mapping[str, Any]]) -> int:
    """Return what a block takes beside its text, which is added to `text`."""
    inner = block.get("content")
    if isinstance(inner, list):  # a result that holds files
        text.append({name: part for name, part in block.items() if name != "content"})
        return MESSAGE_CHARACTERS + sum(_beside_text(each, text) for each in cast("list[dict[str, Any]]", inner))
    source = block.get("source")
    if isinstance(source, dict) and (tokens := cast("dict[str, Any]", source).get("tokens")):  # its bytes stand elsewhere
        return int(tokens * CHARACTERS_PER_TOKEN)
    if block.get("type") == "image":
        return int(IMAGE_TOKENS * CHARACTERS_PER_TOKEN)
    if isinstance(source, dict) and (data := cast("dict[str, Any]", source).get("data")) and "base64" in source.values():
        return int(max(LEAST_FILE_TOKENS, len(data) // FILE_CHARACTERS_PER_TOKEN) * CHARACTERS_PER_TOKEN)
    text.append(block)
    return 0
