"""What the command line says instead of a traceback."""


class Refusal(Exception):
    """One sentence for the person at the terminal: what is wrong, and the mend.

    Commands then exit with `status`: 2, something must be mended first; 1, there is nothing of what was asked for.
    """

    def __init__(self, sentence: str, *, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status
