"""A session in a world that is left to chance: crashes, clicks, edits, grants, messages, Stop, policy changes, lost results."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from hypothesis import note

from agent.decide.facts import NOTHING_FOUND
from agent.session.inbox import Click, ContinueClick, Edit, Inquiry, Message, Nudge, OutcomeClick, StopPressed, Withdraw
from agent.types import Attachment, OutcomeAnswer, Said, Wish
from tests.unit.simulated_effects import SimulatedEffects
from tests.unit.simulated_rules import POLICIES


class Simulation(SimulatedEffects):
    """A session, its inbox, and a world whose every answer is left to chance."""

    disturbances: tuple[str, ...] = (
        *("message", "click", "click", "click", "edit", "withdraw", "outcome", "continue", "stop", "policy", "clock"),
        *("revoke", "nudge", "inquiry", "crash", "crash"),
    )

    def disturb(self) -> None:
        """Something from outside: a person, the clock, or the end of the process."""
        waiting = [action.proposed.action_id for action in self.session.undecided()]
        action_ids = waiting if waiting and self.random.random() < 0.8 else sorted(self.session.actions) or ["Agone"]
        user = self.random.choice(["U1", "U2", "U3"])
        match self.random.choice(self.disturbances):
            case "message":
                forms: tuple[Literal["text", "bare", "too_long"], ...] = ("text", "text", "bare", "too_long")
                form = self.random.choice(forms)
                text = "hello" if form == "text" else ""
                files = (Attachment(id=f"F{self.rows}", name="a.csv"),) if text and self.random.random() < 0.3 else ()
                self.receive(Message(said=Said(user=user, text=text, ts=f"{self.rows}.0", files=files), form=form))
            case "click":
                decisions: tuple[Literal["approved", "rejected"], ...] = ("approved", "approved", "rejected")
                decision = self.random.choice(decisions)
                wish = Wish(pattern=(), lasts_seconds=3600, most_uses=2) if self.random.random() < 0.5 else None
                action_id = self.random.choice(action_ids)
                self.receive(Click(action_id=action_id, user=user, decision=decision, wish=wish))
            case "edit":
                arguments: dict[str, Any] = {"n": self.random.randint(0, 3)}
                self.receive(Edit(action_id=self.random.choice(action_ids), user=user, arguments=arguments))
            case "withdraw":
                self.receive(Withdraw(user=user, action_ids=tuple(action_ids)))
            case "nudge":
                self.receive(Nudge(user=user, action_ids=tuple(action_ids)))
            case "inquiry":
                self.receive(Inquiry(user=user, action_id=self.random.choice(action_ids), text="why?"))
            case "revoke":
                self.revoked |= set(self.grants)
            case "policy":
                self.policy = self.random.choice(POLICIES)
            case "outcome":
                answers: tuple[OutcomeAnswer, ...] = ("happened", "run_again", "leave")
                answer = self.random.choice(answers)
                self.receive(OutcomeClick(action_id=self.random.choice(action_ids), user=user, answer=answer))
            case "continue":
                self.receive(ContinueClick(turn=self.random.randint(0, 3), user=user))
            case "stop":
                self.receive(StopPressed(user=user))
            case "clock":
                self.now += timedelta(minutes=self.random.choice([1, 20, 24 * 60]))
            case _:  # another process takes over: what was under way is lost, what was written stands
                note("crash")
                self.under_way, self.facts = {}, NOTHING_FOUND
                self.load()
                self.session = replace(self.session, epoch=self.session.epoch + 1)

    def play(self) -> None:
        """One thing happens."""
        possible = self.moves()
        what = self.random.choice(["begin", "begin", "end", "end", "end", "disturb"])
        if what == "disturb":
            self.disturb()
        elif what == "end" and self.under_way:
            self.end(self.under_way[self.random.choice(sorted(self.under_way, key=str))])
        elif possible:
            for move in possible:  # as the runner does: everything that can begin, begins
                self.begin(move)

    def ask_again(self) -> None:
        """Somebody goes on where the session is idle: no history ends before its last event."""
        if self.session.status == "idle" and not self.inbox:
            self.receive(Message(said=Said(user="U1", text="go on", ts=f"{self.rows}.0")))

    def settle_down(self) -> None:
        """Nothing more comes from outside: make every move until none is left."""
        for _ in range(500):
            moves = self.moves()
            for move in moves:
                self.begin(move)
            if self.under_way:
                self.end(self.under_way[sorted(self.under_way, key=str)[0]])
            elif not moves:  # one that was not begun after all, for a grant that ended, leads to others
                return
        raise AssertionError("the session does not come to rest")
