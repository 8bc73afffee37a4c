"""The prompt registry: a folder a prompt, one YAML file a version, and which one comes with the code.

`NAME/N.yaml` is version N. `NAME/released` holds a line a version that was released, its number and its digest: such a version
never changes, and a test compares. `NAME/promoted` says which version is in use where nobody has promoted another.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

import prompts
from agent.canonical import sha256

NAME = re.compile(r"[a-z][a-z0-9_-]*")
NUMBER = re.compile(r"[1-9][0-9]{0,5}")
PLACE = re.compile(r"\{\{ *([a-z][a-z0-9_]*) *\}\}")
DIGEST_LETTERS = 16


class _Part(BaseModel):
    """A part of a version. A key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Variable(_Part):
    """A value that an installation fills in. Without a `default` it has to."""

    type: Literal["text", "number", "flag"] = "text"
    about: str = ""
    default: JsonValue = None

    def written(self, value: JsonValue) -> str | None:
        """Return a value as it stands in the prompt. None: it is not of this type."""
        match self.type, value:
            case "text", str():
                return value
            case "flag", bool():
                return "yes" if value else "no"
            case "number", bool():
                return None
            case "number", int() | float():
                return str(value)
            case _:
                return None


class ModelSettings(_Part):
    """What a version wants of its model, unless signoff.yaml says otherwise."""

    model: str | None = None
    max_output_tokens: int | None = Field(default=None, ge=1_024, le=128_000)
    max_iterations: int | None = Field(default=None, gt=0)


class Version(_Part):
    """One version of a prompt."""

    name: str
    number: int = Field(ge=1)
    author: str = Field(min_length=1)
    parent: int | None
    notes: str
    variables: Mapping[str, Variable] = {}
    settings: ModelSettings = ModelSettings()
    text: str = Field(min_length=1)

    @property
    def reference(self) -> str:
        """Return `NAME@N`."""
        return f"{self.name}@{self.number}"

    @property
    def digest(self) -> str:
        """Return the digest of all of it: the same number on another branch is another prompt."""
        return sha256(self.model_dump(mode="json"))[:DIGEST_LETTERS]

    def filled(self, values: Mapping[str, JsonValue]) -> str:
        """Return the text with the values of its variables. Raises LookupError for one that is missing or not of its type."""
        if unknown := sorted(set(values) - set(self.variables)):
            known = ", ".join(sorted(self.variables)) or "none"
            raise LookupError(f"prompt {self.reference} has no variable {unknown[0]!r}; its variables are: {known}")

        def value_of(match: re.Match[str]) -> str:
            variable = self.variables[match[1]]
            written = variable.written(values.get(match[1], variable.default))
            if written is None:
                raise LookupError(f"prompt {self.reference} needs a {variable.type} for its variable {match[1]!r}")
            return written

        return PLACE.sub(value_of, self.text)


@dataclass(frozen=True, slots=True)
class Registry:
    """The prompts of a folder."""

    folder: Path

    def names(self) -> Sequence[str]:
        """Return the names of all prompts."""
        return sorted(path.parent.name for path in self.folder.glob("*/promoted"))

    def versions(self, name: str) -> Sequence[int]:
        """Return the numbers of all versions of a prompt, oldest first. Raises LookupError with what there is instead."""
        home = self._home(name)
        return sorted(int(path.stem) for path in home.glob("*.yaml") if path.stem.isdigit())

    def shipped(self, name: str) -> int:
        """Return the number of the version that is in use where nobody has promoted another. Raises LookupError."""
        return int((self._home(name) / "promoted").read_text())

    def released(self, name: str) -> Mapping[int, str]:
        """Return the digest of each version that was released, and never changes. Raises LookupError."""
        path = self._home(name) / "released"
        lines = path.read_text().splitlines() if path.exists() else []
        return {int(number): digest for number, digest in (line.split() for line in lines if line.strip())}

    def load(self, reference: str) -> Version:
        """Return a version by `NAME` (the shipped one) or `NAME@N`. Raises LookupError with what there is instead, or what is
        wrong with it."""
        name, _, number = reference.partition("@")
        if number and NUMBER.fullmatch(number) is None:
            raise LookupError(f"{reference!r} names no version: write a number behind the @, as in {name}@2")
        chosen = int(number) if number else self.shipped(name)
        path = self._home(name) / f"{chosen}.yaml"
        if not path.is_file():
            known = ", ".join(map(str, self.versions(name)))
            raise LookupError(f"prompt {name!r} has no version {chosen}; the versions are: {known}")
        return read_version(name, chosen, path.read_text("utf-8"))

    def _home(self, name: str) -> Path:
        home = self.folder / name
        if NAME.fullmatch(name) is None or not home.is_dir():
            raise LookupError(f"there is no prompt named {name!r}; the prompts are: {', '.join(self.names())}")
        return home


def written_version(version: Version) -> str:
    """Return a version as its file has it: what `read_version` reads."""
    head = version.model_dump(mode="json", exclude={"name", "number", "text"}, exclude_defaults=True)
    lines = "".join(f"  {line}\n" if line else "\n" for line in version.text.split("\n"))
    return f"{yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=120)}text: |\n{lines}"


def read_version(name: str, number: int, written: str) -> Version:
    """Return a version as its file has it. Raises LookupError with what is wrong."""
    try:
        content = yaml.safe_load(written)
        told: Mapping[str, Any] = cast(Any, content) if isinstance(content, dict) else {}
        version = Version.model_validate({**told, "name": name, "number": number})
    except yaml.YAMLError as error:
        raise LookupError(f"prompt {name}@{number} is not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise LookupError(f"prompt {name}@{number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    version = version.model_copy(update={"text": version.text.strip()})
    named, known = set(PLACE.findall(version.text)), set(version.variables)
    if named != known:
        raise LookupError(f"prompt {version.reference} names {sorted(named)} in its text, and its variables are {sorted(known)}")
    return version


PROMPTS = Registry(Path(prompts.__file__).parent)  # what comes with the code
