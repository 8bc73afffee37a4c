"""What a handler may answer: a mapping, a pydantic model, a text or a list; and images beside any of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

Told = BaseModel | Mapping[str, Any] | str | Sequence[Any]


@dataclass(frozen=True, slots=True)
class WithImages:
    """An answer with images beside it, as the bytes of JPEG, PNG, GIF or WebP files. The model sees them below the answer; of one
    that cannot be shown it reads why."""

    told: Told
    images: Sequence[bytes] = field(repr=False)


Answer = Told | WithImages


def structured(answer: Answer) -> dict[str, Any]:
    """Return what a handler answered, as the fields of a JSON object: a text is its `text`, a list its `items`."""
    match answer:
        case WithImages():
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
