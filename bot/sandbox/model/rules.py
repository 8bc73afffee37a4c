"""What the API checks of a request before a model sees it. `check` raises the first Refusal or returns the model.

Messages follow the wording seen in public reports of the real API where there is one. One check is stricter than the
API: `max_tokens: 0` (cache pre-warming) is refused, since a bot has no reason to send it.
"""

import json
from collections.abc import Container, Mapping
from typing import Any

from .binding import check_thinking_blocks
from .cache_rules import check_cache_control
from .json_shapes import is_list, is_object
from .message_rules import check_messages
from .models import ModelCard, Models
from .pairing import check_pairing
from .refusal import Refusal, extra, not_found, required
from .request import texts_of
from .tool_rules import check_tool_choice, check_tools
from .tool_search import check_searches
from .usage import input_tokens_of

OLD_VERSION, VERSION = "2023-06-01", "2026-10-21"  # of the API; the SDK sends the second since 2.0
SAMPLING = ("temperature", "top_p", "top_k")
COUNTED = {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed"}
KNOWN = COUNTED | {
    "max_tokens",
    "stream",
    "stop_sequences",
    "metadata",
    "service_tier",
    "container",
    "diagnostics",
    "inference_geo",
}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
MANUAL_MINIMUM_TOKENS = 1024


def check(
    body: Mapping[str, Any], models: Models, *, version: str = VERSION, counting: bool = False, paused: Container[str] = ()
) -> ModelCard:
    """Check everything that the API refuses. `counting`: for count_tokens, which takes fewer fields and no `max_tokens`.

    `paused`: marks of replies that stopped for a pause.
    """
    for name in body:
        if name not in (COUNTED if counting else KNOWN) and not (name in SAMPLING and version == OLD_VERSION):
            raise extra(name)
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if name not in body:
            raise required(name)
    card = _check_model_name(body["model"], models)
    if not counting:
        _max_tokens(body["max_tokens"], card)
        _plain_fields(body)
    _sampling(body, card)
    _thinking(body, card)
    _output_config(body.get("output_config"))
    _system(body.get("system"))
    check_tools(body.get("tools"), card)
    check_tool_choice(body, card)
    check_messages(body["messages"], card, paused=paused)
    check_pairing(body["messages"], has_tools=bool(body.get("tools")))
    check_searches(body["messages"], body.get("tools") or [])
    check_cache_control(body)
    check_thinking_blocks(body, card)
    told = input_tokens_of(body)
    if told > card.max_input_tokens:
        raise Refusal(f"prompt is too long: {told} tokens > {card.max_input_tokens} maximum")
    return card


def decode(raw: bytes) -> dict[str, Any]:
    """Return the body as a JSON object, or a Refusal."""
    try:
        body: object = json.loads(raw)
    except ValueError as error:
        raise Refusal("The request body is not valid JSON: " + str(error)) from error
    if not is_object(body):
        raise Refusal("The request body must be a JSON object.")
    return body


def _check_model_name(name: object, models: Models) -> ModelCard:
    if not isinstance(name, str):
        raise Refusal("model: Input should be a valid string")
    card = models.get(name)
    if card is None or card.lifecycle == "retired":
        raise not_found(f"model: {name}")
    return card


def _max_tokens(value: object, card: ModelCard) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal("max_tokens: Input should be a valid integer")
    if value < 1:
        raise Refusal("max_tokens: Input should be greater than or equal to 1")
    if value > card.max_output_tokens:
        limit = f"{value} > {card.max_output_tokens}"
        raise Refusal(f"max_tokens: {limit}, which is the maximum allowed number of output tokens for {card.id}")


def _plain_fields(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("stream", False), bool):
        raise Refusal("stream: Input should be a valid boolean")
    stops: object = body.get("stop_sequences", [])
    if not is_list(stops) or not all(isinstance(stop, str) for stop in stops):
        raise Refusal("stop_sequences: Input should be a valid list of strings")
    if any(not stop.strip() for stop in stops):
        raise Refusal("stop_sequences: each stop sequence must contain non-whitespace")
    metadata: object = body.get("metadata", {})
    if not is_object(metadata):
        raise Refusal("metadata: Input should be a valid dictionary")
    for name in metadata:
        if name != "user_id":
            raise extra(f"metadata.{name}")


def _sampling(body: Mapping[str, Any], card: ModelCard) -> None:
    if card.sampling:
        return
    for name in SAMPLING:
        if name in body:
            raise Refusal(f"`{name}` is deprecated for this model.")


def _thinking(body: Mapping[str, Any], card: ModelCard) -> None:
    if "thinking" not in body:
        return
    thinking: object = body["thinking"]
    if not is_object(thinking) or "type" not in thinking:
        raise Refusal("thinking: Unable to extract tag using discriminator 'type'")
    kind = thinking["type"]
    if kind not in ("adaptive", "between_tools", "disabled", "enabled"):
        raise Refusal(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: "
            "'adaptive', 'between_tools', 'disabled', 'enabled'"
        )
    allowed = {"adaptive": {"type", "display"}, "enabled": {"type", "display", "budget_tokens"}}.get(kind, {"type"})
    for name in thinking:
        if name not in allowed:
            raise extra(f"thinking.{kind}.{name}")
    if thinking.get("display") not in (None, "summarized", "omitted"):
        raise Refusal(f"thinking.{kind}.display: Input should be 'summarized' or 'omitted'")
    if kind not in card.thinking:
        raise Refusal(_not_this_way(kind, card))
    if kind == "enabled":
        _manual_thinking(thinking, body)


def _not_this_way(kind: str, card: ModelCard) -> str:
    if kind == "disabled" and "between_tools" in card.thinking:
        instead = 'To turn thinking off on this model, send "thinking": {"type": "between_tools"}.'
    elif "adaptive" in card.thinking:
        instead = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
    else:
        instead = 'Use "thinking.type.enabled" with "budget_tokens".'
    return f'"thinking.type.{kind}" is not supported for this model. {instead}'


def _manual_thinking(thinking: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        raise required("thinking.enabled.budget_tokens")
    if budget < MANUAL_MINIMUM_TOKENS:
        raise Refusal("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if "max_tokens" in body and budget >= body["max_tokens"]:
        raise Refusal("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _output_config(config: object) -> None:
    if config is None:
        return
    if not is_object(config):
        raise Refusal("output_config: Input should be a valid dictionary")
    for name in config:
        if name not in ("effort", "format"):
            raise extra(f"output_config.{name}")
    if config.get("effort") not in (None, *EFFORTS):
        raise Refusal("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")


def _system(system: object) -> None:
    if system is None or isinstance(system, str):
        return
    if not is_list(system):
        raise Refusal("system: Input should be a valid string or a valid list")
    for at, block in enumerate(system):
        if not is_object(block) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise Refusal(f"system.{at}: Input should be a text block")
        for name in block:
            if name not in ("type", "text", "cache_control", "citations"):
                raise extra(f"system.{at}.{name}")
    for text in texts_of(system):
        if not text:
            raise Refusal("system: text content blocks must be non-empty")
        if not text.strip():
            raise Refusal("system: text content blocks must contain non-whitespace text")
