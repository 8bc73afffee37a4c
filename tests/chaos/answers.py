"""What people read in a long run: an answer to each task, in its place, once."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.sandbox.slack.types import Message
from tests.chaos.crowd import Crowd, Task
from tests.chaos.names import tasks_in
from tests.chaos.stage import Stage

CHANNEL_LINK = re.compile(r"/p(\d{10})(\d{6})")


@dataclass(frozen=True)
class Answers:
    """All that was posted, once everything is at rest."""

    stage: Stage
    crowd: Crowd
    log: str

    def findings(self) -> Iterator[str]:
        """Everything that is not as it must be."""
        yield from (*self._answered(), *self._places(), *self._posted_once())

    def _answered(self) -> Iterator[str]:
        """Each task that Slack was told "received" is answered in its thread or directly, or the log says what is lost."""
        received = {
            one.payload["event"].get("ts") for one in self.stage.slack.deliveries if one.event_id and one.acked_after_seconds
        }
        for task in self.crowd.tasks:
            if task.ts in received and not self._reads_an_answer(task):
                yield f"nobody reads an answer to {task}"

    def _reads_an_answer(self, task: Task) -> bool:
        here = self.crowd.posts((task.channel, task.thread_ts))
        if any(key_of(message).startswith("answer:") and message.ts > task.ts for message in here):
            return True
        directly = (f"{first}.{second}" for text in self._direct for first, second in CHANNEL_LINK.findall(text))
        return task.thread_ts in set(directly) or self._says_so(task)

    def _says_so(self, task: Task) -> bool:
        """Whether the log says that people do not read it: neither in its thread nor, where that is another place, directly."""
        place, user = f":{task.channel}:{task.thread_ts}:", self.stage.slack.people[task.user]
        refused = any(place in line and "cannot be posted" in line for line in self._lines)
        neither = any(f"{user} could not be told directly either" in line for line in self._lines)
        return refused and (task.channel.startswith("D") or neither)

    @cached_property
    def _lines(self) -> Sequence[str]:
        return self.log.splitlines()

    @cached_property
    def _direct(self) -> Sequence[str]:
        """What the bot wrote to people directly."""
        messages = self.stage.slack.workspace.messages
        return [one.text for place, there in messages.items() if place.startswith("D") for one in there.values() if one.bot_id]

    def _places(self) -> Iterator[str]:
        """Nothing about a task stands anywhere but in its thread, or before somebody who has to do with it."""
        slack = self.stage.slack
        of = {task.number: (task.channel, task.thread_ts) for task in self.crowd.tasks}
        for channel, there in slack.workspace.messages.items():
            for message in there.values():
                for task in set(tasks_in(message.seen_text)) if message.bot_id else ():
                    if (channel, message.thread_ts or message.ts) != of[task] and not self._is_theirs(channel, of[task]):
                        yield f"task {task} of {of[task]} is told in {channel}: {message.seen_text[:200]}"

    def _is_theirs(self, channel: str, place: tuple[str, str]) -> bool:
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
