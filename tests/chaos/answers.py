"""What people read in a long run: an answer to each task, in its place, once."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any

from bot.sandbox.slack.types import Message
from tests.chaos.crowd import Crowd
from tests.chaos.names import tasks_in
from tests.chaos.stage import Stage

CHANNEL_LINK = re.compile(r"/p(\d{10})(\d{6})")
Place = tuple[str, str]
"""Channel and thread."""
# Whatever opens a turn, and what became of its posts, in order.
TURNS = """
SELECT session.channel, session.thread_ts, step.kind, step.body
FROM step JOIN session ON session.id = step.session_id
WHERE step.kind IN ('asked', 'outcome_told', 'posted') ORDER BY step.session_id, step.seq
"""


@dataclass(frozen=True)
class Turn:
    """A turn, as the log of its session has it: which messages it answers, and where each part of its answer was posted."""

    place: Place
    asked: frozenset[str]  # their ts
    answers: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])  # the bodies of their posted steps


async def turns_in(stage: Stage) -> Sequence[Turn]:
    """Return every turn of every session."""
    turns: list[Turn] = []
    for channel, thread_ts, kind, body in await stage.rows(TURNS):
        if kind != "posted":
            turns.append(Turn((channel, thread_ts), frozenset(str(said["ts"]) for said in body.get("said", ()))))
        elif body["key"].startswith("answer:"):
            turns[-1].answers.append(body)
    return turns


@dataclass(frozen=True)
class Answers:
    """All that was posted, once everything is at rest."""

    stage: Stage
    crowd: Crowd
    log: str
    turns: Sequence[Turn]

    def findings(self) -> Iterator[str]:
        """Everything that is not as it must be."""
        yield from (*self._answered(), *self._read(), *self._places(), *self._posted_once())

    def _answered(self) -> Iterator[str]:
        """Each task that Slack was told "received" is of a turn, and each turn has an answer."""
        sent_at, received_at = (
            dict[str, float](),
            dict[str, float](),
        )  # of the first delivery that was taken in, by the message's ts
        for one in self.stage.slack.deliveries:
            if one.event_id and one.acked_after_seconds:
                ts, acked_at = str(one.payload["event"].get("ts")), one.at + one.acked_after_seconds
                if acked_at < received_at.get(ts, inf):
                    sent_at[ts], received_at[ts] = one.at, acked_at
        answered = {(turn.place, ts) for turn in self.turns for ts in turn.asked}
        for task in self.crowd.tasks:
            # A reply that mentions nobody counts where the bot is part of the thread by then.
            joined_at = 0.0 if task.mentions or task.channel.startswith("D") else received_at.get(task.thread_ts, inf)
            if joined_at < sent_at.get(task.ts, 0.0) and ((task.channel, task.thread_ts), task.ts) not in answered:
                yield f"no turn answers {task}"
        for turn in self.turns:
            if not turn.answers:
                yield f"a turn in {turn.place} about {sorted(turn.asked)} has no answer"

    def _read(self) -> Iterator[str]:
        """Each answer stands where the log has it. What Slack refused is told directly, or the log of the process says that it
        is lost."""
        refused: defaultdict[Place, list[str]] = defaultdict(list)
        for turn in self.turns:
            for answer in turn.answers:
                if answer["error"]:
                    refused[turn.place].append(answer["key"])
                elif not self._stands(turn.place, answer["ts"]):
                    yield f"nobody reads {answer['key']} in {turn.place}, posted at {answer['ts']}"
        for place, keys in refused.items():
            if len(keys) > self._told_directly[place[1]] + self._said_lost(place):
                yield f"nobody reads {keys} in {place}, which Slack refused"

    def _stands(self, place: Place, ts: str) -> bool:
        return any(message.ts == ts and message.seen_text.strip() for message in self.crowd.posts(place))

    def _said_lost(self, place: Place) -> int:
        """How often the log says that an answer is lost: in a direct message there is no other place."""
        lines = self.log.splitlines()
        if place[0].startswith("D"):
            return sum(f":{place[0]}:{place[1]}: answer:" in line and "cannot be posted" in line for line in lines)
        users = [self.stage.slack.people[name] for name in self.crowd.threads[place]]
        return sum(f"{user} could not be told directly either" in line for line in lines for user in users)

    @cached_property
    def _told_directly(self) -> Counter[str]:
        """How often the bot wrote to somebody directly what could not stand in a thread, by the ts of the thread."""
        messages = self.stage.slack.workspace.messages
        direct = [one.text for place, there in messages.items() if place.startswith("D") for one in there.values() if one.bot_id]
        return Counter(f"{first}.{second}" for text in direct for first, second in CHANNEL_LINK.findall(text))

    def _places(self) -> Iterator[str]:
        """Nothing about a task stands anywhere but in its thread, or before somebody who has to do with it."""
        slack = self.stage.slack
        of = {task.number: (task.channel, task.thread_ts) for task in self.crowd.tasks}
        for channel, there in slack.workspace.messages.items():
            for message in there.values():
                for task in set(tasks_in(message.seen_text)) if message.bot_id else ():
                    if (channel, message.thread_ts or message.ts) != of[task] and not self._is_theirs(channel, of[task]):
                        yield f"task {task} of {of[task]} is told in {channel}: {message.seen_text[:200]}"

    def _is_theirs(self, channel: str, place: Place) -> bool:
        return channel in {self.stage.slack.dm_channel(user) for user in self.crowd.threads[place]}

    def _posted_once(self) -> Iterator[str]:
        """No message stands in a thread twice, and none still grows, but where Slack refused to end it, to change it and to take
        it away: then it ends it some minutes later."""
        refused = set(re.findall(r"message (\S+) was not taken away", self.log))
        for place in self.crowd.threads:
            posts = self.crowd.posts(place)
            growing = [message for message in posts if message.streaming and message.ts not in refused]
            yield from (f"{message.seen_text[:80]!r} in {place} still grows" for message in growing)
            keys = Counter(key_of(message) for message in posts)
            yield from (f"{key} stands in {place} {times} times" for key, times in keys.items() if times > 1 and key)


def key_of(message: Message) -> str:
    """Return the key in a message's metadata; empty: it has none."""
    held = (message.metadata or {}).get("event_payload", {})
    return str(held.get("key", ""))
