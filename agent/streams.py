"""The posts that begin and end a message that grows: what `effects` does for them."""

import logging
from dataclasses import replace

from agent.errors import DelayedError, RefusedError
from agent.moves import Answer, Post, Work
from agent.narration import Narration
from agent.parts import closed
from agent.ports import Surface
from agent.session import Session
from agent.steps import Posted

log = logging.getLogger(__name__)


def is_opening(post: Post) -> bool:
    """Whether the post begins a stream."""
    return isinstance(post.content, Work) and not post.stream_ts


async def open_stream(surface: Surface, post: Post, session: Session, narration: Narration) -> Posted:
    """Begin a stream, or find the one whose beginning was lost. Without one the turn is told by its answer alone.

    Raises UnclearError, FencedError.
    """
    assert isinstance(post.content, Work)
    try:
        if post.found:
            ts = await surface.find_stream(session.place)
            return Posted(key=post.key, ts=ts or "", error="" if ts else "it was not opened")
        ts = await surface.open_stream(session.place, session.requesters[0], post.content)
    except (RefusedError, DelayedError) as error:
        log.info("%s was not opened: %s", post.key, error)
        return Posted(key=post.key, error=str(error))
    narration.opened(ts, post.content)
    return Posted(key=post.key, ts=ts)


async def finish(surface: Surface, post: Post, session: Session, narration: Narration) -> str:
    """Make the message that has grown into what it is to be. Raises like `Surface.post`."""
    shown, content = await narration.closed(), post.content
    assert isinstance(content, Answer | Work)
    if isinstance(content, Answer) and content.after_words and narration.words:
        content = replace(content, text=f"{closed(narration.words)}\n\n{content.text}")
    return await surface.finish(session.place, post.stream_ts, content, post.key, shown)
