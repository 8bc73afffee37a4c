"""Whom a message is for, and who wrote it: read off Slack's event. Pure."""

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

from agent.foreign_json import members

Event = Any  # JSON as Slack sends it

SLACKBOT = "USLACKBOT"
_OTHERS = re.compile(r"[\s*_~]*<(@[UW][A-Z0-9]+|!(subteam\^|here\b|channel\b|everyone\b))")

Whom = Literal["us", "thread", "others"]
"""Whom a message is for: us; those in its thread; or others, whom it begins with a mention of."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Who we are, as auth.test says at the start, whatever a delivery names; and the apps that the configuration listens to."""

    team: str
    bot_user_id: str
    apps: Set[str] = frozenset()

    def mentioned(self, text: str) -> bool:
        """Return whether Slack's text mentions us."""
        return re.search(rf"<@{self.bot_user_id}[|>]", text) is not None


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message. `app`: through which app, if not in Slack itself. Not `heard`: the configuration does not name it."""

    id: str
    app: str = ""
    heard: bool = True


def for_whom(text: str, us: Installation, *, direct: bool) -> Whom:
    """Return whom a message is for. In a direct message everything is for us."""
    if direct or us.mentioned(text):
        return "us"
    return "others" if _OTHERS.match(text) else "thread"


def author_of(event: Event, us: Installation) -> Author | None:
    """Return who wrote a message. None: nobody, or we ourselves.

    What a person sends through an app names both. An app that has no user goes by the id of its bot.
    """
    user, bot = event.get("user"), event.get("bot_id")
    if user == us.bot_user_id or not (user or bot):
        return None
    if user == SLACKBOT:
        return Author(SLACKBOT, SLACKBOT, heard=False)
    if not bot and event.get("subtype") != "bot_message":
        return Author(str(user))
    app = str(event.get("app_id") or members(event.get("bot_profile")).get("app_id") or "")
    return Author(str(user or bot), app, heard=app in us.apps)
