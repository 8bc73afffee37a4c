"""What is long or wide in the house, and why: files over 300 lines, classes with over 12 fields or over 12 methods.

A file says why in its docstring (in JavaScript and CSS: in its first comment), in a line that begins with "Long because"; a
class in a line of its docstring that begins with "Wide because". Without that line `make check` fails.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house.syntax import parsed

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("agent", "bot", "migrations", "prompts", "tools", "tests")
MOST_LINES, MOST_FIELDS, MOST_METHODS = 300, 12, 12


@dataclass(frozen=True, slots=True)
class Oversize:
    """A file or a class that is larger than the house likes, and its reason; empty where it gives none."""

    name: str
    size: str
    reason: str


def oversizes(repository: Path = REPOSITORY) -> Iterator[Oversize]:
    """Yield each file that is too long and each class that is too wide, by path."""
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("*")):
            if path.suffix in (".py", ".js", ".css", ".html"):
                name, module = path.relative_to(repository).as_posix(), parsed(path) if path.suffix == ".py" else None
                yield from of_file(name, path.read_text(), module)


def of_file(name: str, text: str, module: ast.Module | None) -> Iterator[Oversize]:
    """Yield what is too large in one file. `module`: its syntax tree, where it is Python."""
    length = len(text.splitlines())
    if length > MOST_LINES:
        opening = ast.get_docstring(module) if module else text.partition("*/")[0]
        yield Oversize(name, f"{length} lines", _reason("Long", opening))
    for node in ast.walk(module) if module else ():
        if isinstance(node, ast.ClassDef) and (size := _width(node)):
            yield Oversize(f"{name}: {node.name}", size, _reason("Wide", ast.get_docstring(node)))


def _reason(word: str, docstring: str | None) -> str:
    """Return the reason up to the end of its paragraph, in one line."""
    found = re.search(rf"^[ *]*{word} because (\S.*?)(?:\n\s*\n|\Z)", docstring or "", re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _width(node: ast.ClassDef) -> str:
    """Return the numbers of fields and methods where one of them is too large; empty otherwise."""
    functions = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    methods = sum(not function.name.startswith("__") for function in functions)
    declared = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)}
    assigned = {
        target.attr
        for function in functions
        for target in ast.walk(function)
        if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store)
        if isinstance(target.value, ast.Name) and target.value.id == "self"
    }
    fields = len(declared | assigned)
    return f"{fields} fields, {methods} methods" if fields > MOST_FIELDS or methods > MOST_METHODS else ""
