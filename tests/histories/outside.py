"""Beyond the processes: who is in which set of people, the threads, what the model said, and the ledger of what really ran.

Everything is kept with its time, so that a judge can say afterwards what was true at a moment.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from agent.approvals.policy import Policy
from agent.session.inbox import Click, Message, Received
from agent.types import Block
from bot.sandbox.model.message_rules import mark_of
from tests.fakes.threads import Threads
from tests.histories.screens import Screen

CHANNEL, COPIES = "C1", "C9"
PEOPLE = ("U1", "U2", "U3", "U4", "U5")
GUEST, OUTSIDER = "U6", "U7"  # a guest of the workspace, and somebody of another organisation; both are in the channel
BOSS = "U9"  # escalations bring them in; they administer the workspace too
EVERYBODY = (*PEOPLE, GUEST, OUTSIDER, BOSS)
OPEN_CARDS = 5  # of one conversation at a time
# Hosts that are allowed, and what no rule lets run, though some program reads an allowed one in it.
PLAIN_URL = "https://docs.example.com/a"
URLS = (
    *(PLAIN_URL, PLAIN_URL, "https://evil.test/x", "https://docs.example.com@evil.test/", "localhost", "2130706433"),
    "https://docs.example.com.evil.test/",
)
UNSEEN = ("\u200b", "\u202e", "\u3164", "\u115f", "\U000e0041", "\u2065")  # what nobody sees on a screen, and what reorders it
KINDS = {  # what the model says, why it stops, and how often
    **{"calls tool_use": 16, "text end_turn": 4, "nothing end_turn": 1, "calls max_tokens": 1, "text max_tokens": 1},
    **{"text pause_turn": 1, "calls refusal": 1, "text model_context_window_exceeded": 1, "text some_new_reason": 1},
}


def now() -> datetime:
    """The clock of this machine, which the database reads as well."""
    return datetime.now(UTC)


@dataclass
class Run:
    """One run of a handler. `happened`: when its effect did; it may end before that, by an error or a time limit.

    `turned_back`: it saw that its price is not the one that was shown, and did nothing; people are asked anew.
    """

    session_id: str
    tool: str
    arguments: dict[str, Any]
    key: str
    words: str  # its tool's author's, at that moment
    effect: str
    began: datetime
    price: str = ""  # at which it happened, where its tool has one
    happened: datetime | None = None
    ended: datetime | None = None
    turned_back: bool = False


@dataclass(frozen=True)
class Sent:
    """What a person did, and when at the earliest it can have arrived."""

    at: datetime
    received: Received


@dataclass(frozen=True)
class Requested:
    """What the model had been sent when it made a call."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Asks:
    """What a set of rules wants of a call, in words of the tests (`tests.histories.policies.wanted`).

    `requester`: whether those who asked may say yes; None: like everybody else.
    """

    answer: str = "ask"  # or run, or refuse
    quorum: int = 1
    users: frozenset[str] = frozenset()
    group: bool = False
    members: bool = False
    requester: bool | None = None
    later: frozenset[str] = frozenset()  # by id, once it was escalated

    def escalated(self) -> "Asks":
        """Return what is wanted after an escalation."""
        return replace(self, users=self.users | self.later)


@dataclass(frozen=True)
class Membership:
    """Who was where, and what they were to the workspace, from a moment on."""

    since: datetime
    members: frozenset[str]  # of the conversation
    group: frozenset[str]
    kinds: Mapping[str, str]  # guest, external or inactive; everybody else is a full member

    def lists(self, user: str, asks: Asks) -> bool:
        """Whether one of the lists that may decide holds the person."""
        return (asks.group and user in self.group) or (asks.members and user in self.members)

    def kind(self, user: str) -> str:
        """What the person is."""
        return self.kinds.get(user, "member")


