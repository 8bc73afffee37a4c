"""What can end a turn or a run. One docstring an error."""


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


class UnclearError(Exception):
    """The answer was lost: the effect may or may not have happened. Look before you repeat it."""


class UnreachableError(Exception):
    """A store that we need does not answer now; nothing was spent and nothing begun."""
