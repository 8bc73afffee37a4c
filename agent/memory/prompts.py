"""The prompt registry: versioned texts in a folder, the promoted version by name."""

from dataclasses import dataclass
from pathlib import Path

from agent.canonical import sha256


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt."""

    name: str
    version: str
    text: str

    @property
    def reference(self) -> str:
        """Return `NAME@N`."""
        return f"{self.name}@{self.version}"

    @property
    def digest(self) -> str:
        """Return the digest of its text: the same version number on another branch is another prompt."""
        return sha256(self.text)[:16]


def load(folder: Path, reference: str) -> Prompt:
    """Return a prompt by `NAME` (its promoted version) or `NAME@N`. Raises LookupError with what there is instead."""
    name, _, version = reference.partition("@")
    home = folder / name
    if not home.is_dir():
        known = ", ".join(sorted(path.parent.name for path in folder.glob("*/promoted")))
        raise LookupError(f"there is no prompt named {name!r}; the prompts are: {known}")
    version = version or (home / "promoted").read_text().strip()
    text = home / f"{version}.md"
    if not text.is_file():
        known = ", ".join(sorted(path.stem for path in home.glob("*.md")))
        raise LookupError(f"prompt {name!r} has no version {version}; the versions are: {known}")
    return Prompt(name, version, text.read_text().strip())
