"""The names that the model and policy know MCP tools by: SERVER__TOOL, as far as the API takes that."""

import hashlib
import json
import re

MOST_CHARACTERS = 64  # the API takes 128; not everything else that reads these names does
DIGEST_CHARACTERS = 12

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_LIKE_A_DIGEST = re.compile(rf"_[0-9a-f]{{{DIGEST_CHARACTERS}}}\Z")


def tool_name(server: str, tool: str) -> str:
    """Return the one name of a server's tool, in characters and a length that the API takes; no two tools share one.

    SERVER__TOOL where that can be read in one way only. Otherwise what cannot stand there is replaced, and a digest of both names
    follows, which no plain name ends with.
    """
    name = f"{server}__{tool}"
    readable = "__" not in server and not server.endswith("_") and server and tool
    if readable and _PLAIN.fullmatch(name) and len(name) <= MOST_CHARACTERS and not _LIKE_A_DIGEST.search(name):
        return name
    digest = hashlib.sha256(json.dumps([server, tool]).encode()).hexdigest()[:DIGEST_CHARACTERS]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)[: MOST_CHARACTERS - DIGEST_CHARACTERS - 1]}_{digest}"


def prefix(server: str) -> str:
    """Return what the names of a server's tools begin with."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', server)}__"[: MOST_CHARACTERS - DIGEST_CHARACTERS - 1]
