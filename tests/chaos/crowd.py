"""The people of a long run: they give tasks, and approve, reject, edit, stop and click twice what comes of them."""

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.types import Message, NeverHappened
from tests.chaos.names import WRITE
from tests.chaos.stage import Stage

CHANNELS = {"orders": ("ann", "ben", "cleo"), "support": ("ann", "ben", "cleo", "dan"), "finance": ("ann", "cleo")}
KINDS = ("book", "book", "book", "transfer", "transfer", "several", "several", "look", "chat")
MODAL_SECONDS = 5.0  # that a person looks for a dialog before they do something else
MOST_TRIES = 5  # of a click in the calm, until the button is taken for one that Slack did not let us take away
AT_A_TIME = 6  # that are decided side by side in the calm


@dataclass(frozen=True, slots=True)
class Task:
    """What somebody asked for, where and when."""

    number: int
    user: str
    channel: str  # its id
    thread_ts: str
    ts: str
    kind: str
    mentions: bool  # the bot


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a message, and the writes that its row shows."""

    message: Message
    action_id: str
    block_id: str
    value: str
    writes: frozenset[str]


@dataclass
class Crowd:
    """Everybody, and what they have done: which writes they approved, and which they wanted to run again.

    Wide because it is what the judge knows of people, and the hands that they have.
    """

    stage: Stage
    random: Random
    charged: "Ledgers"
    tasks: list[Task] = field(default_factory=list[Task])
    approved: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # by whom, by write
    again: Counter[str] = field(default_factory=Counter[str])
    clicks: Counter[str] = field(default_factory=Counter[str])
    tried: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])  # in the calm, by button
    threads: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))  # and who had to do with each

    async def live(self, user: str, pause_seconds: float) -> None:
        """Ask and decide, until it is cancelled."""
        while True:
            await asyncio.sleep(self.random.expovariate(1 / pause_seconds))  # the pace of a person; nothing waits for it
            if self.random.random() < 0.45:
                await self.ask(user)
            else:
                await self.decide(user)

    # ------------------------------------------------------------------------------------------ asking

    async def ask(self, user: str) -> Task:
        """Give a task: in a channel, in a direct message, or in a thread that there is."""
        number, kind, mentions = len(self.tasks) + 1, self.random.choice(KINDS), True
        text = f"please do task {number} ({kind})"
        theirs = [place for place, people in self.threads.items() if user in people]
        if theirs and self.random.random() < 0.25:
            channel, thread_ts = self.random.choice(theirs[-8:])
            mentions = self.random.random() < 0.5
            says = self.stage.slack.mention if mentions else self.stage.slack.say
            ts = await says(user, channel, text, thread_ts=thread_ts)
        elif self.random.random() < 0.15:
            channel, ts = self.stage.slack.dm_channel(user), await self.stage.slack.dm(user, text)
            thread_ts = ts
        else:
            name = self.random.choice([name for name, people in CHANNELS.items() if user in people])
            channel, ts = self.stage.slack.channels[name], await self.stage.slack.mention(user, name, text)
            thread_ts = ts
        task = Task(number, user, channel, thread_ts, ts, kind, mentions)
        self.tasks.append(task)
        self.threads[channel, thread_ts].add(user)
        return task

    # ------------------------------------------------------------------------------------------ deciding

    def posts(self, place: tuple[str, str]) -> list[Message]:
        """The bot's messages in a thread."""
        return [message for message in self.stage.slack.thread(*place) if message.bot_id]

    def sees(self, user: str, channel: str) -> bool:
        """Whether somebody is in a conversation."""
        return self.stage.slack.people[user] in self.stage.slack.workspace.channels[channel].members

    def buttons(self, user: str | None = None) -> list[Button]:
        """Everything that waits for somebody: cards, and questions about outcomes."""
        found: list[Button] = []
        for place in self.threads:
            if user is None or self.sees(user, place[0]):
                for message in self.posts(place):
                    found += [each for each in buttons_of(message) if each.action_id in ("approve", "review", "happened")]
        return found

    async def decide(self, user: str) -> None:
        """Do something about something that waits."""
        waiting = self.buttons(user)
        if not waiting:
            return
        button, drawn = self.random.choice(waiting), self.random.random()
        if button.action_id == "happened":
            await self.tell(user, button)
        elif drawn < 0.55:
            await self.approve(user, button)
        elif drawn < 0.75:
            others = [one for one in CHANNELS["support"] if self.sees(one, button.message.channel)]
            await asyncio.gather(
                *(self.approve(self.random.choice(others), button) for _ in range(2)), self.approve(user, button)
            )
        elif drawn < 0.85:
            await self.in_modal(user, button, "reject", {})
        elif drawn < 0.95:
            await self.in_modal(user, button, "edit", {"amount": "7", "count": "7"})
        elif drawn < 0.97:
            await self.stop(user, button)
        else:
            await self.withdraw(user, button)

    async def approve(self, user: str, button: Button) -> None:
        """Click Approve; where a card is not whole, read the dialog and submit that."""
        self._approves(user, button)
        if button.action_id == "review":
            await self.in_modal(user, button, "review", {})
        else:
            await self.click(user, button)

    def _approves(self, user: str, button: Button) -> None:
        for write in button.writes:
            self.approved[write].add(user)

    async def tell(self, user: str, button: Button) -> None:
        """Say what became of a call, as the ledgers have it."""
        ran = any(self.charged.ran(write) for write in button.writes)
        answer = "happened" if ran else self.random.choice(("run_again", "leave"))
        [chosen] = [each for each in buttons_of(button.message) if each.action_id == answer and each.value == button.value][:1]
        if answer == "run_again":
            self.again.update(chosen.writes)
            self._approves(user, chosen)
        await self.click(user, chosen)

    async def stop(self, user: str, button: Button) -> None:
        """Press Stop."""
        self.clicks["stop"] += 1
        message = button.message
        await self.stage.slack.stop_session(user, message.channel, message.thread_ts or message.ts)

    async def withdraw(self, user: str, button: Button) -> None:
        """Take back what waits, where that is offered."""
        place = (button.message.channel, button.message.thread_ts or button.message.ts)
        offers = [each for message in self.posts(place) for each in buttons_of(message) if each.action_id == "withdraw"]
        if offers:
            await self.click(user, offers[-1])

    async def click(self, user: str, button: Button) -> None:
        """Click, as somebody who has seen it."""
        self.clicks[button.action_id] += 1
        message = button.message
        self.threads[message.channel, message.thread_ts or message.ts].add(user)
        more = {"value": button.value, "block_id": button.block_id}
        await self.stage.slack.click(user, message.channel, message.ts, button.action_id, stale=True, **more)

    async def in_modal(self, user: str, button: Button, action_id: str, values: dict[str, str]) -> None:
        """Open a dialog and submit it. Somebody for whom it does not open goes on with something else."""
        slack, found = self.stage.slack, buttons_of(button.message)
        chosen = next((each for each in found if each.action_id == action_id and each.value == button.value), None)
        if chosen is None:
            return
        while (left := slack.view(user)) is not None:
            await slack.close_view(user, left.id)
        await self.click(user, chosen)
        try:
            view = await slack.until(lambda: slack.view(user), seconds=MODAL_SECONDS)
        except NeverHappened:
            return
        inputs = [(block["block_id"], str(block["label"]["text"])) for block in view.blocks if block["type"] == "input"]
        await slack.submit(user, view.id, {block_id: values[label] for block_id, label in inputs if label in values})

    # ------------------------------------------------------------------------------------------ the end

    async def settle(self, *, resting: bool) -> bool:
        """Decide some of what waits, each by somebody who may; once more where everything rests and a click has changed nothing.

        Whether nothing was left, but what does not change any more.
        """
        left = [each for each in self.buttons() if self.tried[self._name(each)] < MOST_TRIES]
        fresh = [each for each in left if not self.tried[self._name(each)]]
        room = max(0, AT_A_TIME - (len(left) - len(fresh)))
        for button in left[:AT_A_TIME] if resting else fresh[:room]:
            there = [one for one in CHANNELS["support"] if self.sees(one, button.message.channel)]
            user = there[self.tried[self._name(button)] % len(there)]  # some of it takes two people
            self.tried[self._name(button)] += 1
            await (self.tell if button.action_id == "happened" else self.approve)(user, button)
        return not left

    def _name(self, button: Button) -> tuple[str, str, str]:
        return button.message.channel, button.message.ts, button.value


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What really ran, as those say who are not ours."""

    stage: Stage
    bookings: Any

    def ran(self, write: str) -> int:
        """How often a write ran."""
        return self.all()[write]

    def all(self) -> Counter[str]:
        """How often each write ran."""
        lines = "\n".join(self.stage.ledger.lines)
        return Counter(WRITE.findall(lines)) + Counter(self.bookings.ledger)


def buttons_of(message: Message) -> list[Button]:
    """Return the buttons of a message, each with the writes that are named since the row above."""
    found: list[Button] = []
    shown: list[Any] = []
    for block in message.blocks:
        shown.append(block)
        elements = elements_of(block)
        writes = frozenset(WRITE.findall(json.dumps(shown)))
        found += [
            Button(message, each["action_id"], block["block_id"], str(each.get("value") or ""), writes) for each in elements
        ]
        if str(block.get("block_id", "")).startswith("decide:"):
            shown.clear()
    return found
