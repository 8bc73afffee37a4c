"""A YAML file that people write: its values with their lines, so that what is wrong in it can be said with its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from bot.config.refusal import Refusal

MOST_VALUES = 100_000  # aliases of aliases of aliases are more than a machine holds
MOST_DEEP = 50
FLAT = "write it without lists within lists, and without aliases of aliases"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something in the file that cannot be meant."""

    line: int  # from 1
    wrong: str  # a sentence without its full stop


def read_yaml(path: Path) -> "YamlFile":
    """Return the file. Raises FileNotFoundError, and Refusal for what is no YAML."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as unreadable:
        raise Refusal(f"{path} cannot be read as a text file ({unreadable}): mend that, or name another.") from None
    try:
        root = yaml.SafeLoader(text).get_single_node()
    except yaml.YAMLError as broken:
        mark, problem = getattr(broken, "problem_mark", None), getattr(broken, "problem", None) or str(broken).splitlines()[0]
        line: int = mark.line if mark is not None else 0
        raise Refusal(f"{path}, line {line + 1}: this is not YAML ({problem}).") from None
    except RecursionError:
        raise Refusal(f"{path} is nested too deep to be read: {FLAT}.") from None
    return YamlFile(root)


class YamlFile:
    """The file as YAML's nodes, which know their lines. `problems` grows as it is read."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root
        self._values, self._overgrown = 0, False
        self.problems: list[Problem] = []

    def content(self) -> Any:
        """Return the values; None for an empty file. A key that is there twice is a problem, where YAML would take the last."""
        return self._plain(self._root, (), 0) if self._root is not None else None

    def _plain(self, node: yaml.Node, path: tuple[str, ...], depth: int) -> Any:
        line: int = node.start_mark.line + 1
        self._values += 1
        if self._values > MOST_VALUES or depth > MOST_DEEP:  # an alias within itself has no end
            if not self._overgrown:
                self.problems.append(Problem(line, f"this has more levels or values than any settings: {FLAT}"))
            self._overgrown = True
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(each, path, depth + 1) for each in node.value]
        try:
            return cast(Any, yaml.SafeLoader("").construct_object(node))  # pyright: ignore  # PyYAML's stub has no types here
        except (yaml.YAMLError, ValueError, OverflowError, LookupError, AttributeError):  # a tag, or a date in no calendar
            self.problems.append(Problem(line, f"{str(node.value)[:40]!r} is no value that YAML knows: put it in quotes"))
            return None

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...], depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line: int = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(line, "a list or a mapping cannot be the name of a setting: write `key: value`"))
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in value:
                self.problems.append(Problem(line, f"`{'.'.join(here)}` is there twice: remove one of the two"))
            else:
                value[key] = self._plain(value_node, here, depth + 1)
        return value

    def note(self, place: Sequence[str], wrong: str) -> None:
        """Add a problem with the line of its place."""
        self.problems.append(Problem(self.line(place), wrong))

    def line(self, place: Sequence[str]) -> int:
        """Return where `place` is, from 1: the line of its key or list item, or of the nearest thing around it."""
        node = self._root
        line: int = node.start_mark.line if node is not None else 0
        for part in place:
            if isinstance(node, yaml.MappingNode):
                found = [(key.start_mark.line, value) for key, value in node.value if str(key.value) == part]
            elif isinstance(node, yaml.SequenceNode) and part.isdecimal():
                found = [(item.start_mark.line, item) for item in node.value[int(part) : int(part) + 1]]
            else:
                found = []
            if not found:
                break
            line, node = found[0]
        return line + 1
