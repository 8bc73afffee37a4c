"""What follows when the model does not take a conversation: too long for it, or with something in it that it refuses."""

from agent.errors import HistoryNotTakenError, TooLongError
from agent.session.state import Session
from agent.session.steps import Halted, WindowExceeded
from agent.types import Usage

TOO_LONG_TWICE = (
    "This conversation is too long for the model, even after I summed up what came before. Nothing more was run; "
    "please ask for less at once, or start a new thread."
)
NOT_TAKEN_TWICE = (
    "The model did not take this conversation, even after I began anew with a summary. Nothing more was run; please ask once "
    "more in other words."
)


def after_full_window(
    session: Session, usage: Usage | None, *, lost: tuple[Usage, ...] = (), unbilled: bool = False, refused: bool = False
) -> WindowExceeded | Halted:
    """Return what follows when the model does not take a conversation: it is compacted, and goes on once; then the turn ends.

    `refused`: it is not too long, but holds something that the model does not take.
    """
    if session.turn.window == "fits":
        return WindowExceeded(usage=usage, lost=lost, unbilled=unbilled, refused=refused)
    if refused:
        return Halted(error=HistoryNotTakenError.__name__, sentence=NOT_TAKEN_TWICE, unbilled=unbilled)
    return Halted(error=TooLongError.__name__, sentence=TOO_LONG_TWICE, unbilled=unbilled)
