"""The section `memory` of signoff.yaml: which model makes the vectors, who learns when, and how long things are kept."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, GetPydanticSchema, ValidatorFunctionWrapHandler, WrapValidator, field_validator

from agent.memory.terms import MemoryKind, Term, Terms
from bot.config.policy_section import ConversationId, duration_seconds
from bot.config.sections import Section

OFFLINE = "wordllama"
EXTRA: Literal["minilm"] = "minilm"
LEARNS_WITH = "claude-haiku-5-5"
FOREVER = "forever"
MOST_TERM_SECONDS = 3650 * 24 * 3600


class EmbeddingsSection(Section):
    """A model behind `/v1/embeddings`."""

    url: str
    """The whole address."""
    model: str = Field(min_length=1)
    """Its name there."""
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


def _named(value: Any, server: ValidatorFunctionWrapHandler) -> "Embeddings":
    """Return None for the model that comes with the bot, the name of the extra as it is, and a mapping as a server."""
    if value == OFFLINE:
        return None
    if value == EXTRA:
        return EXTRA
    if not isinstance(value, dict):
        raise ValueError(
            f"should be {OFFLINE} or {EXTRA}, which work offline, or a server: a mapping with url, model and dimensions"
        )
    return server(value)


def _term_seconds(value: Any) -> int | None:
    """Return the seconds of a term; None for good."""
    if value == FOREVER:
        return None
    try:
        return duration_seconds(value, MOST_TERM_SECONDS)
    except ValueError:
        raise ValueError(f"should be a duration such as 30d, and at most 3650d, or {FOREVER}") from None


Embeddings = EmbeddingsSection | Literal["minilm"] | None
# What is wrong with a server is told as such: of all that it may be, nothing else is a mapping.
ONLY_A_SERVER = GetPydanticSchema(lambda _, schema_of: schema_of(EmbeddingsSection))
KeptFor = Annotated[int | None, BeforeValidator(_term_seconds)]


class Keep(Section):
    """How long each kind is kept, from when it was learnt."""

    facts: KeptFor = None
    """What people said of themselves and their work."""
    summaries: KeptFor = None
    """Of conversations."""
    documents: KeptFor = None
    """What `signoff memory add` added."""
    preferences: KeptFor = None
    """Values that a person set."""
    checkpoints: KeptFor = None
    """Values for work that goes on."""
    flags: KeptFor = None
    """Values that are on or off."""

    def kinds(self) -> Mapping[MemoryKind, Term]:
        """Return the terms that are named here."""
        named: Mapping[str, MemoryKind] = {
            "facts": "fact",
            "summaries": "summary",
            "documents": "document",
            "preferences": "preference",
            "checkpoints": "checkpoint",
            "flags": "flag",
        }
        seconds: Mapping[MemoryKind, int | None] = {
            kind: getattr(self, name) for name, kind in named.items() if name in self.model_fields_set
        }
        return {kind: None if each is None else timedelta(seconds=each) for kind, each in seconds.items()}


class MemorySection(Section):
    """What is remembered beyond a conversation."""

    embeddings: Annotated[Embeddings, ONLY_A_SERVER, WrapValidator(_named)] = None
    """What makes vectors. None: WordLlama, which works offline, as MiniLM does."""
    learn_with: str = LEARNS_WITH
    """The model that reads what people said for what is worth remembering; empty: only what they ask to be remembered is."""
    learn_after: Annotated[int, BeforeValidator(duration_seconds)] = 1800
    """For how long nobody has to have said anything more."""
    keep: Keep = Keep()
    """Terms of everything; what is not named here is kept for good, but for checkpoints: 30 days."""
    channels: Mapping[ConversationId, Keep] = {}
    """Terms of what was learnt in a channel, instead."""

    def terms(self) -> Terms:
        """Return how long what is remembered is kept."""
        return Terms(self.keep.kinds(), {channel: keep.kinds() for channel, keep in self.channels.items()})
