"""What must hold at the end of a long run, judged against the ledgers outside, what people clicked, and what stood on screens."""

import re
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from agent.reports.audit import verify
from agent.reports.audit_rows import Broken
from bot.sandbox.slack.types import Message
from tests.chaos.assistant import Assistant
from tests.chaos.bookings import Bookings
from tests.chaos.crowd import Crowd, Ledgers, Task
from tests.chaos.names import WRITE, tasks_in
from tests.chaos.stage import Stage

Word = Literal["not run", "unknown", "done"]
NOT_RUN = re.compile(r"[Nn]othing was run|[Nn]ot run|did not run|not begun|was not made|Not found|nobody was asked")
UNKNOWN = re.compile(r"The outcome of \S+ is unknown")
# How a card begins its line in the text for notifications, by how it ended.
LOOKS: dict[str, Word] = {
    **dict.fromkeys(("Rejected", "Expired", "Withdrawn", "Refused", "Undeliverable", "Edited"), "not run"),
    **dict.fromkeys(("Succeeded", "Failed"), "done"),
    "Unknown": "unknown",
}
LOOK = re.compile(rf"({'|'.join(LOOKS)}|Approval needed|Pending|Approved): [^;]*?(w\d+x\d+)")
LOST_AFTER_SECONDS = 20.0  # a lease, the look for it, and a busy machine: so long after a kill its results may still be lost
CHANNEL_LINK = re.compile(r"/p(\d{10})(\d{6})")


