"""The posts that begin and end a message that grows: what `effects` does for them."""

import logging
from dataclasses import replace

from agent.decide.moves import AnswerPart, Post, Work
from agent.errors import DelayedError, RefusedError
from agent.run.narration import Narration
from agent.run.ports import Surface
from agent.session.message_parts import closed
from agent.session.state import Session
from agent.session.steps import Posted

log = logging.getLogger(__name__)


def is_opening(post: Post) -> bool:
    """Return whether the post begins a stream."""
    return isinstance(post.content, Work) and not post.stream_ts


async def open_stream(surface: Surface, post: Post, session: Session, narration: Narration) -> Posted:
    """Begin a stream, or find the one whose beginning was lost. Without one the turn is told by its answer alone.

    Raises UnclearError, FencedError; and DelayedError while it is not known whether one was begun.
    """
    assert isinstance(post.content, Work)
    if post.found:
        try:
            ts = await surface.find_stream(session.place)
        except RefusedError as error:
            return Posted(key=post.key, error=str(error))
        return Posted(key=post.key, ts=ts or "", error="" if ts else "it was not opened")
    try:
        ts = await surface.open_stream(session.place, session.turn.speakers[0], post.content)
    except (RefusedError, DelayedError) as error:
        log.info("%s was not opened: %s", post.key, error)
        return Posted(key=post.key, error=str(error))
    narration.opened(ts, post.content)
    return Posted(key=post.key, ts=ts)


async def finish(surface: Surface, post: Post, session: Session, narration: Narration) -> str:
    """Make the message that has grown into what it is to be. Raises like `Surface.post`."""
    shown, content = await narration.closed(), post.content
    assert isinstance(content, AnswerPart | Work)
    if isinstance(content, AnswerPart) and content.after_words and narration.words:
        content = replace(content, text=f"{closed(narration.words)}\n\n{content.text}")
    return await surface.finish(session.place, post.stream_ts, content, str(post.key), shown)
