"""How commands end: the exit statuses, and what the command line says instead of a traceback."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit status of every command. Usage errors (an unknown option) are of the second kind, and have its number too."""

    FINE = 0
    """It did what it was asked for, and there is nothing to look at."""
    FOUND = 1
    """It found something (a mistake, a broken entry, a failed case), or there is nothing of what was asked for."""
    MEND = 2
    """Something has to be mended first. One sentence on standard error says what, and how."""
    STOPPED = 130
    """Ctrl-C or SIGTERM ended it before it was through, as shells have it; what was finished is kept."""


class Refusal(Exception):
    """One sentence for the person at the terminal: what is wrong, and the mend.

    Commands then exit with `status`.
    """

    def __init__(self, sentence: str, *, status: ExitStatus = ExitStatus.MEND) -> None:
        super().__init__(sentence)
        self.status = status
