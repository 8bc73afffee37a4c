"""One approved run, as people see it: a mention, a card, a click, an answer; and what must be true of it at its end."""

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.sandbox.slack.types import Message, NeverHappened
from tests.chaos.stage import Stage
from tests.patience import PATIENCE_SECONDS

# The promise: another process carries on within 15 s, with nobody's help. Beside other tests the machine itself may be late.
CARRIES_ON_SECONDS = 15.0 if "PYTEST_XDIST_WORKER" not in os.environ else PATIENCE_SECONDS
SLICE_SECONDS = 1.0  # a wait goes on in slices, since its end moves when a process is killed
CHARGE = "ada@example.com 4900"
APPROVE = "[Charge card]"
OUTCOME_BUTTONS = ("[It happened]", "[Run again]", "[Leave it]")


@dataclass
class Run:
    """A mention in #orders by Ann, and her clicks."""

    stage: Stage
    ts: str
    # When it began to be somebody's turn: a live process is there, and all that people had to do is done.
    due_from: float = field(default_factory=time.monotonic)

    @classmethod
    async def begin(cls, stage: Stage) -> "Run":
        """Ann mentions the bot."""
        return cls(stage, await stage.slack.mention("ann", "orders", "please charge 49 dollars for the espresso machine"))

    # ------------------------------------------------------------------------------------------ what is seen

    @property
    def posts(self) -> Mapping[str, list[Message]]:
        """The bot's messages in the thread, by the key in their metadata. One that grows, or did until now, has none yet."""
        found: defaultdict[str, list[Message]] = defaultdict(list)
        for message in self.stage.slack.thread("orders", self.ts)[1:]:
            if message.metadata is not None:
                found[message.metadata["event_payload"]["key"]].append(message)
        return found

    def post(self, kind: str, text: str = "") -> Message | None:
        """The first message of this kind (card, question, answer:TURN) that shows `text`."""
        shown = (one for key, messages in self.posts.items() if key.startswith(f"{kind}:") for one in messages)
        return next((one for one in shown if text in one.seen_text), None)

    async def seen(self, kind: str, text: str = "") -> Message:
        """Wait for it, as long as promised from when everything was there for it."""
        while True:
            try:
                return await self.stage.slack.until(lambda: self.post(kind, text), seconds=SLICE_SECONDS)
            except NeverHappened:
                if time.monotonic() > self.due_from + CARRIES_ON_SECONDS:
                    raise

    # ------------------------------------------------------------------------------------------ what people do

    async def click(self, kind: str, button: str, action_id: str) -> None:
        """Click until Slack's own client says that it worked, or the button is gone."""
        while (message := self.post(kind, button)) is not None:
            deliveries = self.stage.slack.deliveries
            before = len(deliveries)
            await self.stage.slack.click("ann", "orders", message.ts, action_id)
            sent = await self._delivered(before)
            if sent:
                break
            await self._connected()
        self.due_from = max(self.due_from, time.monotonic())

    async def _delivered(self, index: int) -> bool:
        """Whether the interaction that was sent after `index` deliveries was acked."""
        log = self.stage.slack.deliveries

        def ended() -> str | None:
            clicks = [one for one in log[index:] if one.kind == "block_actions"]
            if not clicks or (clicks[0].failure is None and clicks[0].acked_after_seconds is None):
                return None
            return clicks[0].failure or "acked"

        return await self.stage.slack.until(ended) == "acked"

    async def _connected(self) -> None:
        await self.stage.slack.until(lambda: self.stage.slack.connections)

    # ------------------------------------------------------------------------------------------ from beginning to end

    async def approve(self) -> None:
        """Wait for the card, approve it, and wait for what comes of it: the answer, or the question and the answer."""
        await self.seen("card")
        await self.click("card", APPROVE, "approve")
        await self.seen("answer:1")

    async def rest(self) -> None:
        """Until nothing is left to be done, as long as promised."""
        while True:
            try:
                return await self.stage.at_rest(SLICE_SECONDS)
            except TimeoutError:
                if time.monotonic() > self.due_from + CARRIES_ON_SECONDS:
                    rows = await self.stage.rows("SELECT epoch, lease_until, wake_at, wakes, now() FROM session")
                    raise AssertionError(f"the session does not come to rest: {rows}") from None

    async def tell(self) -> None:
        """If the outcome was unknown: look into the ledger, as the question asks people to, and say how it stands."""
        if (question := self.post("question")) is None:
            return
        assert "unknown" in question.seen_text
        assert all(button in question.seen_text for button in OUTCOME_BUTTONS)
        assert len(self.stage.ledger.lines) <= 1
        answer, button = ("happened", "[It happened]") if self.stage.ledger.lines else ("run_again", "[Run again]")
        await self.click("question", button, answer)
        await self.seen("answer:2")
        await self.rest()

    async def check(self) -> None:
        """Charged once, answered once, nothing posted twice, nothing invalid said to the model, no gap in the log."""
        assert self.stage.ledger.lines == [CHARGE]
        for message in self.stage.slack.thread("orders", self.ts)[1:]:
            assert message.metadata is not None, f"a message without a key: {message.seen_text}"
            assert not message.streaming, f"a message that still grows: {message.seen_text}"
        posts = {key: messages for key, messages in self.posts.items() if not key.startswith("unstream:")}  # what was watched
        assert {key: len(messages) for key, messages in posts.items()} == dict.fromkeys(posts, 1)
        kinds = sorted(key.partition(":")[0] + (key[6:] if key.startswith("answer") else "") for key in posts)
        asked = self.post("question") is not None
        assert kinds == (["answer:1:0", "answer:2:0", "card", "question"] if asked else ["answer:1:0", "card"])
        card = self.post("card")
        assert card is not None
        assert APPROVE not in card.seen_text
        if not asked:
            assert "Done." in card.seen_text
            assert self.post("answer:1", "Charged.") is not None
        assert self.stage.model.refusals == []
        seqs = [row[0] for row in await self.stage.rows("SELECT seq FROM step ORDER BY seq")]
        assert seqs == list(range(1, len(seqs) + 1))
