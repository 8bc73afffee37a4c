"""users.*, usergroups.* and files.info: reading who is there, and what they shared."""

from __future__ import annotations

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.methods.conversations import page
from bot.sandbox.slack.payloads import file_json
from bot.sandbox.slack.types import Person
from bot.sandbox.slack.web_api import Desk
from bot.sandbox.slack.wire import Json, Refused


def user_info(desk: Desk, given: Arguments) -> Json:
    person = desk.workspace.people.get(given.needed("user", "user_not_found"))
    if person is None:
        raise Refused("user_not_found")
    return {"user": _person_json(desk, person)}


def users(desk: Desk, given: Arguments) -> Json:
    people, paging = page(list(desk.workspace.people.values()), given, default=1000, most=1000)
    return {"members": [_person_json(desk, one) for one in people], **paging}


def user_by_email(desk: Desk, given: Arguments) -> Json:
    """Answer users.lookupByEmail: everybody's address is their name at acme.example."""
    name, _, host = given.needed("email", "users_not_found").partition("@")
    found = [one for one in desk.workspace.people.values() if one.name == name and not one.deleted and not one.is_bot]
    if host != "acme.example" or not found:
        raise Refused("users_not_found")
    return {"user": _person_json(desk, found[0])}


def _person_json(desk: Desk, person: Person) -> Json:
    """Without an e-mail address: that takes users:read.email. What is left out of deactivated people and of those of other
    organisations is left out by Slack too (docs: User object, and External members of Slack Connect)."""
    team = person.team_id or desk.workspace.team_id
    shown: Json = {
        "id": person.id,
        "team_id": team,
        "name": person.name,
        "deleted": person.deleted,
        "color": person.color.lstrip("#"),
        "real_name": person.real_name,
        "tz": person.tz,
        "tz_offset": 0,
        "profile": {
            "real_name": person.real_name,
            "display_name": person.display_name,
            "title": person.title,
            "team": team,
        },
        "is_bot": person.is_bot,
    }
    if person.deleted:
        return shown
    if person.team_id:
        bot = desk.workspace.bot_user_id
        met = any({person.id, bot} <= channel.members for channel in desk.workspace.channels.values())
        return {**shown, "is_stranger": not met}
    guest = {
        "is_restricted": person.is_restricted or person.is_ultra_restricted,
        "is_ultra_restricted": person.is_ultra_restricted,
    }
    return {**shown, "is_admin": person.is_admin, "is_owner": False, **guest}


def usergroup_users(desk: Desk, given: Arguments) -> Json:
    users = desk.workspace.usergroups.get(given.needed("usergroup", "no_such_subteam"))
    if users is None:
        raise Refused("no_such_subteam")
    return {"users": list(users)}


def file_info(desk: Desk, given: Arguments) -> Json:
    file = desk.workspace.files.get(given.needed("file", "file_not_found"))
    if file is None or not desk.workspace.sees_file(desk.workspace.bot_user_id, file.id):
        raise Refused("file_not_found")
    return {"file": file_json(desk.workspace, file)}
