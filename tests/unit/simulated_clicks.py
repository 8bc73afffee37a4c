"""What becomes of clicks on actions in a simulated session: as the conditional statements of the store do."""

from datetime import timedelta

from agent.approvals.grants import grantable
from agent.session.inbox import Click, Edit, OutcomeClick
from agent.session.state import ActionState
from agent.session.steps import (
    ActionDecided,
    Edited,
    Granted,
    OutcomeTold,
    Voted,
)
from agent.types import Allowed, Decision
from tests.unit.simulated_rules import TOOLS
from tests.unit.simulated_session import SimulatedSession


class SimulatedClicks(SimulatedSession):
    """Votes, edits, outcomes that are told, and grants."""

    def settle(self, click: Click | Edit | OutcomeClick) -> None:
        """As the conditional statements do."""
        action = self.session.actions.get(click.action_id)
        if action is None:
            return
        if isinstance(click, OutcomeClick):
            if action.run.outcome == "unknown" and self.session.status == "idle":
                if click.answer == "run_again":
                    self.again.add(action.proposed.call_id)  # though it may be asked about once more first
                    self.approvals.add(click.action_id)
                self.apply(OutcomeTold(action_id=click.action_id, by=click.user, answer=click.answer, told_at=self.now))
        elif action.decided is None and self.now < action.proposed.expires_at and action.shown.ts:
            if isinstance(click, Edit):
                edited = Edited(action_id=click.action_id, by=click.user, arguments=click.arguments, edited_at=self.now)
                self.apply(edited)
            else:
                self.vote(action, click)

    def vote(self, action: ActionState, click: Click) -> None:
        """One word a person; enough of them settle it, and give the grant that was asked for with it."""
        votes = self.votes.setdefault(click.action_id, {})
        if votes.get(click.user) == click.decision:
            return
        votes[click.user] = click.decision
        verdict = action.proposed.verdict
        needed = verdict.quorum if click.decision == "approved" else verdict.rejections
        if list(votes.values()).count(click.decision) < needed:
            self.apply(Voted(action_id=click.action_id, by=click.user, decision=click.decision))
            return
        self.decide(click.action_id, click.decision, click.user)
        if click.wish and click.decision == "approved" and needed == 1 and grantable(TOOLS[action.proposed.tool], verdict):
            granted = Granted(
                grant_id=f"G{len(self.grants)}",
                action_id=click.action_id,
                tool=action.proposed.tool,
                pattern=(Allowed(argument="n", to_be="exactly", value=action.proposed.arguments["n"]),),
                verdict=verdict,
                by=click.user,
                expires_at=self.now + timedelta(seconds=click.wish.lasts_seconds),
                most_uses=click.wish.most_uses,
            )
            self.grants[granted.grant_id], self.uses[granted.grant_id] = granted, 0
            self.apply(granted)

    def decide(self, action_id: str, decision: Decision, by: str) -> None:
        """The action is settled, unless it was before."""
        action = self.session.actions.get(action_id)
        if action is None:
            return
        running = any(state.action_id == action_id and state.phase == "running" for state in self.session.turn.calls)
        taken_back = decision == "withdrawn" and action.look == "approved" and not running
        if action.decided and not taken_back:
            return
        if decision == "approved":
            self.approvals.add(action_id)
        else:
            self.approvals.discard(action_id)
        self.apply(ActionDecided(action_id=action_id, decision=decision, by=by, decided_at=self.now))
