"""When a message grows while a turn is worked on, and when it ends: before people are waited for, else as the answer itself.

A stream decides nothing. What it shows is made right by the post that ends it, whatever Slack or a crash did to it meanwhile.
"""

from agent.decide.moves import Move, Post, Work
from agent.session.post_keys import PostKey
from agent.session.state import Session


def opening(session: Session, words: str) -> Post | None:
    """Begin a stream: the turn is worked on and there is something to be watched, such as the first words of the answer."""
    turn = session.turn
    working = turn.open and session.status == "ready" and turn.ending.closing is None and turn.stopped_by is None
    card = _has_asked(session) and session.model.in_flight is None  # which says itself what becomes of its call
    if not working or card or session.stream or not (turn.tasks or words):
        return None
    tried = [posted for key, posted in session.posts.items() if (key.kind, key.of) == ("stream", turn.number)]
    if any(posted is None or posted.error for posted in tried):
        return None
    return Post(PostKey("stream", turn.number, len(tried)), Work(turn.tasks, words), found=False)


def stream_moves(session: Session) -> list[Move]:
    """Find a stream whose beginning was lost, and end one that is over without an answer."""
    moves: list[Move] = [
        Post(key, Work(), found=True) for key, posted in session.posts.items() if posted is None and key.kind == "stream"
    ]
    if (stream := session.stream) is not None and _over(session, stream.key):
        tasks = session.turn.tasks if _of_this_turn(session, stream.key) else ()
        moves.append(Post(_end_of(stream.key), Work(tasks), found=False, stream_ts=stream.ts))
    return moves


def unsettled(session: Session) -> bool:
    """Return whether a stream is being opened or ended, or belongs to an earlier turn: an answer waits for what comes of that."""
    under_way = any(posted is None and key.kind in ("stream", "unstream") for key, posted in session.posts.items())
    return under_way or (session.stream is not None and not _of_this_turn(session, session.stream.key))


def _over(session: Session, key: PostKey) -> bool:
    turn = session.turn
    if not turn.open or not _of_this_turn(session, key) or _end_of(key) in session.posts:
        return True
    busy = any(state.action_id is None and state.phase in ("asked", "running") for state in turn.calls)
    return turn.ending.closing is None and session.model.in_flight is None and _has_asked(session) and not busy


def _end_of(stream: PostKey) -> PostKey:
    return PostKey("unstream", stream.of, stream.number)


def _has_asked(session: Session) -> bool:
    """Return whether a call of the model's latest reply has had a card, whatever became of it."""
    return any(state.action_id is not None and state.phase != "proposed" for state in session.turn.calls)


def _of_this_turn(session: Session, key: PostKey) -> bool:
    return key.of == session.turn.number
