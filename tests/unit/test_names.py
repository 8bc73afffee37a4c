"""Names that a newcomer finds by grep: one meaning each, and none that says nothing."""

import ast
import re
from collections.abc import Iterator

from tests.unit.test_house import modules, parsed

# Private names that are the same in more than two modules, since something outside asks for this very name. None so far.
MAY_REPEAT = frozenset[str]()
# Private names that the house had many times over, and that never said what they do.
NEVER_AGAIN = {"_told", "_read", "_spelled"}
SAYING_NOTHING = {"utils", "util", "helpers", "helper", "manager", "service", "base", "common", "misc"}


def test_no_module_is_named_after_nothing() -> None:
    assert [module for module in modules() if SAYING_NOTHING & set(module.removesuffix(".py").split("/"))] == []


def test_no_class_is_named_after_nothing() -> None:
    endings = tuple(word.capitalize() for word in SAYING_NOTHING)
    named = [
        f"{module}: {node.name}"
        for module in modules()
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ClassDef) and node.name.endswith(endings)
    ]
    assert named == []


def test_a_private_name_is_found_in_two_modules_at_most() -> None:
    places: dict[str, set[str]] = {}
    for module in modules():
        for name in private_functions(parsed(module)):
            places.setdefault(name, set()).add(module)
    assert {name: sorted(found) for name, found in places.items() if len(found) > 2 and name not in MAY_REPEAT} == {}
    assert NEVER_AGAIN & set(places) == set()


def private_functions(module: ast.Module) -> Iterator[str]:
    """Yield the names of a module's private functions and methods; those between double underscores are Python's."""
    for holder in [module, *(node for node in module.body if isinstance(node, ast.ClassDef))]:
        for node in holder.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and re.match("_(?!_)", node.name):
                yield node.name


def test_private_functions_are_found_in_modules_and_classes() -> None:
    text = "def _a(): ...\nasync def _b(): ...\nclass C:\n    def _c(self): ...\n    def __len__(self): ...\ndef d(): ..."
    assert [*private_functions(ast.parse(text))] == ["_a", "_b", "_c"]
