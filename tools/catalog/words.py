"""Text as the shop's arguments take it."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")  # Postgres text cannot hold it
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_without_nul)]
"""Text without space around it that Postgres can store."""
