"""The fate of each write of a long run: what the ledgers have of it, and whether all that was told of it is so."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bot.sandbox.slack.types import Message
from tests.chaos.answers import key_of
from tests.chaos.assistant import Assistant
from tests.chaos.bookings import Arrived, Bookings
from tests.chaos.crowd import Crowd, Ledgers
from tests.chaos.ledger import Confirmed
from tests.chaos.names import LARGE, WRITE, tasks_in
from tests.chaos.stage import Stage
from tests.chaos.weather import Away

Word = Literal["not run", "unknown", "done"]
NOT_RUN = re.compile(r"[Nn]othing was run|Not asked|[Nn]ot run|did not run|not begun|was not made|Not found|nobody was asked")
UNKNOWN = re.compile(r"The outcome of \S+ is unknown")
# How a card begins its line in the text for notifications, by how it ended.
LOOKS: dict[str, Word] = {
    **dict.fromkeys(("Rejected", "Expired", "Withdrawn", "Refused", "Undeliverable", "Edited"), "not run"),
    **dict.fromkeys(("Succeeded", "Failed"), "done"),
    **dict.fromkeys(("Unknown", "Left"), "unknown"),
}
LOOK = re.compile(rf"({'|'.join(LOOKS)}|Approval needed|asks|Pending|Approved): [^;]*?(w\d+x\d+)")
# How long the result of a call may still be lost with its process: before it is written, and before another process, which
# holds the session since this one was frozen, has looked for it. Both with room for a busy machine.
LOST_SECONDS = 20.0


@dataclass(frozen=True)
class Fates:
    """Of all writes, once everything is at rest. `away`: when processes were dead or frozen."""

    stage: Stage
    bookings: Bookings
    crowd: Crowd
    assistant: Assistant
    away: Sequence[Away]
    log: str

    def findings(self) -> Iterator[str]:
        """Everything that is not as it must be."""
        yield from (*self._runs(), *self._told(), *self._cards())

    @cached_property
    def charged(self) -> Counter[str]:
        """How often each write ran, as the ledgers have it."""
        return Ledgers(self.stage, self.bookings).all()

    # ------------------------------------------------------------------------------------------ what ran

    def _runs(self) -> Iterator[str]:
        """Something ran, but nothing without a yes, or twice for one."""
        if not self.charged:
            yield "nothing ran at all"
        for write, times in self.charged.items():
            if not self.crowd.approved[write]:
                yield f"{write} ran, and nobody approved it"
            if write in self.assistant.not_made:
                yield f"{write} ran, of a reply whose calls are not to be made"
            if len(self.crowd.approved[write]) < self._needed(write):
                yield f"{write} ran, and only {self.crowd.approved[write]} approved it: {self._outside(write)}"
            if times > 1 + self.crowd.again[write]:
                yield f"{write} ran {times} times; {self.crowd.again[write]} clicks wanted it again: {self._outside(write)}"

    # ------------------------------------------------------------------------------------------ what is told

    def _told(self) -> Iterator[str]:
        """What the model read of each write is so."""
        for write, texts in self.assistant.told.items():
            for text, at in texts.items():
                yield from (f"{what}; the model read: {text}" for what in self._untrue(write, word_of(text), at))
        for write in self.charged:
            if not self.assistant.told[write] and write not in self._shown:
                yield f"{write} ran, and neither the model nor a card says so"

    def _cards(self) -> Iterator[str]:
        """What the last card of each write says is so, and that it says something."""
        stay = set(re.findall(r"the cards of message (\S+) in", self.log))
        for button in self.crowd.buttons():
            message = button.message
            if message.ts not in stay:
                yield f"{button.action_id} can still be clicked in {message.channel} {message.ts}: {message.text[:200]}"
        for write, (message, looks) in self._shown.items():
            if looks & {"Approval needed", "asks", "Pending", "Approved"} and message.ts not in stay:
                yield f"{write} still says {sorted(looks)} in {message.channel} {message.ts}"
            for look in looks & LOOKS.keys():
                yield from (f"{what}; its card says {look}" for what in self._untrue(write, LOOKS[look], None))
            if self.charged[write] and not looks & {"Succeeded", "Failed", "Unknown", "Left"} and message.ts not in stay:
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

    def _needed(self, write: str) -> int:
        """How many people it takes, by the policy of the run and by what the ledger has."""
        amounts = [int(line.split()[-1]) for line in self.stage.ledger.lines if write in WRITE.findall(line)]
        direct = any(self.crowd.tasks[task - 1].channel.startswith("D") for task in tasks_in(write))
        return 1 if direct or max(amounts, default=0) < LARGE else 2

    def _outside(self, write: str) -> str:
        return str(self.bookings.arrivals(write) or [line for line in self.stage.ledger.lines if write in WRITE.findall(line)])

    def _failed(self, write: str) -> bool:
        """Whether the server said of this write that it failed."""
        return any(each.answer.kind == "answered" for each in self.bookings.arrivals(write))

    def _answered(self, write: str, at: float | None) -> bool:
        """Whether an answer went out whole, before this moment, to a process that lived on with it."""
        arrived = self.bookings.arrivals(write)
        if any(each.answer.kind == "unclear" for each in arrived):
            return False
        confirmed = [each for line, each in self.stage.ledger.confirmed.items() if write in WRITE.findall(line)]
        heard = [each for each in (*arrived, *confirmed) if each.answered_at]
        return any(self._lives_on(each, at) for each in heard if at is None or each.answered_at < at)

    def _lives_on(self, heard: Arrived | Confirmed, at: float | None) -> bool:
        """Whether a process stayed there with an answer until it was told, or long enough: it did not die after the call, nor
        was it frozen about then."""
        over = heard.answered_at + LOST_SECONDS if at is None else at
        return not any(away.bot == heard.bot and away.since < over and away.until > heard.at - LOST_SECONDS for away in self.away)


def word_of(text: str) -> Word:
    """Return what a result says of its call."""
    if UNKNOWN.search(text):
        return "unknown"
    return "not run" if NOT_RUN.search(text) else "done"
