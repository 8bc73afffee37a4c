"""manifest.yml: valid by Slack's rules, and asking for exactly what the code needs."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from slack_sdk.web.async_client import AsyncWebClient

from tests.house.syntax import parsed

REPOSITORY = Path(__file__).parents[2]

# Web API method -> scopes that a bot token needs for it: https://docs.slack.dev/reference/methods. A conversation's kind
# decides which of the four is looked at, so an agent that works in all kinds needs all of them.
HISTORY = {"channels:history", "groups:history", "im:history", "mpim:history"}
CONVERSATIONS = {"channels:read", "groups:read", "im:read", "mpim:read"}
METHODS: dict[str, set[str]] = {
    "agents_sessions_rename": {"chat:write"},
    "agents_sessions_setStatus": {"chat:write"},
    "apps_connections_open": set(),  # asked with the app token, which has connections:write
    "assistant_threads_setStatus": {"chat:write"},
    "auth_test": set(),
    "chat_appendStream": {"chat:write"},
    "chat_delete": {"chat:write"},
    "chat_getPermalink": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_startStream": {"chat:write"},
    "chat_stopStream": {"chat:write"},
    "chat_stream": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": HISTORY,
    "conversations_info": CONVERSATIONS,
    "conversations_members": CONVERSATIONS,
    "conversations_open": {"im:write"},  # our code opens DMs only
    "conversations_replies": HISTORY,
    "files_info": {"files:read"},
    "reactions_add": {"reactions:write"},
    "usergroups_users_list": {"usergroups:read"},
    "users_conversations": CONVERSATIONS,
    "users_info": {"users:read"},
    "users_list": {"users:read"},
    "users_lookupByEmail": set(),  # users:read.email: what can do without says so
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
# Event -> the `type` that the code sees, and the scope without which Slack does not send it.
EVENTS = {
    "agent_session_stopped": ("agent_session_stopped", set[str]()),
    "app_context_changed": ("app_context_changed", set[str]()),
    "app_home_opened": ("app_home_opened", set[str]()),
    "app_mention": ("app_mention", {"app_mentions:read"}),
    "app_uninstalled": ("app_uninstalled", set[str]()),
    "message.channels": ("message", {"channels:history"}),
    "message.groups": ("message", {"groups:history"}),
    "message.im": ("message", {"im:history"}),
    "message.mpim": ("message", {"mpim:history"}),
    "tokens_revoked": ("tokens_revoked", set[str]()),
}
AGENT_VIEW = {"assistant:write"}  # declaring the agent view needs it: https://docs.slack.dev/ai/agent-sessions


# ---------------------------------------------------------- Slack's rules, from its public schema of manifests, version 2


class Rules(BaseModel):
    """What a part of a manifest may hold. Slack takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(Rules):
    major_version: int
    minor_version: int


class Display(Rules):
    name: str = Field(min_length=1, max_length=35)
    description: str = Field(min_length=1, max_length=140)
    background_color: str = Field(pattern=r"^#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?$")


class BotUser(Rules):
    display_name: str = Field(min_length=1, max_length=80)
    always_online: bool


class AppHome(Rules):
    home_tab_enabled: bool
    messages_tab_enabled: bool
    messages_tab_read_only_enabled: bool


class SuggestedPrompt(Rules):
    title: str
    message: str


class AgentView(Rules):
    agent_description: str = Field(max_length=300)
    suggested_prompts: list[SuggestedPrompt] = Field(max_length=4)


class Features(Rules):
    bot_user: BotUser
    app_home: AppHome
    agent_view: AgentView


class Scopes(Rules):
    bot: list[Annotated[str, Field(max_length=50)]] = Field(max_length=255)


class OAuth(Rules):
    scopes: Scopes


class Subscriptions(Rules):
    bot_events: list[Annotated[str, Field(max_length=50)]] = Field(max_length=100)


class Interactivity(Rules):
    is_enabled: bool


class AppSettings(Rules):
    event_subscriptions: Subscriptions
    interactivity: Interactivity
    org_deploy_enabled: bool
    socket_mode_enabled: bool
    token_rotation_enabled: bool


