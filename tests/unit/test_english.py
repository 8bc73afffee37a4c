"""The English of the house (CONTRIBUTING, How code reads): phrases that do not come back, and how a docstring begins."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_house import REPOSITORY, modules, parsed

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
# What each is instead: the content or the state; hears of; the person who, or those who; its own, or a separate one; for example;
# the core; types or values.
AVOIDED = re.compile(
    r"\bwhat stands\b|\b(?:is|are) told of\b|\bwhoever\b|\bof (?:its|their) own\b|, say[,)]|\bheart\b|\bnouns?\b", re.IGNORECASE
)
IMPORT = re.compile(r"\bimport .*")  # `say` is a name, too
# Where a phrase describes, a verb says what is done: "Return the …", "Return whether …", "Yield every …".
DESCRIBING = re.compile(
    r"(?:A|All|An|Another|As|Each|Every|Everybody|Everything|How|It|Nobody|Nothing|Of|One|People|Something|That|The|Those|Until|What"
    r"|Whatever|When|Where|Whether|Which|Who|Whose|Why)\b"
)


def files() -> Iterator[Path]:
    """Yield what people read and write here: code, tests and documents, without migrations that have run."""
    for module in modules():
        if not module.startswith("migrations/versions/"):
            yield REPOSITORY / module
    yield from (REPOSITORY / "tests").rglob("*.py")
    yield from (REPOSITORY / document for document in DOCUMENTS)
    yield from (REPOSITORY / "docs").rglob("*.md")


def avoided(text: str) -> list[str]:
    """Return the phrases of a text that have a plainer one."""
    return [found[0] for found in AVOIDED.finditer(IMPORT.sub("", text))]


def test_phrases_that_were_mended_do_not_come_back() -> None:
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{number}: {phrase}"
        for path in files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for phrase in avoided(line)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Return what stands there.", ["what stands"]),
        ("A channel that is told of spending", ["is told of"]),
        ("Whoever asked pays.", ["Whoever"]),
        ("in a folder of its own", ["of its own"]),
        ("below /root, say, or (a lamp, say)", [", say,", ", say)"]),
        ("the heart of it, made of nouns", ["heart", "nouns"]),
        ("from bot.sandbox.model import Text, call, say, think", []),
        ("people say, and a pronoun, and heartbeat=3", []),
    ],
)
def test_the_phrases_are_found(text: str, phrases: list[str]) -> None:
    assert avoided(text) == phrases


def describing(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and first words of each function's docstring that describes instead of saying what is done."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if DESCRIBING.match(first):
                yield node.lineno, first


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    wrong = [f"{module}:{line}: {first}" for module in modules() for line, first in describing(parsed(module))]
    assert wrong == []


def test_a_docstring_that_describes_is_found() -> None:
    text = 'def f():\n    """The host."""\ndef g():\n    """Return the host."""\nclass C:\n    """The host."""\ndef h(): ...'
    assert [*describing(ast.parse(text))] == [(1, "The host.")]
