"""The models this server knows, with what each accepts: the facts behind `/v1/models` and behind several refusals.

Ids are those of the SDK's `anthropic/types/model.py`; limits, lifecycle and request settings are the provider's
documentation of October 2026. A release date that is not published is the epoch, as the API itself does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Lifecycle = Literal["active", "deprecated", "retired"]
Line = Literal["haiku", "sonnet", "opus", "fable", "mythos"]
ThinkingType = Literal["adaptive", "between_tools", "disabled", "enabled"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """One model: what `/v1/models` says of it, and which request settings it takes.

    Wide because it is a row of the table of models, as the API documents them.
    """

    id: str
    display_name: str
    line: Line
    aliases: tuple[str, ...] = ()
    created_at: datetime = EPOCH
    lifecycle: Lifecycle = "active"
    deprecated_at: datetime | None = None
    retires_at: datetime | None = None
    max_input_tokens: int = 1_000_000
    max_output_tokens: int = 128_000
    thinking: frozenset[ThinkingType] = frozenset({"adaptive"})
    thinks_unasked: bool = True  # a request without `thinking` runs with adaptive thinking
    shows_thinking: bool = False  # the default of `thinking.display`: "summarized" rather than "omitted"
    binds_thinking: bool = False  # preserved thinking: a replayed block is checked against all that came before it
    notes_as_thinking: bool = False  # text between tool calls arrives in thinking blocks
    forced_tool_choice: bool = True
    prefill: bool = False
    sampling: bool = False  # temperature, top_p, top_k

    @property
    def searches_tools(self) -> bool:
        """Return whether the tool search tool is there: documented for Sonnet and Opus since 4.0, and for no Haiku."""
        return self.line in ("sonnet", "opus")

    def to_json(self) -> dict[str, Any]:
        """Return the card as the Models API sends it; capability keys are always all present."""
        return {
            "type": "model",
            "id": self.id,
            "display_name": self.display_name,
            "created_at": _rfc3339(self.created_at),
            "lifecycle": self.lifecycle,
            "deprecated_at": _rfc3339(self.deprecated_at),
            "retires_at": _rfc3339(self.retires_at),
            "line": self.line,
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_output_tokens,
            "capabilities": self._capabilities(),
        }

    def _capabilities(self) -> dict[str, Any]:
        yes, effort = {"supported": True}, {"supported": "adaptive" in self.thinking}
        kinds: tuple[ThinkingType, ...] = ("adaptive", "between_tools", "disabled", "enabled")
        return {
            "batch": yes,
            "citations": yes,
            "code_execution": yes,
            "context_management": {
                "supported": True,
                "clear_thinking_20251015": yes,
                "clear_tool_uses_20250919": yes,
                "compact_20260112": yes,
            },
            "effort": effort | {level: effort for level in ("low", "medium", "high", "xhigh", "max")},
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {"supported": True, "code_execution": yes, "web_search": yes},
            "structured_outputs": yes,
            "thinking": {"supported": True, "types": {kind: {"supported": kind in self.thinking} for kind in kinds}},
        }


def _rfc3339(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


_ADAPTIVE: frozenset[ThinkingType] = frozenset({"adaptive"})
_ADAPTIVE_OR_OFF: frozenset[ThinkingType] = frozenset({"adaptive", "disabled"})
_ANY: frozenset[ThinkingType] = frozenset({"adaptive", "disabled", "enabled"})
_MANUAL: frozenset[ThinkingType] = frozenset({"disabled", "enabled"})


@dataclass(frozen=True, kw_only=True)
class _Always(ModelCard):
    """Thinks on every request and will not be forced to a tool: Opus 5.5, Fable and Mythos since 5.1."""

    thinking: frozenset[ThinkingType] = _ADAPTIVE
    binds_thinking: bool = True
    notes_as_thinking: bool = True
    forced_tool_choice: bool = False


@dataclass(frozen=True, kw_only=True)
class _Former(ModelCard):
    """The 4.x models with both thinking styles and sampling parameters."""

    max_input_tokens: int = 200_000
    max_output_tokens: int = 64_000
    thinking: frozenset[ThinkingType] = _MANUAL
    thinks_unasked: bool = False
    shows_thinking: bool = True
    sampling: bool = True


_CARDS = (
    _Always(id="claude-fable-5-2", display_name="Claude Fable 5.2", line="fable"),
    _Always(id="claude-mythos-5-2", display_name="Claude Mythos 5.2", line="mythos"),
    ModelCard(
        id="claude-haiku-5-5",
        display_name="Claude Haiku 5.5",
        line="haiku",
        created_at=_day(2026, 10, 7),
        thinking=_ADAPTIVE_OR_OFF,
        binds_thinking=True,
    ),
    ModelCard(
        id="claude-sonnet-5-5",
        display_name="Claude Sonnet 5.5",
        line="sonnet",
        created_at=_day(2026, 9, 28),
        thinking=frozenset({"adaptive", "between_tools"}),
        binds_thinking=True,
        notes_as_thinking=True,
        forced_tool_choice=False,
    ),
    _Always(id="claude-fable-5-1", display_name="Claude Fable 5.1", line="fable"),
    _Always(id="claude-opus-5-5", display_name="Claude Opus 5.5", line="opus", created_at=_day(2026, 9, 22)),
    _Always(id="claude-mythos-5-1", display_name="Claude Mythos 5.1", line="mythos"),
    ModelCard(
        id="claude-sonnet-5",
        display_name="Claude Sonnet 5",
        line="sonnet",
        created_at=_day(2026, 6, 30),
        thinking=_ADAPTIVE_OR_OFF,
    ),
    ModelCard(id="claude-fable-5", display_name="Claude Fable 5", line="fable", thinking=_ADAPTIVE),
    ModelCard(id="claude-mythos-5", display_name="Claude Mythos 5", line="mythos", thinking=_ADAPTIVE),
    ModelCard(
        id="claude-opus-5",
        display_name="Claude Opus 5",
        line="opus",
        created_at=_day(2026, 7, 24),
        thinking=_ADAPTIVE_OR_OFF,
    ),
    ModelCard(
        id="claude-opus-4-8",
        display_name="Claude Opus 4.8",
        line="opus",
        thinking=_ADAPTIVE_OR_OFF,
        thinks_unasked=False,
    ),
    ModelCard(
        id="claude-opus-4-7",
        display_name="Claude Opus 4.7",
        line="opus",
        thinking=_ADAPTIVE_OR_OFF,
        thinks_unasked=False,
    ),
    _Former(
        id="claude-opus-4-6",
        display_name="Claude Opus 4.6",
        line="opus",
        max_input_tokens=1_000_000,
        max_output_tokens=128_000,
        thinking=_ANY,
    ),
    _Former(
        id="claude-sonnet-4-6",
        display_name="Claude Sonnet 4.6",
        line="sonnet",
        max_input_tokens=1_000_000,
        thinking=_ANY,
    ),
    _Former(
        id="claude-haiku-4-5-20251001",
        aliases=("claude-haiku-4-5",),
        display_name="Claude Haiku 4.5",
        line="haiku",
        created_at=_day(2025, 10, 1),
        prefill=True,
    ),
    _Former(
        id="claude-opus-4-5-20251101",
        aliases=("claude-opus-4-5",),
        display_name="Claude Opus 4.5",
        line="opus",
        created_at=_day(2025, 11, 1),
        prefill=True,
    ),
    _Former(
        id="claude-sonnet-4-5-20250929",
        aliases=("claude-sonnet-4-5",),
        display_name="Claude Sonnet 4.5",
        line="sonnet",
        created_at=_day(2025, 9, 29),
        lifecycle="deprecated",
        deprecated_at=_day(2026, 9, 28),
        retires_at=_day(2026, 11, 30),
        prefill=True,
    ),
    _Former(
        id="claude-mythos-preview",
        display_name="Claude Mythos Preview",
        line="mythos",
        lifecycle="retired",
        retires_at=_day(2026, 6, 30),
        thinking=_ANY,
    ),
    _Former(
        id="claude-opus-4-20250514",
        aliases=("claude-opus-4-0",),
        display_name="Claude Opus 4",
        line="opus",
        created_at=_day(2025, 5, 22),
        lifecycle="retired",
        retires_at=_day(2026, 6, 15),
        prefill=True,
    ),
)


@dataclass
class Models:
    """The cards by id, newest first. A test may `put` one, for instance to let a model retire in three days."""

    cards: dict[str, ModelCard] = field(default_factory=lambda: {card.id: card for card in _CARDS})

    def get(self, name: str) -> ModelCard | None:
        """Return the card of an id or alias; retired models included."""
        return self.cards.get(name) or next((card for card in self.cards.values() if name in card.aliases), None)

    def put(self, card: ModelCard) -> None:
        """Add a model, or replace the one with the same id."""
        self.cards[card.id] = card

    def page(self, query: Mapping[str, str], stages: frozenset[str]) -> dict[str, Any]:
        """Return one page of `GET /v1/models`; retired models only where `stages` asks for them."""
        found = [card for card in self.cards.values() if card.lifecycle in (stages or {"active", "deprecated"})]
        ids = [card.id for card in found]
        limit = int(query.get("limit", "20"))
        start = ids.index(query["after_id"]) + 1 if query.get("after_id") in ids else 0
        end = ids.index(query["before_id"]) if query.get("before_id") in ids else len(ids)
        if "before_id" in query:
            start = max(start, end - limit)
        shown = found[start:end][:limit]
        more = start > 0 if "before_id" in query else start + len(shown) < end
        return {
            "data": [card.to_json() for card in shown],
            "has_more": more,
            "first_id": shown[0].id if shown else None,
            "last_id": shown[-1].id if shown else None,
        }