class Manifest(Rules):
    metadata: Metadata = Field(alias="_metadata")
    display_information: Display
    features: Features
    oauth_config: OAuth
    settings: AppSettings


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "manifest.yml").read_text())


@pytest.fixture(scope="module")
def manifest(content: dict[str, Any]) -> Manifest:
    return Manifest.model_validate(content)


def test_it_keeps_slacks_rules(manifest: Manifest) -> None:
    assert manifest.features.app_home.home_tab_enabled
    assert manifest.features.app_home.messages_tab_enabled
    assert not manifest.features.app_home.messages_tab_read_only_enabled, "nobody could write the bot a DM"
    assert manifest.settings.interactivity.is_enabled, "no button would work"
    assert manifest.settings.socket_mode_enabled


def test_the_rules_catch_what_slack_refuses(content: dict[str, Any]) -> None:
    for part, change in (
        ("display_information", {"name": "x" * 36}),
        ("display_information", {"descripton": "misspelt"}),
        ("features", {"assistant_view": {"assistant_description": "deprecated"}}),
        ("settings", {"socket_mode_enabled": "yes"}),
    ):
        with pytest.raises(ValidationError):
            Manifest.model_validate({**content, part: {**content[part], **change}})


def test_nothing_is_there_twice_and_every_name_is_one_of_slacks(manifest: Manifest) -> None:
    scopes, events = manifest.oauth_config.scopes.bot, manifest.settings.event_subscriptions.bot_events
    assert scopes == sorted(set(scopes))
    assert events == sorted(set(events))
    assert set(events) <= set(EVENTS)
    of_methods, of_events = set[str]().union(*METHODS.values()), set[str]().union(*(scope for _, scope in EVENTS.values()))
    assert set(scopes) <= of_methods | of_events | AGENT_VIEW


# ---------------------------------------------------------------------------------------- and what the code makes of it


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """The code that talks to Slack: all of bot/ without the sandbox, which is the other side."""
    for path in sorted((REPOSITORY / "bot").rglob("*.py")):
        if REPOSITORY / "bot" / "sandbox" not in path.parents:
            yield path.relative_to(REPOSITORY), parsed(path)


def called_methods() -> dict[str, Path]:
    """Web API methods that the code calls, as slack_sdk spells them, each with a file that does.

    A method is called as `client.chat_postMessage` or by its name, "chat.postMessage", which stands for a call wherever
    it stands.
    """
    web_api = {name for name in vars(AsyncWebClient) if "_" in name and not name.startswith("_")}
    by_name = {name.replace("_", "."): name for name in web_api}
    found: dict[str, Path] = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(attr=name) if name in web_api:
                    found[name] = path
                case ast.Constant(value=str(name)) if name in by_name:
                    found[by_name[name]] = path
                case _:
                    pass
    return found


def handled_types() -> set[str]:
    """Types of Slack events whose names stand in the code."""
    known = {kind for kind, _ in EVENTS.values()}
    return {
        node.value
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known
    }


def test_every_method_that_the_code_calls_is_known_here() -> None:
    unknown = {name: str(path) for name, path in called_methods().items() if name not in METHODS}
    assert not unknown, "add these to METHODS, with the scopes from Slack's reference"


def test_the_scopes_are_those_of_the_methods_called_and_the_events_heard(manifest: Manifest) -> None:
    needed = set(AGENT_VIEW)
    for method in called_methods():
        needed |= METHODS[method]
    for event in manifest.settings.event_subscriptions.bot_events:
        needed |= EVENTS[event][1]
    asked = set(manifest.oauth_config.scopes.bot)
    assert needed - asked == set(), "the code needs these scopes, and the manifest does not ask for them"
    assert asked - needed == set(), "the manifest asks for these scopes, and nothing needs them"


def test_the_events_are_those_that_the_code_handles(manifest: Manifest) -> None:
    subscribed = {EVENTS[event][0] for event in manifest.settings.event_subscriptions.bot_events}
    assert handled_types() == subscribed


def test_messages_are_heard_in_every_kind_of_conversation(manifest: Manifest) -> None:
    heard = {event for event in manifest.settings.event_subscriptions.bot_events if event.startswith("message.")}
    assert heard == {"message.channels", "message.groups", "message.im", "message.mpim"}
