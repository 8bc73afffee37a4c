"""Graceful degradation of what reads: another way to find out when the usual one fails, and a note to the model that says so."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

from agent.errors import place_of
from agent.tool.answer import Answer, WithImages, images_of, structured
from agent.tool.definition import ErrorKind, ToolError
from agent.tool.threads import leaving_the_loop

log = logging.getLogger(__name__)

NOTE = "note"  # the field of a result that the model finds it in
PATIENCE_SECONDS = 4.0  # with the primary; of a tool's 10 s most are left to the fallback
# These are answers: another source would only give a worse one.
ANSWERS: frozenset[ErrorKind] = frozenset({"invalid_input", "permission_denied", "not_found"})

P = ParamSpec("P")


def with_fallback(
    primary: Callable[P, Awaitable[Answer] | Answer],
    fallback: Callable[P, Awaitable[Answer] | Answer],
    *,
    note: str,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Callable[P, Awaitable[Answer]]:
    """Return a function that does what `primary` does and, when that breaks or takes too long, what `fallback` does with the same
    arguments, with `note` in its result. Both take the same; plain functions run in threads.

    Only for reads: a tool that writes and has such a handler is refused, since the primary may have written before it broke.
    """
    first, second = leaving_the_loop(primary, patience_seconds), leaving_the_loop(fallback)

    @wraps(primary)
    async def degrading(*args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            async with asyncio.timeout(patience_seconds):
                answer = await first(*args, **kwargs)
                return _with_fields(answer, structured(answer))
        except ToolError as error:
            if error.kind in ANSWERS:
                raise
            log.warning("%s failed, falling back: %s", primary.__name__, error.kind)
        except Exception as error:  # a result with a note is better than none, and the log has the reason
            log.warning("%s failed, falling back: %s", primary.__name__, place_of(error))
        answer = await second(*args, **kwargs)
        found = structured(answer)
        return _with_fields(answer, {**found, NOTE: " ".join(str(each) for each in (found.get(NOTE), note) if each)})

    degrading.degrades = True  # pyright: ignore[reportAttributeAccessIssue]  # agent.tool.definition.Tool looks for it
    return degrading


def _with_fields(answer: Answer, fields: Mapping[str, Any]) -> Answer:
    """Return these fields in the place of an answer's, beside its images."""
    return WithImages(fields, images) if (images := images_of(answer)) else fields
