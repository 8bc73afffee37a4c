"""The recordings of a set: a file a case in `recorded/` beside it, one line an exchange, so that a change of it can be read.

What all exchanges have in common (model, prompt, tools) is there once, and each exchange names what of it is different. Ids are
numbered, so that the same answers make the same file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.config.refusal import Refusal
from bot.eval.tape import Asked, Exchange, Tape, numbering

FOLDER = "recorded"


class Recording(BaseModel):
    """A recording. `passed`: whether the case did, which it has to do again each time that it is replayed."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    tape: Tape


def path_of(folder: Path, name: str) -> Path:
    """Return where the recording of a case of a set lies."""
    return folder / FOLDER / f"{name}.json"


def read_recording(folder: Path, name: str) -> Recording | None:
    """Return a recording; None where there is none. Raises Refusal for a file that holds something else."""
    path = path_of(folder, name)
    try:
        told: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Recording(passed=told["passed"], tape=Tape(exchanges=[_exchange(told["asked"], one) for one in told["exchanges"]]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        raise Refusal(f"{path} is no recording: make it again with --record.") from None


def write_recording(folder: Path, name: str, recording: Recording) -> None:
    """Write a recording, whole or not at all."""
    path = path_of(folder, name)
    path.parent.mkdir(exist_ok=True)
    exchanges = recording.tape.exchanges
    common: Mapping[str, str] = exchanges[0].asked.parts if exchanges else {}
    lines = ",\n".join(_json(_written(common, one)) for one in exchanges)
    head = f'{{\n"passed": {_json(recording.passed)},\n"asked": {_json(common)},\n"exchanges": [\n'
    new = path.with_suffix(".new")
    new.write_text(numbering()(f"{head}{lines}\n]\n}}\n"), encoding="utf-8")
    new.replace(path)


def _written(common: Mapping[str, str], one: Exchange) -> Mapping[str, Any]:
    """Return an exchange with those parts of its request that are not as the first one's; null: it has no such part."""
    parts = one.asked.parts
    other = {part: parts.get(part) for part in [*common, *parts] if parts.get(part) != common.get(part)}
    told = {"messages": list(one.asked.messages), "status": one.status, "headers": dict(one.headers), "body": one.body}
    return {**({"asked": other} if other else {}), **told}


def _exchange(common: Mapping[str, str], told: Mapping[str, Any]) -> Exchange:
    """Return an exchange as it was before `_written`."""
    parts = {part: digest for part, digest in {**common, **told.get("asked", {})}.items() if digest is not None}
    asked = Asked(parts=parts, messages=told["messages"])
    return Exchange(asked=asked, status=told["status"], headers=told["headers"], body=told["body"])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
