"""What a handler may answer: a mapping, a pydantic model, a text or a list; beside these images, or the channels it is from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from agent.types import Origin

Told = BaseModel | Mapping[str, Any] | str | Sequence[Any]


@dataclass(frozen=True, slots=True)
class WithImages:
    """An answer with images beside it, as the bytes of JPEG, PNG, GIF or WebP files. The model sees them below the answer; of one
    that cannot be shown it reads why."""

    told: Told
    images: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer that draws on what was learnt in these channels: who reads along has to be able to read them."""

    told: Told
    channels: Sequence[str]
    origins: Sequence[Origin] = ()  # of what it quotes
    outside: str = ""  # names the documents that it quotes; empty: it is what people of the workspace said themselves


Answer = Told | WithImages | Remembered


def structured(answer: Answer) -> dict[str, Any]:
    """Return what a handler answered, as the fields of a JSON object: a text is its `text`, a list its `items`."""
    match answer:
        case WithImages() | Remembered():
            return structured(answer.told)
        case BaseModel():
            return answer.model_dump(mode="json")
        case str():
            return {"text": answer}
        case list() | tuple():
            return {"items": answer}
        case _:
            return dict(answer)  # pyright: ignore[reportArgumentType]  # fails for what is no mapping


def images_of(answer: Answer) -> tuple[bytes, ...]:
    """Return the images of an answer."""
    return tuple(answer.images) if isinstance(answer, WithImages) else ()


def outside_of(answer: Answer) -> str:
    """Return the outside source that an answer of a tool for memory quotes, if it does."""
    return answer.outside if isinstance(answer, Remembered) else ""


def origins_of(answer: Answer) -> tuple[Origin, ...]:
    """Return where in memory an answer is from."""
    return tuple(answer.origins) if isinstance(answer, Remembered) else ()


def channels_of(answer: Answer) -> tuple[str, ...]:
    """Return the channels that an answer draws on."""
    return tuple(answer.channels) if isinstance(answer, Remembered) else ()
