"""What happens to a workspace: people come and go, channels are opened, closed and shared, Slack does not answer, time passes."""

from random import Random

from tests.leaks.slack import METHODS, TROUBLES, Slack
from tests.leaks.world import Room, Standing, World


class Changes:
    """Changes one workspace at random; `log` says how."""

    def __init__(self, world: World, slack: Slack, random: Random, log: list[str]) -> None:
        self.world, self._slack, self.random, self.log = world, slack, random, log

    def change(self) -> None:
        """Somebody changes the workspace, or Slack begins or ceases to answer."""
        rooms = [id for id, room in self.world.now.rooms.items() if room.kind != "im"]
        id, person = self.random.choice(rooms), self.random.choice(list(self.world.now.people))
        room, standing = self.world.now.rooms[id], self.world.now.people[person]
        match self.random.choice(("join", "join", "leave", "bot", "standing", "convert", "share", "archive", "rename", "slack")):
            case "join" if standing != "external" or room.shared or room.kind == "mpim":
                self.world.room(id, members=room.members | {person})
            case "leave" if room.members:
                self.world.room(id, members=room.members - {self.random.choice(sorted(room.members))})
            case "bot":
                self.world.room(id, bot=not room.bot)
            case "standing" if standing != "external":
                others: list[Standing] = ["member", "guest", "inactive"]
                self.world.person(person, self.random.choice([one for one in others if one != standing]))
            case "convert" if room.kind in ("public", "private"):
                self.world.room(id, kind="private" if room.kind == "public" else "public")
            case "share" if room.kind != "mpim":
                self._share(id, room)
            case "archive":
                self.world.room(id, archived=not room.archived, bot=room.bot and self.random.random() < 0.5)
            case "rename":
                self.world.room(id, name=f"{room.kind}-{self.random.randrange(100)}")
            case "slack":
                self._disturb()
            case _:
                return
        self.log.append(f"{self.world.clock}: {id} {self.world.now.rooms[id]}, {person} {self.world.now.people[person]}")

    def part(self, id: str, person: str) -> None:
        """Somebody leaves a channel, or the bot does, and some time passes."""
        room = self.world.now.rooms[id]
        if room.kind == "im":
            return
        if self.random.random() < 0.5:
            self.world.room(id, bot=False)
        else:
            self.world.room(id, members=room.members - {person})
        self.log.append(f"{self.world.clock}: {person} and the bot part in {id}: {self.world.now.rooms[id]}")
        self.world.clock += self.random.choice((1.0, 61.0, 300.0))

    def _share(self, id: str, room: Room) -> None:
        """Share a channel with another organisation, invite one, or part."""
        if room.shared or room.invited:
            left = frozenset(one for one in room.members if self.world.now.people[one] != "external")
            self.world.room(id, shared="", invited=False, members=left)
        elif self.random.random() < 0.3:
            self.world.room(id, invited=True)
        else:
            self.world.room(id, shared=self.random.choice(("connect", "grid")))

    def _disturb(self) -> None:
        """Have Slack refuse methods, or answer all again."""
        if self._slack.refusing and self.random.random() < 0.7:
            self._slack.refusing = {}
        else:
            some = self.random.sample(METHODS, self.random.choice((1, 1, 2, len(METHODS))))
            self._slack.refusing = {method: self.random.choice(TROUBLES) for method in some}

    def pass_time(self) -> None:
        """Wait."""
        self.world.clock += self.random.choice((1.0, 20.0, 35.0, 55.0, 61.0, 300.0))


def settled(random: Random) -> World:
    """A workspace as it begins: people of all kinds, channels of all kinds, and the direct message of each with the bot."""
    people: dict[str, Standing] = {"M0": "member", "M1": "member", "M2": "member", "G0": "guest", "G1": "guest", "X0": "external"}
    own = [one for one, standing in people.items() if standing != "external"]

    def some(of: list[str]) -> frozenset[str]:
        return frozenset(random.sample(of, random.randint(1, len(of))))

    members = [one for one in own if people[one] == "member"]
    rooms = {
        "C0": Room("public", "general", some(members)),
        "C1": Room("public", "orders", some(members)),
        "C2": Room("public", "support", some(own)),
        "C3": Room("private", "finance", some(members)),
        "C4": Room("private", "board", some(own)),
        "C5": Room("public", "partners", some([*own, "X0"]), shared=random.choice(("connect", "grid"))),
        "G9": Room("mpim", "mpdm", some([*people])),
        **{f"D{number}": Room("im", one, frozenset([one])) for number, one in enumerate(people)},
    }
    return World(people, rooms)
