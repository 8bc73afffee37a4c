"""Names that a newcomer finds by grep: one meaning each, and none that says nothing."""

import ast
import re
from collections.abc import Iterator

from tests.unit.test_house import modules, parsed

# Private names that are the same in more than two modules, since something outside asks for this very name. None so far.
MAY_REPEAT = frozenset[str]()
# Private names that the house had many times over, and that never said what they do.
NEVER_AGAIN = {"_told", "_read", "_spelled"}
# Public classes, types of ours and functions that two modules may define under one name, and why that misleads nobody.
MAY_BE_TWICE = {
    "Origin": "of what is remembered, and of what is to be remembered, which only its command reads",
    "Outcome": "of a call, and of what was to be remembered, which only its command reads",
    "PgConnection": "one type of psycopg: tools know nothing of our store, and packs nothing of each other",
    "Pool": "one type of psycopg: tools know nothing of our store",
    "Wanted": "what one report, or one command, is asked for",
    "as_value": "how the JSON of one command holds a thing",
    "export": "the audit log's, with its command, and the memory's command",
    "forget": "the command, and the tool of this name",
    "line": "how one command prints a thing",
    "lint": "of policy, and the command that lints tools",
    "update": "Slack's methods: chat.update, views.update",
    "verify": "the audit log's, with its command",
}
# The commands: typer calls them by the names of these functions, which then do what a function of the same name does.
COMMANDS = {"bot/cli.py", "bot/eval_cli.py", "bot/memory_cli.py", "bot/policy_cli.py", "bot/prompts_cli.py"}
# What is not installed beside the rest speaks for itself: the sandbox, and evals with the words of their field.
APART = ("bot/sandbox/", "bot/eval/")
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
        for name in private_names(parsed(module)):
            places.setdefault(name, set()).add(module)
    assert {name: sorted(found) for name, found in places.items() if len(found) > 2 and name not in MAY_REPEAT} == {}
    assert NEVER_AGAIN & set(places) == set()


def private_names(module: ast.Module) -> Iterator[str]:
    """Yield the names of a module's private functions, methods, classes and constants; those between double underscores are
    Python's."""
    for holder in [module, *(node for node in module.body if isinstance(node, ast.ClassDef))]:
        for node in holder.body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)]) if holder is module:
                    pass
                case _:
                    continue
            if re.match("_(?!_)", name):
                yield name


def test_a_public_name_has_one_meaning() -> None:
    places: dict[tuple[str, str], set[str]] = {}
    for module in modules():
        if module.startswith(("agent/", "bot/", "tools/")) and module not in COMMANDS:
            for name in public_names(parsed(module)):
                part = next((part for part in APART if module.startswith(part)), "")
                places.setdefault((part, name), set()).add(module)
    twice = {name: sorted(found) for (_, name), found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in MAY_BE_TWICE} == {}
    assert set(MAY_BE_TWICE) - set(twice) == set(), "a reason that nothing needs any more"


def public_names(module: ast.Module) -> Iterator[str]:
    """Yield the names of a module's public classes, functions and aliases of types, but for those of one letter."""
    for node in module.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not name.startswith("_"):
                    yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if re.match(r"[A-Z]\w*[a-z]", name):  # constants are all capitals
                    yield name
            case _:
                pass


def test_public_names_are_found_at_the_top_of_modules() -> None:
    text = "class A:\n    def a(self): ...\ndef b(): ...\nasync def c(): ...\nDd = int | str\nEe: type = int\n"
    other = "F = 1\nGG = 2\nhh = 3\ndef _i(): ...\nclass _J: ..."
    assert [*public_names(ast.parse(text + other))] == ["A", "b", "c", "Dd", "Ee"]


def test_private_names_are_found_in_modules_and_classes() -> None:
    text = "def _a(): ...\nasync def _b(): ...\nclass C:\n    def _c(self): ...\n    def __len__(self): ...\ndef d(): ...\n_E = 1"
    assert [*private_names(ast.parse(text))] == ["_a", "_b", "_E", "_c"]
