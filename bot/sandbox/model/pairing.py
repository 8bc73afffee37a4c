"""Every tool_use is answered once, in the message right after it, before anything else there."""

from collections.abc import Sequence
from typing import Any

from .json_shapes import content_blocks
from .refusal import Refusal


def check_pairing(messages: Sequence[dict[str, Any]], *, has_tools: bool) -> None:
    """Raise the Refusal that the API gives for calls and results that do not fit together.

    Messages are looked at one by one: that the API merges neighbours of one role does not make late results good.
    """
    seen: set[str] = set()
    awaited: list[str] = []  # the ids that the message before asked for
    for at, message in enumerate(messages):
        blocks = content_blocks(message)
        _results(at, blocks, awaited)
        awaited = [str(block["id"]) for block in blocks if block["type"] == "tool_use"]
        for place, block in enumerate(blocks):
            if block["type"] == "tool_use":
                if block["id"] in seen:
                    raise Refusal(f"messages.{at}.content.{place}: `tool_use` ids must be unique")
                seen.add(str(block["id"]))
    if awaited:
        raise _unanswered(len(messages) - 1, awaited)
    if seen and not has_tools:
        raise Refusal("Requests which include `tool_use` or `tool_result` blocks must define tools.")


def _results(at: int, blocks: Sequence[dict[str, Any]], awaited: Sequence[str]) -> None:
    answered: list[str] = []
    first = True  # still among the leading results
    for place, block in enumerate(blocks):
        if block["type"] != "tool_result":
            first = False
            continue
        id = str(block["tool_use_id"])
        if id not in awaited:
            raise Refusal(
                f"messages.{at}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if id in answered:
            raise Refusal(
                f"messages.{at}.content.{place}: each `tool_use` must have a single result. "
                f"Found multiple `tool_result` blocks with id: {id}"
            )
        if first:
            answered.append(id)
    if left := [id for id in awaited if id not in answered]:
        raise _unanswered(at - 1, left)


def _unanswered(at: int, ids: Sequence[str]) -> Refusal:
    return Refusal(
        f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )
