"""What the command line says instead of a traceback."""


class Refusal(Exception):
    """One sentence for the person at the terminal: what is wrong, and the mend. Commands then exit with status 2."""
