"""How shells complete the command line: scripts, and the answers to what they ask. All of it is typer's."""

from typing import Any

import typer
from typer.completion import get_completion_inspect_parameters, shell_complete

PROGRAM = "signoff"
ASKED_BY = "_SIGNOFF_COMPLETE"  # the variable in which a shell's script asks


def know_shells() -> None:
    """Have typer answer bash, zsh and fish. It learns their names where it makes its own options, which we do not offer."""
    get_completion_inspect_parameters()


def print_completion(cli: typer.Typer, shell: str) -> None:
    """Print the script for a shell."""
    know_shells()
    command: Any = typer.main.get_command(cli)
    shell_complete(command, {}, PROGRAM, ASKED_BY, f"source_{shell}")
