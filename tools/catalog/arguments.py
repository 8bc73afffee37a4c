"""What the arguments of all the shop's tools have in common."""

from typing import Any

from pydantic import BaseModel, field_validator


class Arguments(BaseModel, extra="forbid", frozen=True, strict=True, str_strip_whitespace=True):
    """Arguments of one call: nothing unknown and nothing converted, so that what was asked is what is shown and run."""

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("must not contain the character NUL")  # Postgres text cannot hold it
        return value
