"""The section `memory` of signoff.yaml: which model makes the vectors that memory is searched by."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from bot.config.policy_section import duration_seconds
from bot.config.sections import Section

OFFLINE = "wordllama"
LEARNS_WITH = "claude-haiku-5-5"


class EmbeddingServer(Section):
    """A model behind `/v1/embeddings`."""

    url: str
    """The whole address."""
    model: str = Field(min_length=1)
    dimensions: int = Field(ge=1, le=4000, strict=True)
    """Of its vectors; pgvector can index at most 4,000."""
    key_env: str = ""
    """The variable that holds its key, if it wants one."""

    @field_validator("url")
    @classmethod
    def _whole_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.endswith("/embeddings"):
            raise ValueError("should be the whole address, such as https://HOST/v1/embeddings")
        if "@" in parts.netloc:
            raise ValueError("should hold no password: name the variable with its key in `key_env`")
        return url

    @field_validator("key_env")
    @classmethod
    def _only_a_name(cls, name: str) -> str:
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
            raise ValueError(
                "should be the name of a variable of the environment, such as EMBEDDINGS_KEY: this file holds no keys"
            )
        return name


def _named(value: Any) -> Any:
    """Return None for the model that comes with the bot, and a mapping as it is."""
    if value == OFFLINE:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"should be {OFFLINE}, which works offline, or a server: a mapping with url, model and dimensions")
    return value  # pyright: ignore[reportUnknownVariableType]


class Memory(Section):
    """What is remembered beyond a conversation."""

    embeddings: Annotated[EmbeddingServer | None, BeforeValidator(_named)] = None
    """The server that makes vectors; None: WordLlama, which works offline."""
    learn_with: str = LEARNS_WITH
    """The model that reads what people said for what is worth remembering; empty: only what they ask to be remembered is."""
    learn_after: Annotated[int, BeforeValidator(duration_seconds)] = 1800
    """For how long nobody has to have said anything more."""
