"""The Web API's methods: what each is called, and which scope it needs. Names and scopes as in docs.slack.dev."""

from __future__ import annotations

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.methods import chat, conversations, people, sessions, streams, views
from bot.sandbox.slack.web_api import Desk, Rule
from bot.sandbox.slack.wire import Json

_WRITE = ("chat:write",)


def auth_test(desk: Desk, given: Arguments) -> Json:
    workspace = desk.workspace
    return {
        "url": desk.base_url(),
        "team": "Sandbox",
        "user": workspace.bot_name.lower(),
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def _opened_elsewhere(desk: Desk, given: Arguments) -> Json:
    raise AssertionError("apps.connections.open is answered by WebApi, which knows the caller's host")


RULES: dict[str, Rule] = {
    "auth.test": Rule(auth_test),
    "apps.connections.open": Rule(_opened_elsewhere, takes_json=False, app_token=True),
    "chat.postMessage": Rule(chat.post_message, _WRITE),
    "chat.update": Rule(chat.update, _WRITE),
    "chat.postEphemeral": Rule(chat.post_ephemeral, _WRITE),
    "chat.delete": Rule(chat.delete, _WRITE),
    "chat.getPermalink": Rule(chat.get_permalink, takes_json=False),
    "chat.startStream": Rule(streams.start, _WRITE),
    "chat.appendStream": Rule(streams.append, _WRITE),
    "chat.stopStream": Rule(streams.stop, _WRITE),
    "reactions.add": Rule(chat.add_reaction, ("reactions:write",)),
    "reactions.remove": Rule(chat.remove_reaction, ("reactions:write",)),
    "conversations.replies": Rule(conversations.replies, takes_json=False),
    "conversations.history": Rule(conversations.history, takes_json=False),
    "conversations.info": Rule(conversations.info, takes_json=False),
    "conversations.members": Rule(conversations.members, takes_json=False),
    "conversations.open": Rule(conversations.open_dm),
    "users.conversations": Rule(conversations.of_user),
    "users.info": Rule(people.user_info, ("users:read",), takes_json=False),
    "users.list": Rule(people.users, ("users:read",), takes_json=False),
    "users.lookupByEmail": Rule(people.user_by_email, ("users:read.email",), takes_json=False),
    "usergroups.users.list": Rule(people.usergroup_users, ("usergroups:read",), takes_json=False),
    "files.info": Rule(people.file_info, ("files:read",), takes_json=False),
    "views.open": Rule(views.open_view),
    "views.push": Rule(views.push),
    "views.update": Rule(views.update),
    "views.publish": Rule(views.publish),
    "agents.sessions.setStatus": Rule(sessions.set_status, _WRITE),
    "agents.sessions.rename": Rule(sessions.rename, _WRITE),
    "assistant.threads.setStatus": Rule(sessions.set_thread_status, ("chat:write", "assistant:write")),
    "assistant.threads.setSuggestedPrompts": Rule(sessions.set_suggested_prompts, ("assistant:write",)),
    "assistant.threads.setTitle": Rule(sessions.set_title, ("assistant:write",)),
}
