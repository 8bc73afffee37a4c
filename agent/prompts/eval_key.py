"""What a version was tested with: the key that its eval and its promotion have to have in common. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from agent.approvals.policy import Policy, Rule
from agent.canonical import sha256
from agent.prompts.versions import Version
from agent.tool.definition import Tool

LETTERS = 16


@dataclass(frozen=True, slots=True)
class EvalKey:
    """Three digests: of the prompt with its values, of the model, of what its agent can do and what policy says of that."""

    prompt: str
    model: str
    tools: str

    @property
    def key(self) -> str:
        """Return the one name of all three."""
        return sha256([self.prompt, self.model, self.tools])[:LETTERS]


def eval_key(
    version: Version,
    values: Mapping[str, JsonValue],
    model: str,
    tools: Sequence[tuple[Tool, Mapping[str, Any]]],
    servers: Sequence[str],
    policy: Policy,
) -> EvalKey:
    """Return the key of a version with these values, model, tools (each with its schema as the model gets it) and policy.

    A server's tools are its own, and may change at any time: it counts by its name alone. So do rules by what they cover and
    answer: another approver does not change what an agent does.
    """
    offered = [{"schema": schema, "effect": str(tool.effect)} for tool, schema in tools]
    said = [_rule(rule) for rule in policy.rules]
    return EvalKey(
        sha256([version.digest, dict(values)])[:LETTERS],
        model,
        sha256([offered, sorted(servers), said, sorted(policy.allowed_hosts)])[:LETTERS],
    )


def _rule(rule: Rule) -> Mapping[str, JsonValue]:
    return {
        "tool": rule.tool,
        "effect": [str(effect) for effect in rule.effect],
        "when": rule.when.text if rule.when is not None else "",
        "answer": rule.answer,
        "quorum": rule.quorum,
    }