@dataclass(frozen=True)
class Truth:
    """One run, over and at rest."""

    stage: Stage
    bookings: Bookings
    crowd: Crowd
    assistant: Assistant
    kills: Sequence[float]
    log: str

    async def findings(self) -> list[str]:
        """Everything that is not as it must be."""
        found = [*self.runs(), *self.told(), *self.cards(), *self.answered(), *self.places(), *self.posted_once(), *self.logged()]
        return [*found, *[each async for each in self._rows()]]

    @cached_property
    def charged(self) -> Counter[str]:
        """How often each write ran, as the ledgers have it."""
        return Ledgers(self.stage, self.bookings).all()

    # ------------------------------------------------------------------------------------------ what ran

    def runs(self) -> Iterator[str]:
        """Nothing ran without a yes, or twice for one."""
        for write, times in self.charged.items():
            if not self.crowd.approved[write]:
                yield f"{write} ran, and nobody approved it"
            if write in self.assistant.not_made:
                yield f"{write} ran, of a reply whose calls are not to be made"
            if times > 1 + self.crowd.again[write]:
                yield f"{write} ran {times} times; {self.crowd.again[write]} clicks wanted it again: {self._outside(write)}"

    # ------------------------------------------------------------------------------------------ what is told

    def told(self) -> Iterator[str]:
        """What the model read of each write is so."""
        for write, texts in self.assistant.told.items():
            for text, at in texts.items():
                yield from (f"{what}; the model read: {text}" for what in self._untrue(write, word_of(text), at))
        for write in self.charged:
            if not self.assistant.told[write] and write not in self._shown:
                yield f"{write} ran, and neither the model nor a card says so"

    def cards(self) -> Iterator[str]:
        """What the last card of each write says is so, and that it says something."""
        stay = set(re.findall(r"the cards of message (\S+) in", self.log))
        for write, (message, looks) in self._shown.items():
            if looks & {"Approval needed", "Pending", "Approved"} and message.ts not in stay:
                yield f"{write} still says {sorted(looks)} in {message.channel} {message.ts}"
            for look in looks & LOOKS.keys():
                yield from (f"{what}; its card says {look}" for what in self._untrue(write, LOOKS[look], None))
            if self.charged[write] and not looks & {"Succeeded", "Failed", "Unknown"} and message.ts not in stay:
                yield f"{write} ran, and its card says {sorted(looks)}"

    @cached_property
    def _shown(self) -> dict[str, tuple[Message, set[str]]]:
        """By write: the last message with its card, and how it looks there (two rows, where it was edited)."""
        found: dict[str, tuple[Message, set[str]]] = {}
        for place in self.crowd.threads:
            for message in self.crowd.posts(place):
                if key_of(message).startswith("card:"):
                    looks: defaultdict[str, set[str]] = defaultdict(set)
                    for look, write in LOOK.findall(message.text):
                        looks[write].add(look)
                    found |= {write: (message, here) for write, here in looks.items()}
        return found

    def _untrue(self, write: str, word: Word, at: float | None) -> Iterator[str]:
        """What is wrong with this word about a write, told at a moment or at the end."""
        ran, again = self.charged[write], self.crowd.again[write]
        if word == "not run" and ran and not (at is None and again):
            yield f"{write} ran {ran} times, and is called not run: {self._outside(write)}"
        if word == "done" and not ran and not self._failed(write):
            yield f"{write} did not run, and is called done: {self._outside(write)}"
        if word == "unknown" and self._answered(write, at) and not again:
            yield f"{write} was answered, and is called unknown: {self._outside(write)}"

    def _outside(self, write: str) -> str:
        return str(self.bookings.arrivals(write) or [line for line in self.stage.ledger.lines if write in WRITE.findall(line)])

    def _failed(self, write: str) -> bool:
        """Whether the server said of this write that it failed."""
        return any(each.answer.kind == "answered" for each in self.bookings.arrivals(write))

    def _answered(self, write: str, at: float | None) -> bool:
        """Whether an answer went out whole, to a process that lived on with it."""
        arrived = self.bookings.arrivals(write)
        if any(each.answer.kind == "unclear" for each in arrived):
            return False
        whole = [each for each in arrived if each.answered_at]
        confirmed = write in WRITE.findall("\n".join(self.stage.ledger.confirmed))
        if not whole and not confirmed:
            return False
        began = min((each.at for each in whole), default=None)
        if began is None:  # the ledger keeps no time: any kill at all may have been the reason
            return not self.kills
        over = began + LOST_AFTER_SECONDS if at is None else at
        return not any(began - LOST_AFTER_SECONDS <= kill <= over for kill in self.kills)

    # ------------------------------------------------------------------------------------------ what people read

    def answered(self) -> Iterator[str]:
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

    def places(self) -> Iterator[str]:
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

    def posted_once(self) -> Iterator[str]:
        """No message stands in a thread twice, and none still grows."""
        for place in self.crowd.threads:
            posts = self.crowd.posts(place)
            yield from (f"{message.seen_text[:80]!r} in {place} still grows" for message in posts if message.streaming)
            keys = Counter(key_of(message) for message in posts)
            yield from (f"{key} stands in {place} {times} times" for key, times in keys.items() if times > 1 and key)

    # ------------------------------------------------------------------------------------------ what the rows say

    async def _rows(self) -> AsyncGenerator[str]:
        """No session is stuck, nothing that was taken in is left lying, the audit log verifies, and the model refused nothing."""
        stage = self.stage
        for (id,) in await stage.rows("SELECT id FROM session WHERE aside_at IS NOT NULL"):
            yield f"{id} is set aside"
        for row in await stage.rows("SELECT session_id, key FROM inbox WHERE taken_at IS NULL"):
            yield f"{row} was taken in, and is left lying"
        for row in await stage.rows("SELECT id, status FROM action WHERE status IN ('pending', 'approved', 'running')"):
            yield f"action {row} is not over"
        for (channel, thread_ts), status in stage.slack.workspace.statuses.items():
            if status == "processing":
                yield f"Slack shows {channel} {thread_ts} as {status}"
        for channel, thread_ts in await stage.rows("SELECT channel, thread_ts FROM session"):
            if (channel, thread_ts) not in self.crowd.threads:
                yield f"a session of {channel} {thread_ts}, where nobody asked"
        for (team,) in await stage.rows("SELECT DISTINCT team FROM session"):
            if team != stage.slack.team_id:
                yield f"sessions of the workspace {team}"
        async for one in verify(stage.database):
            if isinstance(one, Broken):
                yield f"the audit log: {one}"
        for refused in stage.model.refusals:
            yield f"the model refused a request: {refused.message}"

    def logged(self) -> Iterator[str]:
        """No exception of ours is in a log."""
        for found in re.finditer(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)+(.*)", self.log):
            yield f"in a log: {found[1]}"


def word_of(text: str) -> Word:
    """Return what a result says of its call."""
    if UNKNOWN.search(text):
        return "unknown"
    return "not run" if NOT_RUN.search(text) else "done"


def key_of(message: Message) -> str:
    """Return the key in a message's metadata; empty: it has none."""
    held = (message.metadata or {}).get("event_payload", {})
    return str(held.get("key", ""))
