"""Text from outside may hold half a character: one code unit of a UTF-16 pair, which JSON can spell and UTF-8 cannot."""

from typing import Any


def whole(value: Any) -> Any:
    """The same JSON value with the halves of a pair joined, and what is left of others replaced by U+FFFD."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return value
        case dict():
            return {whole(key): whole(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [whole(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value
