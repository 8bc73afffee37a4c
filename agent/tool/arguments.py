"""What the arguments of all tools that are written here have in common."""

import json
from typing import Any, Self

from pydantic import BaseModel, field_validator


class Arguments(BaseModel, extra="forbid", frozen=True, strict=True, str_strip_whitespace=True):
    """Arguments of one call: nothing unknown and nothing converted, so that what was asked is what is shown and run."""

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Validate a call that came as JSON, where a date is a text and a tuple a list: strict, but by JSON's own types."""
        return cls.model_validate_json(json.dumps(obj), **options)

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("must not contain the character NUL")  # Postgres text cannot hold it
        return value
