"""Files of a turn as the session counts them."""

from agent.errors import IllegalStepError
from agent.session import sources
from agent.session.evolve import replace
from agent.session.state import Session
from agent.session.steps import Asked, Attached
from agent.types import Attachment


def unread_files(asked: Asked) -> tuple[Attachment, ...]:
    """Return the files that a turn begins with, each once."""
    return tuple({file.id: file for said in asked.said for file in said.files}.values())


def attached(session: Session, step: Attached) -> Session:
    """Return the session after a file of this turn was read. Raises IllegalStepError."""
    turn, context = session.turn, session.context
    left = tuple(file for file in turn.unread if file.id != step.file_id)
    if left == turn.unread:
        raise IllegalStepError(f"session {session.id} waits for no file {step.file_id}")
    context = sources.read_source(context, step.source)
    kept = context.attached + (step.kept_bytes > 0)
    return replace(
        session,
        turn=replace(turn, unread=left),
        context=replace(context, attached=kept, attached_bytes=context.attached_bytes + step.kept_bytes),
    )
