"""How a command ends that a person has to mend something for: with one sentence and exit status 2."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer
from rich.console import Console

from bot.config.refusal import Refusal

console = Console(stderr=True, highlight=False)
P = ParamSpec("P")


def refusing(command: Callable[P, None]) -> Callable[P, None]:
    """Return the function with each Refusal turned into its sentence and its exit status."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except Refusal as refusal:
            console.print(str(refusal), style="red", soft_wrap=True, markup=False)
            raise typer.Exit(refusal.status) from None

    return wrapped