@dataclass
class Outside:
    """One world for all processes. `calm`: nothing goes wrong and nothing takes long any more.

    Wide because it is one world for all processes, and the judge reads every part of it.
    """

    random: Random
    policy: Policy
    calm: bool = False
    ledger: list[Run] = field(default_factory=list[Run])
    threads: Threads = field(default_factory=Threads)
    card_threads: dict[str, str] = field(default_factory=dict[str, str])  # by action: the thread that its card stands in
    # By session and the first block of a context: the blocks of each request.
    requests: dict[tuple[str, str], list[list[Block]]] = field(default_factory=dict[tuple[str, str], list[list[Block]]])
    sent: list[Sent] = field(default_factory=list[Sent])
    memberships: list[Membership] = field(default_factory=list[Membership])
    policies: list[tuple[datetime, Policy]] = field(default_factory=list[tuple[datetime, Policy]])
    screens: list[Screen] = field(default_factory=list[Screen])
    requested: dict[str, Requested] = field(default_factory=dict[str, Requested])  # by call: the request that it answers
    versions: Counter[str] = field(default_factory=Counter[str])  # of what the authors of tools say of them
    would_fail: list[str] = field(default_factory=list[str])  # what previews said of calls that would fail
    price: int = 1_000  # of what is sent or wiped
    looks: int = 0  # by previews
    tally: Counter[str] = field(default_factory=Counter[str])
    calls: int = 0
    replies: int = 0
    model: str = "claude-1"  # that new sessions are pinned to
    retired: set[str] = field(default_factory=set[str])
    paused: set[str] = field(default_factory=set[str])  # marks of replies that stopped for a pause

    def __post_init__(self) -> None:
        members, group = frozenset({*PEOPLE, GUEST, OUTSIDER}), frozenset({*PEOPLE[:3], GUEST})
        self.memberships.append(Membership(now(), members, group, {GUEST: "guest", OUTSIDER: "external"}))
        self.policies.append((now(), self.policy))

    @property
    def wrong(self) -> list[str]:
        """What must not happen and was seen while it did."""
        return self.threads.wrong

    # ------------------------------------------------------------------------------------------ chance

    def happens(self, probability: float) -> bool:
        """Whether trouble strikes."""
        return not self.calm and self.random.random() < probability

    async def dawdle(self) -> None:
        """Mostly no time at all, sometimes longer than a lease lasts."""
        if self.happens(0.5):
            longest = 0.5 if self.happens(0.1) else 0.03
            await asyncio.sleep(self.random.random() * longest)

    # ------------------------------------------------------------------------------------------ people

    def membership(self) -> Membership:
        """As it is now."""
        return self.memberships[-1]

    def people_move(self) -> None:
        """Somebody joins or leaves the conversation, or the group, or becomes somebody else to the workspace."""
        before, user = self.membership(), self.random.choice((*PEOPLE, GUEST))
        match self.random.choice(["members", "group", "kind"]):
            case "members":
                after = replace(before, members=before.members ^ {user})
            case "group":
                after = replace(before, group=before.group ^ {user})
            case _:
                kind = self.random.choice(["guest", "inactive"]) if before.kind(user) == "member" else "member"
                after = replace(before, kinds={**before.kinds, user: kind})
        self.memberships.append(replace(after, since=now()))

    def clicks(self, action_id: str, until: datetime) -> list[tuple[datetime, Click]]:
        """Return who had clicked Approve or Reject until then, and when at the earliest that arrived."""
        clicked = [(sent.at, sent.received) for sent in self.sent if isinstance(sent.received, Click) and sent.at <= until]
        return [(at, click) for at, click in clicked if click.action_id == action_id]

    def speakers(self, text: str) -> set[str]:
        """Return who said what is in a request: every message with words has a number (but for "stop")."""
        said = [sent.received.said for sent in self.sent if isinstance(sent.received, Message)]
        return {each.user for each in said if each.text.startswith("Hello") and each.text in text}

    def _between(self, since: datetime, until: datetime) -> list[Membership]:
        ends = [later.since for later in self.memberships[1:]] + [datetime.max.replace(tzinfo=UTC)]
        spans = zip(self.memberships, ends, strict=True)
        return [was for was, end in spans if was.since <= until and end >= since]

    def was(self, kind: str, user: str, since: datetime, until: datetime) -> bool:
        """Whether the person was this to the workspace at some moment between these two."""
        return any(was.kind(user) == kind for was in self._between(since, until))

    def was_allowed(self, user: str, asks: Asks, requesters: Collection[str], since: datetime, until: datetime) -> bool:
        """Whether the person may have said yes between these two moments.

        Slack is asked one thing after the other, so what holds at some moment each is enough.
        """
        if user in requesters and asks.requester is False:
            return False
        named = user in asks.users or (user in requesters and asks.requester is True)
        if not named and not any(was.lists(user, asks) for was in self._between(since, until)):
            return False
        kinds = {was.kind(user) for was in self._between(since, until)}
        return "member" in kinds or (user in asks.users and not kinds.isdisjoint({"guest", "external"}))

    def switch(self, policy: Policy) -> None:
        """Another policy is deployed."""
        self.policy = policy
        self.policies.append((now(), policy))

    def tools_move(self) -> None:
        """A tool's author says something else of it, or what it sends has another price."""
        if self.random.random() < 0.5:
            self.price += 1
        else:
            self.versions[self.random.choice(["pay", "send", "book", "wipe"])] += 1

    # ------------------------------------------------------------------------------------------ the model

    def call(self) -> Block:
        """A call that the model makes up."""
        names = ["look", "pay", "send", "book", "wipe", "fetch", "no_such_tool"]
        [name] = self.random.choices(names, [3, 8, 6, 6, 3, 4, 1])
        self.calls += 1
        arguments: Block = {"url": self.random.choice(URLS)} if name == "fetch" else {"n": self.random.randint(0, 3)}
        if name != "fetch" and (note := self.note()) is not None:
            arguments["note"] = note
        return {"type": "tool_use", "id": f"toolu_{self.calls}", "name": name, "input": arguments}

    def note(self) -> str | None:
        """Return the text beside an amount: mostly nothing, or something that all see at once; else what is hard to show."""
        form = self.random.random()
        if form < 0.55:
            return None
        if form < 0.75:
            return self.random.choice(["rent", "fyi: rent", "for the payroll", "for\0the payroll", "fyi\0: rent"])
        unseen = self.random.choice(UNSEEN)
        if form < 0.85:
            return f"rent{unseen} no {self.random.randint(1, 9_999)}"
        return f"{self.calls}: {'and so on, ' * 200}and wire {self.random.randint(1, 9_999)} EUR"

    def reply(self) -> tuple[list[Block], str]:
        """What the model says next: a few calls, or words, no two alike; now and then something odd."""
        [kind] = self.random.choices(list(KINDS), list(KINDS.values()))
        said, _, reason = kind.partition(" ")
        self.replies += 1
        words: Block = {"type": "text", "text": f"Well, that is how it stands: {self.replies}."}
        content = [words] if said == "text" else []
        if said == "calls":
            many = self.random.random() < 0.1
            content += [self.call() for _ in range(self.random.randint(5, 9) if many else self.random.randint(1, 4))]
        if reason == "pause_turn":
            self.paused.add(mark_of(content))
        self.tally[f"stopped for {reason}"] += 1
        return content, reason

    def summary(self) -> tuple[list[Block], str]:
        """What comes of asking for one: mostly that."""
        self.replies += 1
        self.tally["summaries"] += 1
        if self.happens(0.2):
            return self.reply()
        return [{"type": "text", "text": f"## Facts\n- {self.replies} replies\n## Summary\nThis and that."}], "end_turn"

    def retire(self) -> None:
        """The model that sessions are pinned to is not offered any more; the next deploy has another one."""
        self.retired.add(self.model)
        self.model = f"claude-{len(self.retired) + 1}"
