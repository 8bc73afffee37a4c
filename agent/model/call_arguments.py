"""The arguments of calls as a model streams them, made into JSON objects that can be sent back, whatever it wrote."""

import json
from collections.abc import AsyncIterator
from typing import Any

from agent.text import whole_escapes


class WholeArguments:
    """A stream's events, but the arguments of each call in one piece, once they are over.

    The SDK parses them as they come, and gives the whole reply up over a raw line break or half a character in them.
    `unusable`: by content block, why its arguments are none; they are an empty object then. `characters`: how many have come.
    """

    def __init__(self, events: Any) -> None:
        self._events = events
        self._pieces: dict[int, list[Any]] = {}
        self.unusable: dict[int, str] = {}
        self.characters = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self._events:
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                self.characters += len(event.delta.partial_json)
                self._pieces.setdefault(event.index, []).append(event)
                continue
            if event.type == "content_block_stop" and (pieces := self._pieces.pop(event.index, [])):
                last = pieces[-1]
                last.delta.partial_json, why = read_arguments("".join(piece.delta.partial_json for piece in pieces))
                if why:
                    self.unusable[event.index] = why
                yield last
            yield event


def read_arguments(text: str) -> tuple[str, str]:
    """Return what a model wrote as a call's arguments, as JSON; or `{}`, and a sentence's end that says why it is no JSON object.

    Raw line breaks within texts are taken, and half characters replaced: what was meant is clear.
    """
    text = whole_escapes(text)
    if not text.strip():
        return "{}", ""
    try:
        value = json.loads(text, strict=False)
        spelled = json.dumps(value, allow_nan=False)  # not NaN, or a number that no JSON reader takes back
    except (ValueError, RecursionError) as error:
        return "{}", f"its arguments are no JSON ({error})"
    return (spelled, "") if isinstance(value, dict) else ("{}", "its arguments are no JSON object")
