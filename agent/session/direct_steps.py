"""What steps change about direct messages to those who may decide: begun, there or refused, brought up to date."""

from collections.abc import Callable

from agent.session.action_steps import keep, rows_of
from agent.session.evolve import replace
from agent.session.post_keys import PostKey
from agent.session.state import Direct, Session
from agent.session.steps import DirectShown, Posted


def direct_begun(session: Session, key: PostKey) -> Session:
    """Note that a person is about to be told; what is said below a first message takes nothing back."""
    return _with_direct(session, key, lambda direct: direct if key.number else replace(direct, posting=True))


def direct_posted(session: Session, key: PostKey, step: Posted) -> Session:
    """Note that a person was told, or cannot be."""

    def told(direct: Direct) -> Direct:
        if key.number:
            return replace(direct, times=max(direct.times, key.number), error=step.error or direct.error)
        return replace(direct, posting=False, ts=step.ts, error=step.error)

    return _with_direct(session, key, told)


def direct_shown(session: Session, step: DirectShown) -> Session:
    """Note which actions a person's message says are over."""
    return _with_direct(session, step.key, lambda direct: replace(direct, over=step.over))


def _with_direct(session: Session, key: PostKey, change: Callable[[Direct], Direct]) -> Session:
    person, rows = key.person or "", rows_of(session, key)
    if not rows:
        return session
    directs = {**rows[0].shown.directs, person: change(rows[0].shown.directs.get(person, Direct()))}
    return keep(session, *(replace(row, shown=replace(row.shown, directs=directs)) for row in rows))
