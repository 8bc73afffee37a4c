"""Slack's Web API without a wire: the sandbox's own methods, answered in process; refused, lost and cut into pages at will."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.config.manifest import read_manifest
from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.methods import RULES
from bot.sandbox.slack.types import Channel, ChannelKind, Person
from bot.sandbox.slack.web_api import Desk
from bot.sandbox.slack.wire import Refused
from bot.sandbox.slack.workspace import Workspace
from tests.leaks.world import Room, World

OTHERS, LOST = "TOTHER", "lost"
METHODS = ("users.conversations", "conversations.info", "conversations.members", "users.info", "users.list")
TROUBLES = (
    *("internal_error", "ratelimited", "missing_scope", "channel_not_found", "user_not_visible", "user_not_found"),
    *("invalid_auth", "access_denied", LOST),
)
PAGES = {"users.conversations": 4, "conversations.members": 3, "users.list": 1}  # so not everybody is on the first pages
KINDS: dict[str, ChannelKind] = {"public": "channel", "private": "private", "mpim": "mpim", "im": "im"}
MANIFEST = read_manifest()
SCOPES = frozenset[str](MANIFEST["oauth_config"]["scopes"]["bot"])


@dataclass(frozen=True)
class Answer:
    """As much of the SDK's response as is looked at."""

    data: dict[str, Any]
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def get(self, name: str) -> Any:
        """A field of the answer."""
        return self.data.get(name)


class Slack:
    """The client of a world."""

    def __init__(self, world: World, team: str, random: Random) -> None:
        self.world, self.random = world, random
        self.refusing: dict[str, str] = {}  # by method: how
        self.hidden = frozenset(["X0"] if random.random() < 0.3 else [])  # people whom Slack does not show to the bot
        self.workspace = Workspace(MANIFEST, trigger_seconds=3, stream_seconds=300)
        self.workspace.team_id, self.workspace.bot_user_id = team, "UBOT"
        self._shown: Any = None
        self._desk = Desk(self.workspace, cast(Any, None), SCOPES, lambda host: host, lambda: "")

    async def api_call(self, method: str, *, params: Any = None, json: Any = None, http_verb: str = "POST") -> Answer:
        """Answer a call as the SDK does."""
        if method == "users.info" and params["user"] in self.hidden:
            raise _refusal("user_not_visible")
        trouble = self.refusing.get(method) or (self.random.choice(TROUBLES) if self.random.random() < 0.01 else "")
        if trouble == LOST:
            raise aiohttp.ClientConnectionError
        if trouble:
            raise _refusal(trouble)
        given: dict[str, Any] = {**(params or json or {})}
        if "limit" in given:
            given["limit"] = min(int(given["limit"]), PAGES[method])  # Slack may give less than was asked for
        self._take_over()
        try:
            return Answer({"ok": True, **RULES[method].run(self._desk, Arguments(given))})
        except Refused as refused:
            raise _refusal(refused.code) from None

    def _take_over(self) -> None:
        """Bring the workspace to where the world is."""
        if self._shown is self.world.now:
            return
        now = self._shown = self.world.now
        bot = Person("UBOT", "bot", "Bot", "", is_bot=True)
        people = [Person(id, id, id, "", **_standing(standing)) for id, standing in now.people.items()]
        self.workspace.people = {one.id: one for one in (*people, bot)}
        self.workspace.channels = {id: _channel(id, room) for id, room in now.rooms.items()}


def _refusal(code: str) -> SlackApiError:
    return SlackApiError(code, cast(Any, Answer({"ok": False, "error": code})))


def _standing(standing: str) -> dict[str, Any]:
    return {
        "member": {},
        "guest": {"is_restricted": True},
        "external": {"team_id": OTHERS},
        "inactive": {"deleted": True},
    }[standing]


def _channel(id: str, room: Room) -> Channel:
    return Channel(
        id,
        room.name,
        KINDS[room.kind],
        frozenset([*room.members, *(["UBOT"] if room.bot else [])]),
        shared_with=(OTHERS,) if room.shared else (),
        invited=(OTHERS,) if room.invited else (),
        within_organisation=room.shared == "grid",
        archived=room.archived,
    )
