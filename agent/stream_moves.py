"""When a message grows while a turn is worked on, and when it ends: before people are waited for, else as the answer itself.

A stream decides nothing. What it shows is made right by the post that ends it, whatever Slack or a crash did to it meanwhile.
"""

from agent.moves import Move, Post, Work
from agent.session import Session


def opening(session: Session, words: str) -> Post | None:
    """Begin a stream: the turn is worked on and there is something to be watched, such as the first words of the answer."""
    working = session.open and session.status == "ready" and session.closing is None and session.stopped_by is None
    card = _has_asked(session) and session.model_epoch is None  # which says itself what becomes of its call
    if not working or card or session.stream or not (session.tasks or words):
        return None
    tried = [posted for key, posted in session.posts.items() if key.startswith(f"stream:{session.turn}:")]
    if any(posted is None or posted.error for posted in tried):
        return None
    return Post(f"stream:{session.turn}:{len(tried)}", Work(session.tasks, words), found=False)


def stream_moves(session: Session) -> list[Move]:
    """Find a stream whose beginning was lost, and end one that is over without an answer."""
    moves: list[Move] = [
        Post(key, Work(), found=True) for key, posted in session.posts.items() if posted is None and key.startswith("stream:")
    ]
    if (stream := session.stream) is not None and _over(session, stream.key):
        tasks = session.tasks if _of_this_turn(session, stream.key) else ()
        moves.append(Post(f"un{stream.key}", Work(tasks), found=False, stream_ts=stream.ts))
    return moves


def unsettled(session: Session) -> bool:
    """Whether a stream is being opened or ended, or belongs to an earlier turn: an answer waits for what comes of that."""
    under_way = any(posted is None and key.startswith(("stream:", "unstream:")) for key, posted in session.posts.items())
    return under_way or (session.stream is not None and not _of_this_turn(session, session.stream.key))


def _over(session: Session, key: str) -> bool:
    if not session.open or not _of_this_turn(session, key) or f"un{key}" in session.posts:
        return True
    busy = any(state.action_id is None and state.phase in ("asked", "running") for state in session.calls)
    return session.closing is None and session.model_epoch is None and _has_asked(session) and not busy


def _has_asked(session: Session) -> bool:
    """A card stands there for a call of the model's latest reply, whatever has become of it."""
    return any(state.action_id is not None and state.phase != "proposed" for state in session.calls)


def _of_this_turn(session: Session, key: str) -> bool:
    return key.startswith(f"stream:{session.turn}:")
