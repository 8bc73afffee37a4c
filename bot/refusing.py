"""How a command ends that a person has to mend something for: with one sentence and exit status 2; and what machines read."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console
from typer.core import TyperGroup

from bot.config.refusal import Refusal

console = Console(stderr=True, highlight=False)
P = ParamSpec("P")
AsJson = Annotated[bool, typer.Option("--json", help="The same as JSON, for programs.")]
NO_TEXT = "What was typed is not UTF-8 text ({}): correct it, or set LANG to a UTF-8 locale."


class Whole(TyperGroup):
    """The whole command line: what is typed has to be text before any command sees it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `TyperGroup`. `ctx` is of the library below it."""
        for arg in args:
            try:
                arg.encode()
            except UnicodeEncodeError:
                raise typer.BadParameter(NO_TEXT.format(ascii(arg))) from None
        return super().parse_args(ctx, args)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def write_anything() -> None:
    """Have both outputs take every character, whatever their encoding: one that it lacks is written as an escape."""
    for output in (sys.stdout, sys.stderr):
        if hasattr(output, "reconfigure"):
            output.reconfigure(errors="backslashreplace")  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]


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
