"""What the semantic conventions for generative AI say of the names that we use: facts of their registry, each with its type.

Source: open-telemetry/semantic-conventions-genai at 0.1.0 (`model/gen-ai`, `docs/gen-ai`), and semantic-conventions 1.45 for
`error`, `http` and `server`. All of `gen_ai` is in development there: with a newer version, compare this table first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

ATTRIBUTES: Mapping[str, type] = {
    "error.type": str,
    "gen_ai.agent.description": str,
    "gen_ai.agent.name": str,
    "gen_ai.agent.version": str,
    "gen_ai.conversation.compacted": bool,
    "gen_ai.conversation.id": str,
    "gen_ai.evaluation.explanation": str,
    "gen_ai.evaluation.name": str,
    "gen_ai.evaluation.score.label": str,
    "gen_ai.evaluation.score.value": float,
    "gen_ai.memory.record.count": int,
    "gen_ai.memory.store.id": str,
    "gen_ai.operation.name": str,
    "gen_ai.prompt.name": str,
    "gen_ai.prompt.version": str,
    "gen_ai.provider.name": str,
    "gen_ai.request.max_tokens": int,
    "gen_ai.request.model": str,
    "gen_ai.request.reasoning.level": str,
    "gen_ai.request.stream": bool,
    "gen_ai.response.finish_reasons": tuple,  # of str
    "gen_ai.response.id": str,
    "gen_ai.response.model": str,
    "gen_ai.response.time_to_first_chunk": float,
    "gen_ai.retrieval.top_k": int,
    "gen_ai.token.modality": str,
    "gen_ai.token.type": str,
    "gen_ai.tool.call.arguments": str,  # of any type: JSON here
    "gen_ai.tool.call.id": str,
    "gen_ai.tool.call.result": str,  # likewise
    "gen_ai.tool.description": str,
    "gen_ai.tool.name": str,
    "gen_ai.tool.type": str,
    "gen_ai.usage.cache_read.input_tokens": int,
    "gen_ai.usage.cache_write.input_tokens": int,
    "gen_ai.usage.input_tokens": int,
    "gen_ai.usage.output_tokens": int,
    "gen_ai.usage.reasoning.output_tokens": int,
    "http.response.status_code": int,
    "server.address": str,
    "server.port": int,
}
# Where one of these fits it must be used.
VALUES: Mapping[str, frozenset[str]] = {
    "gen_ai.operation.name": frozenset(
        {"chat", "create_agent", "embeddings", "execute_tool", "generate_content", "invoke_agent", "invoke_workflow", "plan"}
        | {"retrieval", "text_completion", "create_memory", "search_memory", "update_memory", "upsert_memory", "delete_memory"}
    ),
    "gen_ai.provider.name": frozenset({"anthropic"}),
    "gen_ai.token.modality": frozenset({"text", "image", "audio", "video", "document", "unknown"}),
    "gen_ai.token.type": frozenset({"input", "output"}),
    "gen_ai.tool.type": frozenset({"function", "extension", "datastore"}),
}
# What a span is called after its operation, if after anything, and of which kind it is.
SPANS: Mapping[str, tuple[str, str]] = {
    "chat": ("gen_ai.request.model", "CLIENT"),
    "invoke_agent": ("gen_ai.agent.name", "INTERNAL"),
    "execute_tool": ("gen_ai.tool.name", "INTERNAL"),
    "search_memory": ("", "CLIENT"),
    "upsert_memory": ("", "CLIENT"),
    "update_memory": ("", "CLIENT"),
    "delete_memory": ("", "CLIENT"),
}
# The attributes that an event must have, and those that it may have.
EVENTS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "gen_ai.evaluation.result": (
        frozenset({"gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label"}),
        frozenset({"gen_ai.evaluation.explanation", "gen_ai.response.id", "error.type"}),
    ),
}
# Came after the registry that the package opentelemetry-semantic-conventions was generated from (1.41, with what was deprecated).
SINCE_THEN = frozenset(
    {
        "gen_ai.conversation.compacted",
        "gen_ai.memory.record.count",
        "gen_ai.memory.store.id",
        "gen_ai.prompt.version",
        "gen_ai.request.reasoning.level",
        "gen_ai.retrieval.top_k",
        "gen_ai.token.modality",
        "gen_ai.usage.cache_write.input_tokens",
    }
)


@dataclass(frozen=True)
class Metric:
    """A metric: its data in the protocol, its unit, the labels that it must have and may have, and its bucket boundaries."""

    data: str
    unit: str
    must: frozenset[str]
    may: frozenset[str]
    bounds: tuple[float, ...] = ()


SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
CALLS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
OF_MODEL = frozenset({"gen_ai.operation.name", "gen_ai.provider.name"})
ABOUT_MODEL = frozenset({"gen_ai.request.model", "gen_ai.response.model", "server.address", "server.port"})
ERROR = frozenset({"error.type"})
OPERATION = frozenset({"gen_ai.operation.name"})
AGENT = frozenset({"gen_ai.agent.name"})
USAGE = Metric("Sum", "{token}", OF_MODEL | {"gen_ai.token.modality"}, ABOUT_MODEL)
METRICS: Mapping[str, Metric] = {
    "gen_ai.client.inference.duration": Metric("Histogram", "s", OF_MODEL, ABOUT_MODEL | ERROR, SECONDS),
    "gen_ai.client.inference.time_to_first_chunk": Metric("Histogram", "s", OF_MODEL, ABOUT_MODEL, SECONDS),
    "gen_ai.client.inference.usage.input_tokens": USAGE,
    "gen_ai.client.inference.usage.output_tokens": USAGE,
    "gen_ai.client.inference.usage.cache_read.input_tokens": USAGE,
    "gen_ai.client.inference.usage.cache_write.input_tokens": USAGE,
    "gen_ai.invoke_agent.duration": Metric(
        "Histogram", "s", frozenset(), AGENT | ERROR | OPERATION | {"gen_ai.request.model"}, AGENT_SECONDS
    ),
    "gen_ai.invoke_agent.inference_calls": Metric("Histogram", "{inference_call}", frozenset(), AGENT, CALLS),
    "gen_ai.invoke_agent.tool_calls": Metric("Histogram", "{tool_call}", frozenset(), AGENT, CALLS),
    "gen_ai.execute_tool.duration": Metric(
        "Histogram",
        "s",
        frozenset({"gen_ai.tool.name"}),
        AGENT | ERROR | OPERATION | {"gen_ai.tool.type"},
        SECONDS,
    ),
    "gen_ai.retrieval.duration": Metric("Histogram", "s", frozenset(), ERROR | OPERATION, SECONDS),
    # Of 1.41, before 0.1.0; the first is still there for what is no inference.
    "gen_ai.client.operation.duration": Metric("Histogram", "s", OF_MODEL, ABOUT_MODEL | ERROR, SECONDS),
    "gen_ai.client.token.usage": Metric("Histogram", "{token}", OF_MODEL | {"gen_ai.token.type"}, ABOUT_MODEL, TOKENS),
}
