"""Beyond the processes: who is in which set of people, the threads, what the model said, and the ledger of what really ran.

Everything is kept with its time, so that a judge can say afterwards what was true at a moment.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from agent.moves import Answer, Card, Cards, Content, Question, Work
from agent.policy import Policy
from agent.received import Received
from agent.types import Approvers, Block
from bot.sandbox.model.message_rules import mark_of

CHANNEL, COPIES = "C1", "C9"
PEOPLE = ("U1", "U2", "U3", "U4", "U5")
BOSS = "U9"  # escalations bring them in; they administer the workspace too
KINDS = {  # what the model says, why it stops, and how often
    **{"calls tool_use": 16, "text end_turn": 4, "nothing end_turn": 1, "calls max_tokens": 1, "text max_tokens": 1},
    **{"text pause_turn": 1, "calls refusal": 1, "text model_context_window_exceeded": 1, "text some_new_reason": 1},
}


def now() -> datetime:
    """The clock of this machine, which the database reads as well."""
    return datetime.now(UTC)


@dataclass
class Run:
    """One run of a handler. `happened`: when its effect did; it may end before that, by an error or a time limit."""

    session_id: str
    tool: str
    arguments: dict[str, Any]
    key: str
    began: datetime
    happened: datetime | None = None
    ended: datetime | None = None


@dataclass
class Message:
    """A posted message, and everything that it ever showed."""

    ts: str
    channel: str
    key: str
    content: Content
    shown: list[Card] = field(default_factory=list[Card])

    def shows(self, content: Content) -> None:
        """From now on."""
        self.content = content
        if isinstance(content, Cards):
            self.shown += content.rows


@dataclass
class Growing:
    """A message that grows. It has no key before it ends."""

    channel: str
    thread_ts: str
    shows: Work
    taking: bool = True  # until somebody, or time, ends the stream


@dataclass(frozen=True)
class Sent:
    """What a person did, and when at the earliest it can have arrived."""

    at: datetime
    received: Received


@dataclass(frozen=True)
class Membership:
    """Who was where from a moment on."""

    since: datetime
    members: frozenset[str]
    group: frozenset[str]

    def allows(self, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """Whether the person is among the approvers."""
        if user in requesters and approvers.requester is not None:
            return approvers.requester
        grouped = bool(approvers.groups) and user in self.group
        return user in approvers.users or grouped or (approvers.channel_members and user in self.members)


@dataclass
class Outside:
    """One world for all processes. `calm`: nothing goes wrong and nothing takes long any more."""

    random: Random
    policy: Policy
    calm: bool = False
    ledger: list[Run] = field(default_factory=list[Run])
    messages: dict[tuple[str, str], Message] = field(default_factory=dict[tuple[str, str], Message])  # by channel and key
    growing: dict[str, Growing] = field(default_factory=dict[str, Growing])  # by ts
    threads: dict[str, str] = field(default_factory=dict[str, str])  # by action: the thread that its card stands in
    # By session and the first block of a context: the blocks of each request.
    requests: dict[tuple[str, str], list[list[Block]]] = field(default_factory=dict[tuple[str, str], list[list[Block]]])
    sent: list[Sent] = field(default_factory=list[Sent])
    memberships: list[Membership] = field(default_factory=list[Membership])
    policies: list[tuple[datetime, Policy]] = field(default_factory=list[tuple[datetime, Policy]])
    wrong: list[str] = field(default_factory=list[str])  # what must not happen and was seen while it did
    tally: Counter[str] = field(default_factory=Counter[str])
    calls: int = 0
    posted: int = 0
    replies: int = 0
    model: str = "claude-1"  # that new sessions are pinned to
    retired: set[str] = field(default_factory=set[str])
    paused: set[str] = field(default_factory=set[str])  # marks of replies that stopped for a pause

    def __post_init__(self) -> None:
        self.memberships.append(Membership(now(), frozenset(PEOPLE), frozenset(PEOPLE[:3])))
        self.policies.append((now(), self.policy))

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
        """Somebody joins or leaves the conversation, or the group."""
        before, user = self.membership(), self.random.choice(PEOPLE)
        members, group = before.members, before.group
        if self.random.random() < 0.5:
            members = members ^ {user}
        else:
            group = group ^ {user}
        self.memberships.append(Membership(now(), members, group))

    def was_allowed(self, user: str, approvers: Approvers, requesters: Sequence[str], since: datetime, until: datetime) -> bool:
        """Whether the person was among the approvers at some moment between these two."""
        ends = [later.since for later in self.memberships[1:]] + [datetime.max.replace(tzinfo=UTC)]
        spans = zip(self.memberships, ends, strict=True)
        return any(was.since <= until and end >= since and was.allows(user, approvers, requesters) for was, end in spans)

    def switch(self, policy: Policy) -> None:
        """Another policy is deployed."""
        self.policy = policy
        self.policies.append((now(), policy))

    # ------------------------------------------------------------------------------------------ threads

    def post(self, channel: str, thread_ts: str, key: str, content: Content) -> str:
        """A message appears."""
        if isinstance(content, Cards) and channel == CHANNEL:
            self.threads |= {row.action_id: thread_ts for row in content.rows}
        if isinstance(content, Question):  # of a run without a card, the first that people see of it
            self.threads.setdefault(content.card.action_id, thread_ts)
        if (channel, key) in self.messages:
            self.wrong.append(f"{key} was posted twice")
        return self._stand(self._new_ts(), channel, key, content)

    def _stand(self, ts: str, channel: str, key: str, content: Content) -> str:
        self.messages[channel, key] = message = Message(ts, channel, key, content)
        message.shows(content)
        return ts

    def _new_ts(self) -> str:
        self.posted += 1
        return f"{self.posted}.5"

    # ------------------------------------------------------------------------------------------ messages that grow

    def grow(self, channel: str, thread_ts: str, work: Work) -> str:
        """A message that is to grow appears."""
        ts = self._new_ts()
        self.growing[ts] = Growing(channel, thread_ts, work)
        self.tally["streams"] += 1
        return ts

    def extend(self, ts: str, shown: Work, work: Work) -> bool:
        """It grows. False: it takes nothing more."""
        message = self.growing.get(ts)
        if message is None or not message.taking:
            return False
        if message.shows != shown or not work.words.startswith(shown.words):
            self.wrong.append(f"a message that shows {message.shows} and not {shown} was to go on to {work}")
        message.shows = work
        self.tally["appends"] += 1
        return True

    def finish(self, ts: str, key: str, content: Answer | Work, shown: Work | None) -> str:
        """It becomes this. Its stream may be over; it may stand there already."""
        message = self.growing.pop(ts, None)
        if message is None:
            if isinstance(content, Work):
                return ts
            known = next((each for each in self.messages.values() if each.ts == ts), None)
            self.wrong += [f"{key} was to stand where {known.key} does"] if known and known.key != key else []
            return known.ts if known else self.post(CHANNEL, "", key, content)
        if shown is not None and message.shows != shown:
            self.wrong.append(f"a message that shows {message.shows} and not {shown} was ended as {content}")
        self.tally["ends known" if shown is not None else "ends unknown"] += 1
        if isinstance(content, Work) and not content.tasks:
            return ts
        if (message.channel, key) in self.messages:
            self.wrong.append(f"{key} stands there twice")
        return self._stand(ts, message.channel, key, content)

    def cards(self) -> list[Card]:
        """Every card as it stands on the screen."""
        contents = [message.content for message in self.messages.values()]
        return [row for content in contents if isinstance(content, Cards) for row in content.rows]

    # ------------------------------------------------------------------------------------------ the model

    def reply(self) -> tuple[list[Block], str]:
        """What the model says next: a few calls, or words, no two alike; now and then something odd."""
        [kind] = self.random.choices(list(KINDS), list(KINDS.values()))
        said, _, reason = kind.partition(" ")
        self.replies += 1
        words: Block = {"type": "text", "text": f"Well, that is how it stands: {self.replies}."}
        content = [words] if said == "text" else []
        if said == "calls":
            names = ["look", "pay", "send", "book", "wipe", "no_such_tool"]
            for name in self.random.choices(names, [3, 8, 6, 6, 3, 1], k=self.random.randint(1, 4)):
                self.calls += 1
                arguments: Block = {"n": self.random.randint(0, 3)}
                content.append({"type": "tool_use", "id": f"toolu_{self.calls}", "name": name, "input": arguments})
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
