"""A simulated session: its log, its inbox, what it is run by, and how another process comes to what this one has."""

from datetime import UTC, datetime, time
from random import Random
from typing import Any

from agent.approvals.quiet_hours import QuietHours
from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.for_stream import opening
from agent.decide.move_keys import Key
from agent.decide.moves import (
    Outward,
    Record,
    Repin,
)
from agent.decide.next_moves import next_moves
from agent.memory import compaction
from agent.memory.transcript import Transcript
from agent.session.inbox import Inboxed
from agent.session.machine import apply
from agent.session.rules import Bounds, Rules
from agent.session.snapshot import beginning, placed
from agent.session.state import Session
from agent.session.steps import (
    CardShown,
    Compacted,
    Granted,
    Recorded,
    Step,
)
from agent.types import Place
from tests.unit.simulated_rules import POLICIES, TOOLS
from tests.unit.wire import Wire


class SimulatedSession:
    """A session as its log has it, and all that chance has made of the world around it.

    Wide because one chance decides all that happens to a session, and the properties read every part of it.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.session = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)
        self.rested, self.said = self.session, Transcript()
        self.steps: list[Step] = []
        self.epochs: list[int] = []  # of the steps
        self.inbox: list[Inboxed] = []
        self.facts: Facts = NOTHING_FOUND
        self.now: datetime = datetime(2026, 11, 22, tzinfo=UTC)
        self.under_way: dict[Key, Outward] = {}
        self.wire = Wire(self.random)
        self.rows = 0
        self.ran: dict[str, int] = {}
        self.again: set[str] = set()
        self.approvals: set[str] = set()
        self.policy = POLICIES[0]
        self.votes: dict[str, dict[str, str]] = {}
        self.showing: dict[Key, list[CardShown]] = {}
        self.grants: dict[str, Granted] = {}
        self.uses: dict[str, int] = {}
        self.revoked: set[str] = set()
        self.remembers = self.random.random() < 0.5
        self.quiet = QuietHours(time(20), time(8), weekends=True) if self.random.random() < 0.5 else None

    def apply(self, step: Step) -> None:
        """The step happened."""
        if not self.session.turn.open:
            self.rested = self.session
        if isinstance(step, Compacted):
            step = placed(step, self.session, self.rested)
        self.wire.hear(step)
        self.session = apply(self.session, step, self.session.epoch)
        self.said.add(step)
        self.steps.append(step)
        self.epochs.append(self.session.epoch)

    def receive(self, received: Any) -> None:
        """Something new is in the inbox."""
        self.rows += 1
        self.inbox.append(Inboxed(id=self.rows, received=received))

    def taken(self, ids: tuple[int, ...]) -> None:
        """Inbox rows are answered."""
        self.inbox = [row for row in self.inbox if row.id not in ids]

    def moves(self) -> list[Outward]:
        """Record what has no effect; what is left to be made and not under way."""
        for _ in range(100):
            moves = next_moves(self.session, self.inbox, self.rules(), self.now, self.facts)
            if any(isinstance(move, Repin) for move in moves):
                self.apply(self.wire.repin())
                continue
            if not (moves and isinstance(moves[0], Record)):
                begun = opening(self.session, "Well.")
                moves = (*moves, begun) if begun is not None and self.random.random() < 0.3 else moves
                return [move for move in moves if not isinstance(move, Record | Repin) and move.key not in self.under_way]
            for step in moves[0].steps:
                self.apply(step)
            self.taken(moves[0].inbox_ids)
        raise AssertionError("steps are recorded without end")

    def rules(self) -> Rules:
        """What the session is run by: its conversation is compacted as soon as it is worth it."""
        bounds = Bounds(cards_per_hour=12, open_cards=6, open_cards_per_person=20)
        return Rules(
            TOOLS,
            max_iterations=4,
            judge=self.policy.judge,
            context_tokens=300,
            bounds=bounds,
            remembers=self.remembers,
            quiet_hours=self.quiet,
            learns_with="claude-haiku-5-5" if self.remembers else "",
        )

    def load(self) -> None:
        """Another process begins where the last context does, and comes to what this one has."""
        log = [Recorded(seq, *written) for seq, written in enumerate(zip(self.epochs, self.steps, strict=True), 1)]
        session = beginning(log, Session(self.session.id, self.session.place, epoch=self.session.epoch))
        assert session is not None
        said = Transcript.of(session)
        for item in log[session.seq :]:
            session = apply(session, item.step, item.epoch)
            said.add(item.step)
        assert session == self.session
        assert said.messages() == self.said.messages()
        assert compaction.summary_request(session, said) == compaction.summary_request(self.session, self.said)
        assert said.past.gathered(whole=True) == self.said.past.gathered(whole=True)
        self.said = said
