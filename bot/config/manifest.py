"""Slack's app manifest, as the code reads it: the manifest.yml beside this file. In a checkout that is a link to the one at its
top, which people paste; a wheel holds a copy."""

from pathlib import Path
from typing import Any, cast

import yaml

from bot.config.refusal import Refusal

PATH = Path(__file__).with_name("manifest.yml")
BY_EMAIL = "users:read.email"  # which an app may have besides: people are found by their addresses then


def read_manifest() -> dict[str, Any]:
    """Return the manifest. Raises Refusal if it is not there."""
    try:
        return cast(dict[str, Any], yaml.safe_load(PATH.read_text("utf-8")))
    except OSError:
        raise Refusal(f"{PATH} is missing: install Signoff again.") from None


def bot_scopes() -> set[str]:
    """Return the scopes that the manifest asks for."""
    return set(read_manifest()["oauth_config"]["scopes"]["bot"])
