"""The file of a run: what it is about, and a line a finished repeat. Whatever is in it is never played again."""

import fcntl
import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from agent.canonical import sha256
from bot.config.refusal import Refusal
from bot.eval.happened import Happened, Played
from bot.eval.judging import Judged

LETTERS = 8  # of the digest in a file's name
KeptLine = TypeVar("KeptLine", bound=Happened)


class Finished(Happened):
    """One repeat of one case, as it is kept: what happened, and what of it is as it should be."""

    case: str
    repeat: int
    played: Played
    judged: Judged


class Run(Happened):
    """What results are about. Another one has another file, so that results of two are never mixed.

    `played`: with recorded answers, with the lines of the cases, or by a model. `tested`: the key of prompt, model and tools.
    `code`: the digest of all that is run, recordings included where they are played.
    """

    golden: str
    golden_digest: str
    prompt: str
    prompt_digest: str
    model: str
    played: Literal["recorded", "lines", "model"]
    tested: str
    code: str

    @property
    def stem(self) -> str:
        """Return how the names of its files begin."""
        return f"{self.golden}-{sha256(self.model_dump(mode='json'))[:LETTERS]}"


@dataclass(frozen=True, slots=True)
class Kept:
    """The file of a run. A line that was cut off by a kill is as if it was not there."""

    path: Path

    @classmethod
    def of(cls, folder: Path, run: Run, *, fresh: bool = False) -> "Kept":
        """Return the file of a run in a folder, made where it is missing; `fresh`: without what was finished before.

        Raises Refusal where another command writes it, or nobody may.
        """
        kept = cls(folder / f"{run.stem}.jsonl")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if fresh or not kept.path.exists():
                with kept.held():
                    kept.path.write_text(json.dumps({"run": run.model_dump(mode="json")}) + "\n", encoding="utf-8")
        except OSError as error:
            raise Refusal(f"{kept.path} cannot be written ({error.strerror}): name another folder with --out.") from None
        return kept

    @contextmanager
    def held(self) -> Generator[None]:
        """Hold the file, so that no other command plays the same. Raises Refusal where one does. A kill lets go of it."""
        with self.path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refusal(f"Another `signoff eval` writes {self.path}: wait for it, or end it.") from None
            yield

    def about(self) -> Run | None:
        """Return what the results are about; None where the file does not say."""
        heads = read_lines(self.path, _Head)
        return heads[0].run if heads else None

    def finished(self) -> Sequence[Finished]:
        """Return what is finished, in the order in which it was."""
        return read_lines(self.path, Finished)

    def add(self, finished: Finished) -> None:
        """Keep one more, on the disk before it returns."""
        add_line(self.path, finished)


class _Head(Happened):
    run: Run


def read_lines(path: Path, kind: type[KeptLine]) -> Sequence[KeptLine]:
    """Return the lines of a file that are of a kind; those of another, and what was cut off in the middle, are left out."""
    if not path.exists():
        return []
    found: list[KeptLine] = []
    # As bytes: a kill may cut a letter in two. Not by `splitlines`: JSON may hold characters that it takes for ends of lines.
    for line in path.read_bytes().split(b"\n"):
        with suppress(ValidationError):
            found.append(kind.model_validate_json(line))
    return found


def add_line(path: Path, value: Happened) -> None:
    """Add a line to a file, on the disk before it returns. After one that was cut off it begins anew."""
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + value.model_dump_json() + "\n")
        file.flush()
        os.fsync(file.fileno())
