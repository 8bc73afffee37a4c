"""Golden sets as they lie on the disk: a folder with `set.yaml`, files with cases, and what people said of answers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from bot.config.refusal import Refusal
from bot.config.yaml_file import read_yaml
from bot.eval.cases import Case, GoldenSet

SET_FILE = "set.yaml"
LABELS_FILE = "labels.yaml"


def read_set(folder: Path) -> GoldenSet:
    """Return the set of a folder. Raises Refusal with file, case and the mend."""
    files = sorted(path for path in folder.glob("*.yaml") if path.name not in (SET_FILE, LABELS_FILE))
    try:
        head = _content(folder / SET_FILE)
        cases = [case for path in files for case in _cases_of(path)]
        found = GoldenSet.model_validate({**head, "cases": cases})
    except FileNotFoundError:
        raise Refusal(f"{folder} is no golden set: it has no {SET_FILE}.") from None
    except ValidationError as error:
        raise Refusal(f"{folder / SET_FILE}: {_first_problem(error)}.") from None
    names = [case.case for case in found.cases]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Refusal(f"{folder} has two cases named {min(twice)}: give one of them another name.")
    return found


def read_labels(folder: Path, golden: GoldenSet) -> Mapping[str, bool]:
    """Return what people said of the answers, by case; nothing where nobody did. Raises Refusal."""
    path = folder / LABELS_FILE
    try:
        told: Any = _content(path) or {}
    except FileNotFoundError:
        return {}
    names = {case.case for case in golden.cases}
    if not isinstance(told, dict) or not all(isinstance(label, bool) for label in cast(dict[Any, Any], told).values()):
        raise Refusal(f"{path} is not a mapping of cases to true or false: write a line such as `CASE: true` for each.")
    labels = cast(dict[str, bool], told)
    if unknown := [case for case in labels if case not in names]:
        raise Refusal(f"{path} has a label for {unknown[0]}, and the set has no such case: mend its name, or leave it out.")
    return labels


def _cases_of(path: Path) -> Iterator[Case]:
    for number, told in enumerate(_content(path), 1):
        named = cast(Any, told).get("case", f"number {number}") if isinstance(told, dict) else f"number {number}"
        try:
            yield Case.model_validate(told)
        except ValidationError as error:
            raise Refusal(f"{path}, case {named}: {_first_problem(error)}.") from None


def _content(path: Path) -> Any:
    file = read_yaml(path)
    content = file.content()
    if file.problems:
        raise Refusal(f"{path}, line {file.problems[0].line}: {file.problems[0].wrong}.")
    return content


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
