"""What our own code does on the way of a mention: how often it reads or writes JSON, and which of its files it enters."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

REPOSITORY = Path(__file__).parents[2]
OURS = tuple(f"{REPOSITORY / package}/" for package in ("agent", "bot", "tools"))
SANDBOX = f"{REPOSITORY / 'bot/sandbox'}/"  # the world outside


def is_ours(file: str) -> bool:
    """Whether a file is part of what runs in production."""
    return file.startswith(OURS) and not file.startswith(SANDBOX)


@dataclass
class Counted:
    """Each read or write of JSON by our code, as the place that asks for it."""

    places: list[str] = field(default_factory=list[str])

    def since(self, before: int) -> Counter[str]:
        """The places since so many reads and writes."""
        return Counter(self.places[before:])

    def __len__(self) -> int:
        return len(self.places)


def json_counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Count from now on."""
    counted = Counted()

    def count(owner: Any, name: str) -> None:
        made = getattr(owner, name)
        unbound: Callable[..., Any] = getattr(made, "__func__", made)

        def counting(*values: Any, **options: Any) -> Any:
            caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
            if is_ours(caller.f_code.co_filename):
                file = Path(caller.f_code.co_filename).relative_to(REPOSITORY)
                counted.places.append(f"{file}:{caller.f_code.co_name} {name}")
            return unbound(*values, **options)

        monkeypatch.setattr(owner, name, classmethod(counting) if unbound is not made else counting)

    for owner, names in (
        (json, ("loads", "dumps", "load", "dump")),
        (BaseModel, ("model_validate_json", "model_dump_json")),
        (TypeAdapter, ("validate_json", "dump_json")),
    ):
        for name in names:
            count(owner, name)
    return counted


@contextmanager
def files_entered() -> Generator[set[str]]:
    """Our files that a function is called in meanwhile, in any thread that begins meanwhile or in this one."""
    entered: set[str] = set()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and is_ours(frame.f_code.co_filename):
            entered.add(str(Path(frame.f_code.co_filename).relative_to(REPOSITORY)))

    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield entered
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # pyright: ignore[reportArgumentType] # as its documentation has it
