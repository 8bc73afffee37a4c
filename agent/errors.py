"""What can end a turn or a run, one docstring an error; and how an error is named where its message must not be told."""

import traceback

MOST_FRAMES = 4


def place_of(error: BaseException) -> str:
    """Return the error's type and where it was raised, without its message: `KeyError at orders.py:33 in place`.

    A message of a tool's or a library's error may hold whatever the call was about.
    """
    where = [
        f"{frame.f_code.co_filename.rpartition('/')[2]}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    behind = f", from {type(cause).__name__}" if cause is not None else ""
    return f"{type(error).__name__} at {', '.join(where[: -MOST_FRAMES - 1 : -1]) or 'no place'}{behind}"


class IllegalStepError(Exception):
    """A step that the transition table does not allow. The session is unchanged."""


class FencedError(Exception):
    """This process no longer holds the session, or held an effect back for too long: nothing was written and nothing begun."""


class NotBegunError(Exception):
    """A tool did not come to run: it was held back for too long. Nothing happened; it may be called again."""


class UnreadableError(Exception):
    """A row holds what only newer code can read: a kind or a field that this code does not know. The session is unchanged."""


class AgentMaxIterationsError(Exception):
    """A turn used all the model calls that it may make."""


class BudgetExceededError(Exception):
    """The next model call would break a budget: the conversation's, a person's, or the workspace's."""


class AudienceGrewError(Exception):
    """Something that was remembered in a conversation is not for everybody who reads along by now: it cannot go on."""


class ModelFailedError(Exception):
    """The model gave no usable reply, and trying again would not help. `sentence` is what people read; `unbilled`: no try got
    as far as to cost anything."""

    def __init__(self, sentence: str, *, unbilled: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.unbilled = unbilled


class FilesNotTakenError(ModelFailedError):
    """The model refused a request that shows files for the first time: they are left out of all further ones."""


class TooLongError(ModelFailedError):
    """The conversation does not fit into the model's window."""


class HistoryNotTakenError(ModelFailedError):
    """The model refused the conversation as it stands: it goes on from a summary, or this turn ends."""


class ModelOutOfReachError(ModelFailedError):
    """The model gave no reply now: overloaded, limited or not reachable. `retry_seconds`: when it said to come back."""

    def __init__(self, sentence: str, retry_seconds: float | None = None, *, unbilled: bool = False) -> None:
        super().__init__(sentence, unbilled=unbilled)
        self.retry_seconds = retry_seconds


class ModelRetiredError(ModelFailedError):
    """The model is not offered any more."""


class RefusedError(Exception):
    """The outside refused a message for good: trying again would not help."""


class DelayedError(Exception):
    """The outside asked to wait; nothing happened yet. `seconds` is how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds:g} s")
        self.seconds = seconds


class CredentialsError(DelayedError):
    """The outside does not accept our credentials: what is to be said waits until somebody has mended that."""

    def __init__(self, code: str, seconds: float) -> None:
        super().__init__(seconds)
        self.code = code


class UnclearError(Exception):
    """The answer was lost: the effect may or may not have happened. Look before you repeat it."""


class UnreachableError(Exception):
    """A store that we need does not answer now; nothing was spent and nothing begun."""


class BoundedError(Exception):
    """What strangers wrote could not be read within limits; its text says why, in words."""


class TooSlowError(BoundedError):
    """Reading it takes longer than it may."""


class TooLargeError(BoundedError):
    """Reading it takes more memory than it may, or gives more than it may."""


class BrokenInputError(BoundedError):
    """It broke what reads it."""

    def __init__(self) -> None:
        super().__init__("it is damaged, or made in a way that cannot be read")
