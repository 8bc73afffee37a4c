"""What steps change about messages: a post begun, and what follows once it is in Slack or was refused."""

from agent.errors import IllegalStepError
from agent.session import action_steps
from agent.session.action_steps import keep, rows_of
from agent.session.direct_steps import direct_begun, direct_posted
from agent.session.evolve import replace
from agent.session.post_keys import PostKey
from agent.session.state import Session
from agent.session.steps import Posted, PostStarted


def post_begun(session: Session, step: PostStarted) -> Session:
    """Note that a message is about to be posted: from now on it may be there."""
    if session.posts.get(step.key) is not None:
        raise IllegalStepError(f"{step.key} is posted already")
    session = replace(session, posts={**session.posts, step.key: None})
    match step.key:
        case PostKey("card"):
            rows = session.shown_in(step.key)
            return keep(session, *(replace(row, shown=replace(row.shown, posting=True)) for row in rows))
        case PostKey("copy"):
            rows = rows_of(session, step.key)
            return keep(session, *(replace(row, shown=replace(row.shown, copying=True)) for row in rows))
        case PostKey("dm"):
            return direct_begun(session, step.key)
        case PostKey("notice" | "copy_notice"):
            return action_steps.notice_posted(session, step)
        case _:  # of no other message it matters yet
            return session


def posted(session: Session, step: Posted) -> Session:
    """Note that a message is there, or never will be. The last part of the answer ends the turn."""
    if step.key not in session.posts or session.posts[step.key] is not None:
        raise IllegalStepError(f"{step.key} was not about to be posted")
    session = replace(session, posts={**session.posts, step.key: step})
    session = _followed(session, step)
    turn = session.turn
    closing = turn.ending.closing
    if closing and step.key == PostKey("answer", turn.number, len(closing.parts) - 1):
        session = replace(session, turn=replace(turn, open=False, calls=(), ending=replace(turn.ending, closing=None)))
    return session


def _followed(session: Session, step: Posted) -> Session:
    """Return the session with what a message changes beside being there."""
    match step.key:
        case PostKey("card"):
            return action_steps.card_posted(session, session.shown_in(step.key), step)
        case PostKey("copy"):
            return keep(session, *(action_steps.copied(row, step) for row in rows_of(session, step.key)))
        case PostKey("notice" | "copy_notice"):
            return action_steps.notice_posted(session, step)
        case PostKey("remind", _, int(number)):
            rows = rows_of(session, step.key)
            return keep(session, *(replace(row, reminders=max(row.reminders, number)) for row in rows))
        case PostKey("question" | "escalated" | "remind_outcome" | "again", str(action_id)):
            action = session.actions.get(action_id)
            return session if action is None else keep(session, action_steps.told_people(action, step))
        case PostKey("dm"):
            return direct_posted(session, step.key, step)
        case PostKey("budget", name):
            left = tuple(note for note in session.spending.notes if note.name != name)
            return replace(session, spending=replace(session.spending, notes=left))
        case PostKey("stream"):
            return replace(session, stream=step) if step.ts else session
        case PostKey("unstream"):
            return replace(session, stream=None, turn=replace(session.turn, tasks=()))
        case PostKey("answer", _, 0):
            return replace(session, stream=None)
        case PostKey(
            "answer" | "too_few" | "allowed" | "outage" | "waiting" | "capabilities" | "too_long" | "inquiry" | "nudged"
        ):
            return session  # it is read, and that is all
        case other:
            raise AssertionError(f"nobody knows what follows from {other}")
