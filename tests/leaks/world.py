"""A workspace in plain Python: who is what, who is in which channel, and who could read what, now and within the last minute.

It knows nothing of the code that it judges.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Standing = Literal["member", "guest", "external", "inactive"]
Kind = Literal["public", "private", "mpim", "im"]
EVERYBODY = ""  # the channel of what every full member may know
MINUTE = 60.0  # that an answer of Slack's may be old


@dataclass(frozen=True)
class Room:
    """A channel, or a direct message of one person with the bot."""

    kind: Kind
    name: str
    members: frozenset[str]
    bot: bool = True
    shared: Literal["", "connect", "grid"] = ""
    invited: bool = False  # another organisation, which has not accepted yet
    archived: bool = False


@dataclass(frozen=True)
class Moment:
    """The workspace from one change to the next."""

    since: float
    people: Mapping[str, Standing]
    rooms: Mapping[str, Room]

    @property
    def active(self) -> list[str]:
        """Who can do something."""
        return [one for one, standing in self.people.items() if standing != "inactive"]

    def reads(self, person: str, room: str) -> bool:
        """Whether somebody can read a channel: its members, and all full members what is public."""
        if self.people[person] == "inactive":
            return False
        open_to_all = self.rooms[room].kind == "public" and self.people[person] == "member"
        return open_to_all or person in self.rooms[room].members


class World:
    """What is so now, and what was so before. Seconds are those of a clock that only the history moves."""

    def __init__(self, people: Mapping[str, Standing], rooms: Mapping[str, Room]) -> None:
        self.clock = 1_000.0
        self.moments = [Moment(self.clock, people, rooms)]

    @property
    def now(self) -> Moment:
        """What is so now."""
        return self.moments[-1]

    def room(self, id: str, **changes: Any) -> None:
        """Change a channel."""
        rooms = {**self.now.rooms, id: replace(self.now.rooms[id], **changes)}
        self.moments.append(Moment(self.clock, self.now.people, rooms))

    def person(self, id: str, standing: Standing) -> None:
        """Change what somebody is."""
        self.moments.append(Moment(self.clock, {**self.now.people, id: standing}, self.now.rooms))

    def lately(self) -> list[Moment]:
        """What was so at some time within the last minute."""
        ends = [moment.since for moment in self.moments[1:]]
        before = [moment for moment, end in zip(self.moments[:-1], ends, strict=True) if end >= self.clock - MINUTE]
        return [*before, self.now]

    def strangers(self, place: str, sources: Iterable[str]) -> list[str]:
        """Who reads along in a place, and has for a minute, and could within that minute have read none of the sources."""
        lately = self.lately()
        readers = [one for one in self.now.people if all(moment.reads(one, place) for moment in lately)]
        known = [
            source for source in sources if source in (EVERYBODY, place) or any(moment.rooms[source].bot for moment in lately)
        ]
        return [one for one in readers if not any(_could_read(lately, one, source) for source in known)]

    def stranger(self, person: str, sources: Iterable[str]) -> bool:
        """Whether somebody could within the last minute have read none of the sources."""
        lately = self.lately()
        known = [source for source in sources if source == EVERYBODY or any(moment.rooms[source].bot for moment in lately)]
        return not any(_could_read(lately, person, source) for source in known)


def _could_read(lately: Iterable[Moment], person: str, source: str) -> bool:
    """Whether somebody could. What they are and what the channel is are asked one after the other, so each may be of another
    moment of the minute."""
    member = any(moment.people[person] == "member" for moment in lately)
    if source == EVERYBODY:
        return member
    public = any(moment.rooms[source].kind == "public" for moment in lately)
    return (member and public) or any(person in moment.rooms[source].members for moment in lately)
