"""The reference in `docs/reference`, made from the code: commands from the parser, settings from their own types.

`python -m tests.house.tables --write` writes it too; `tests/unit/test_reference.py` compares.
"""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import typer

from bot.cli import cli
from bot.completing import PROGRAM
from bot.config.refusal import ExitStatus
from bot.config.sections import Section
from bot.config.settings import MUST_BE, Settings
from tests.house.markdown import table
from tests.house.setting_types import default, kind
from tests.house.settings import ITEM, Place, sections
from tests.unit.test_house import REPOSITORY

FOLDER = REPOSITORY / "docs" / "reference"
MADE = "<!-- Made by `python -m tests.house.tables --write`: change the code instead. -->\n"


# ---------------------------------------------------------------------------------------------- signoff.yaml


def configuration() -> str:
    """Return the reference of signoff.yaml."""
    parts = [
        MADE,
        "# Settings: signoff.yaml\n",
        "Everything is optional. A key that is not known is refused with its line, never ignored. `NAME` stands for a name of "
        "your choice, and `[]` for each entry of a list. Durations read `4s`, `30m`, `24h` or `7d`. What each setting is for, "
        "with examples, is in the [guide](../guide/configuration.md).\n",
    ]
    for place, section in sections().items():
        parts += [
            f"## {_heading(place)}\n",
            f"{_prose(section)}\n" if place else "The file as a whole.\n",
            _table(place, section),
            "",
        ]
    return "\n".join(parts) + "\n"


def setting_names() -> set[str]:
    """Return the name of every setting, as its row in the reference has it."""
    return {_dotted((*place, name)) for place, section in sections().items() for name in section.fields_by_key()}


def _dotted(place: Place) -> str:
    return ".".join(place).replace(f".{ITEM}", "[]")


def _heading(place: Place) -> str:
    return f"`{_dotted(place)}`" if place else "At the top"


def _table(place: Place, section: type[Section]) -> str:
    told = field_docstrings(section)
    rows = [
        (f"`{_dotted((*place, key))}`", kind(field), default(field), told.get(name, ""))
        for key, name in section.fields_by_key().items()
        if (field := section.model_fields[name])
    ]
    return table(("setting", "what it may be", "default", "what it does"), rows)


def field_docstrings(model: type[Any]) -> Mapping[str, str]:
    """Return what is written below each field of a class, in one line."""
    [node] = ast.parse(inspect.cleandoc("\n" + inspect.getsource(model))).body
    found: dict[str, str] = {}
    body = cast(ast.ClassDef, node).body
    for field, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match after:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[field.target.id] = " ".join(text.split())
                case _:
                    pass
    return found


def _prose(section: type[Any]) -> str:
    """Return a docstring's paragraphs that are for people who set it, without what is said of the code."""
    paragraphs = (inspect.getdoc(section) or "").split("\n\n")
    own = [] if section.__doc__ is None or section.__doc__ == Section.__doc__ else paragraphs
    return " ".join(" ".join(each.split()) for each in own if not each.startswith(("Wide because", "Long because"))).partition(
        " The order of the fields matters"
    )[0]


# ---------------------------------------------------------------------------------------------- the environment


def environment() -> str:
    """Return the reference of the variables: what `.env.example` says of each, and what it must be."""
    rows = [(f"`{name}`", MUST_BE[name.lower()].partition(": ")[0], " ".join(said)) for name, said in _examples()]
    return "\n".join(
        [
            MADE,
            "# Settings: the environment\n",
            "Variables of the environment, also read from `.env` in the working directory. One that is set to nothing counts as "
            "not set. `signoff doctor` names each one that cannot be meant.\n",
            table(("variable", "it is", "what it is for"), rows),
        ]
    )


def _examples() -> Iterator[tuple[str, Sequence[str]]]:
    said: list[str] = []
    for line in (REPOSITORY / ".env.example").read_text("utf-8").splitlines():
        if line.startswith("# ") and not line.startswith("# ---"):
            said.append(line[2:])
        elif line.endswith("="):
            yield line[:-1], said
            said = []
        else:
            said = []


def variable_names() -> set[str]:
    """Return the name of every variable that the bot reads as a setting."""
    return {name.upper() for name in Settings.model_fields}


# ---------------------------------------------------------------------------------------------- commands


def commands() -> str:
    """Return the reference of the command line."""
    statuses = [(f"`{each.value}`", told) for each, told in zip(ExitStatus, field_values(ExitStatus), strict=True)]
    parts = [
        MADE,
        "# Commands\n",
        "What a person has to mend is one sentence on standard error. Commands that only look create nothing but the file that "
        "they are asked for. SIGTERM or Ctrl-C ends a command within seconds: what is under way is finished or handed back.\n",
        table(("exit status", "what it says"), statuses),
        "\nFor completion, add `source <(signoff completion bash)` to your shell's start file (zsh alike); for fish: "
        "`signoff completion fish | source`.",
    ]
    for path, command in parsed_commands():
        parts += ["", f"## `{' '.join((PROGRAM, *path))}`\n", *_described(path, command)]
    return "\n".join(parts) + "\n"


def field_values(enum: type[Any]) -> Sequence[str]:
    """Return what is written below each member of an enumeration."""
    [node] = ast.parse(inspect.getsource(enum)).body
    body = cast(ast.ClassDef, node).body
    texts = [each.value.value for each in body[1:] if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)]
    return [str(text) for text in texts]


def parsed_commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what the parser knows, by path: the program itself, each group that does something itself, and each command."""
    group = group or cast(Any, typer.main.get_command(cli))
    if not path or group.invoke_without_command:
        yield path, group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from parsed_commands(command, (*path, name))
        else:
            yield (*path, name), command


def option_names(path: tuple[str, ...], command: Any) -> set[str]:
    """Return what a reader looks up: the command, and it with each of its options."""
    line = " ".join((PROGRAM, *path))
    return {line, *(f"{line} {name}" for each in command.params if each.param_type_name == "option" for name in each.opts[:1])}


def _described(path: tuple[str, ...], command: Any) -> Iterator[str]:
    yield " ".join(str(command.help or "").split()) + "\n"
    rows = [_parameter(each) for each in command.params if each.name != "help"]
    if rows:
        yield table(("", "default", "what it is"), rows)


def _parameter(parameter: Any) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or str(parameter.name).upper()
        return f"`{name}`", "" if parameter.required else "none", str(parameter.help or "")
    names = " ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    value = "" if parameter.is_flag else f" {parameter.metavar or str(parameter.name).upper()}"
    default = parameter.default
    shown = "needed" if parameter.required else "" if default in (None, False, "", True) or callable(default) else f"`{default}`"
    return f"{names}{value}", shown, str(parameter.help or "")


# ---------------------------------------------------------------------------------------------- the files


FILES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "configuration.md": configuration,
    "environment.md": environment,
}


def write(folder: Path = FOLDER) -> None:
    """Write every page of the reference."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        (folder / name).write_text(make(), "utf-8")
