"""What a server says of a tool's effect, and what is made of it.

Only what is stated counts: a hint that is not there claims nothing, whatever the protocol's default for it is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from mcp_types import Tool as Listed

from agent.tool import Effect

_OF_AN_ADDRESS = {"url", "urls", "uri", "uris", "href", "link", "links", "host", "hosts", "hostname", "domain", "domains"}
_OF_A_PLACE = {"endpoint", "endpoints", "webhook", "callback", "website", "ip"}
_FORMATS = frozenset(
    {"uri", "url", "uri-reference", "uri-template", "iri", "iri-reference", "hostname", "idn-hostname", "ipv4", "ipv6"}
)


def effect(listed: Listed, *, trusted: bool) -> Effect:
    """The effect that a listed tool counts as. Where it contradicts itself, the stricter claim holds."""
    hints = listed.annotations
    if not trusted or hints is None:
        return Effect.WRITE
    if hints.destructive_hint is True:
        return Effect.IRREVERSIBLE
    if hints.read_only_hint is not True:
        return Effect.WRITE
    return Effect.EGRESS if hints.open_world_hint is True or takes_an_address(listed.input_schema) else Effect.READ


def claimed(listed: Listed) -> str:
    """What the server states, in a few words."""
    hints = listed.annotations
    stated = (
        [
            ("read-only", hints.read_only_hint),
            ("destructive", hints.destructive_hint),
            ("open world", hints.open_world_hint),
        ]
        if hints is not None
        else []
    )
    words = [name if value else f"not {name}" for name, value in stated if value is not None]
    return ", ".join(words) or "nothing"


def takes_an_address(schema: Mapping[str, Any]) -> bool:
    """Whether an argument, at any depth, is a URL or a host by its format or its name."""
    return any(part.get("format") in _FORMATS or name_of_an_address(name) for name, part in _arguments(schema))


def name_of_an_address(name: str) -> bool:
    """Whether one of the words in an argument's name means an address: baseUrl, target_host, links."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return any(word.lower() in _OF_AN_ADDRESS | _OF_A_PLACE for word in words)


def _arguments(schema: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every part of a schema with the name of the property it describes, if it is one's."""
    if isinstance(schema, list):
        for part in cast(list[Any], schema):
            yield from _arguments(part)
    if isinstance(schema, dict):
        keywords = cast(dict[str, Any], schema)
        yield name, {"format": keywords["format"]} if isinstance(keywords.get("format"), str) else {}
        for word, value in keywords.items():
            if word in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas") and isinstance(
                value, dict
            ):
                for key, part in cast(dict[str, Any], value).items():
                    yield from _arguments(part, key if "properties" in word.lower() else "")
            elif word not in ("const", "enum", "default", "examples"):
                yield from _arguments(value)
