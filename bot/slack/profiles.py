"""What Slack says of people that changes seldom, and that nobody is let do anything by: their names and time zones."""

import logging
import time
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import DelayedError, FencedError, UnclearError
from agent.foreign_json import members
from bot.slack.people import user_of

log = logging.getLogger(__name__)

KEPT_SECONDS = 3600.0
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Profile:
    """One person's name, and the name of their time zone; empty where Slack does not say."""

    name: str = ""
    zone: str = ""


class Profiles:
    """Profiles, kept for an hour."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._kept: dict[str, tuple[float, Profile]] = {}

    async def of(self, user: str) -> Profile:
        """Return a person's profile. Never raises for the outside's sake: where Slack does not answer it is empty, and is asked
        for again the next time."""
        now = time.monotonic()
        if (kept := self._kept.get(user)) is not None and kept[0] > now - KEPT_SECONDS:
            return kept[1]
        try:
            found = await user_of(self._client, user)
        except (DelayedError, UnclearError, FencedError) as error:
            log.info("the profile of %s was not said: %s", user, error)
            return Profile()
        profile = Profile(_display_name(found), str(members(found).get("tz") or ""))
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[user] = (now, profile)
        return profile


def _display_name(found: object) -> str:
    own = members(members(found).get("profile"))
    return str(own.get("display_name") or own.get("real_name") or members(found).get("name") or "")
