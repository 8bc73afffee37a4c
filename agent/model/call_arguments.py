"""The arguments of a call as a model wrote them, made into a JSON object that can be sent back, whatever it wrote."""

import json
from typing import Any, cast

from agent.text import whole_escapes


def read_arguments(text: str) -> tuple[dict[str, Any], str]:
    """Return what a model wrote as a call's arguments; or `{}`, and a sentence's end that says why it is no JSON object.

    Raw line breaks within texts are taken, and half characters replaced: what was meant is clear.
    """
    text = whole_escapes(text)
    if not text.strip():
        return {}, ""
    try:
        value = json.loads(text, strict=False)
        json.dumps(value, allow_nan=False)  # not NaN, or a number that no JSON reader takes back
    except (ValueError, RecursionError) as error:
        return {}, f"its arguments are no JSON ({error})"
    if not isinstance(value, dict):
        return {}, "its arguments are no JSON object"
    return cast("dict[str, Any]", value), ""
