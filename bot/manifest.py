"""manifest.yml beside the code, as the code reads it."""

from pathlib import Path
from typing import Any, cast

import yaml

from bot.refusal import Refusal

PATH = Path(__file__).parents[1] / "manifest.yml"


def read_manifest() -> dict[str, Any]:
    """Slack's app manifest as it is in the checkout. Raises Refusal if it is not there."""
    try:
        return cast(dict[str, Any], yaml.safe_load(PATH.read_text("utf-8")))
    except OSError:
        raise Refusal(f"{PATH} is missing: run Signoff from its checkout or its image.") from None


def bot_scopes() -> set[str]:
    """The scopes that the manifest asks for."""
    return set(read_manifest()["oauth_config"]["scopes"]["bot"])
