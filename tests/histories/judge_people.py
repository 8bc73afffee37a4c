"""Who said so: whether each word that counted was said in time, by somebody who might say it and had seen what it is about."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agent.session.inbox import Click, OutcomeClick
from agent.session.steps import ActionDecided, Escalated, Granted, OutcomeTold, ProposedAction
from agent.types import Approvers
from tests.histories.judge_screens import Eyes
from tests.histories.outside import Asks, Outside, Run
from tests.histories.policies import wanted
from tests.histories.records import Records, Vote

AT_ONCE = timedelta(seconds=0.5)  # so far apart two transactions may begin and still be side by side on a busy machine


class Voices:
    """What people said in a history."""

    def __init__(self, outside: Outside, records: Records, eyes: Eyes) -> None:
        self._outside, self._records, self._eyes = outside, records, eyes

    def asked_for(self, run: Run, start: Any) -> list[Asks]:
        """Return what the policies wanted of a call that its holder may have known when the run began."""
        since, policies = self._records.claimed_after(run.session_id, start), self._outside.policies
        ends = [at for at, _ in policies[1:]]
        known = [policy for (at, policy), end in zip(policies, [*ends, start.at], strict=True) if at <= start.at and end >= since]
        return [wanted(policy, run.tool, run.effect, run.arguments) for policy in known]

    def enough(self, run: Run, start: Any) -> Iterator[str]:
        """A policy of that moment lets the call run after the yes of all who said so and had seen all of it."""
        proposal = self._records.proposal(run.session_id, start.step.action_id)
        said = [(at, one) for at, one in self._outside.clicks(proposal.action_id, start.at) if one.decision == "approved"]
        seen = [(one.user, at) for at, one in said if self._eyes.has_seen(one.user, proposal.action_id, run, at)]
        escalated = self._escalated(run.session_id, proposal.action_id, start.at)
        requested = self._outside.requested.get(start.step.call_id)
        asked = {*proposal.requesters, *(self._outside.speakers(requested.text) if requested is not None else ())}
        for asks in self.asked_for(run, start):
            now = asks.escalated() if escalated else asks
            yes = {user for user, at in seen if self._outside.was_allowed(user, now, asked, at, start.at)}
            if now.answer == "run" or (now.answer == "ask" and len(yes) >= now.quorum):
                return
        yield f"no policy lets it run, and of {[one.user for _, one in said]} these had seen all of it: {seen}"

    # ------------------------------------------------------------------------------------------ votes

    def votes(self, session_id: str) -> Iterator[str]:
        """Every word that was counted was said in time, by somebody who might; and nothing is decided with too few of them."""
        for proposal in (item.step for item in self._records.steps(session_id, ProposedAction)):
            votes = self._records.votes.get(proposal.action_id, [])
            wrong = [vote for vote in votes if not self._counts(session_id, proposal, vote)]
            yield from (f"{vote} on {proposal.action_id} must not count" for vote in wrong)
            needed = {"approved": proposal.verdict.quorum, "rejected": proposal.verdict.rejections}
            for decided in self._records.steps(session_id, ActionDecided):
                if decided.step.action_id != proposal.action_id:
                    continue
                decision = decided.step.decision
                if len(self._said(proposal.action_id, votes, decision, decided.at)) < needed.get(decision, 0):
                    yield f"{proposal.action_id} was {decision} by too few: {votes}"
                if decision in needed and decided.at >= proposal.expires_at:
                    yield f"{proposal.action_id} was {decision} at {decided.at}, and its time was over at {proposal.expires_at}"
                if decision == "expired" and decided.at < proposal.expires_at:
                    yield f"{proposal.action_id} expired before its time"

    def _said(self, action_id: str, votes: Sequence[Vote], decision: str, decided_at: datetime) -> set[str]:
        """Who said what was decided. A person has one vote: that it is to run again takes the place of their yes."""
        before = {click.user for _, click in self._outside.clicks(action_id, decided_at) if click.decision == decision}
        moved_on = {vote.user for vote in votes if vote.decision == "run_again"}
        return {vote.user for vote in votes if vote.decision == decision} | (moved_on & before)

    def _counts(self, session_id: str, proposal: ProposedAction, vote: Vote) -> bool:
        """Whether the person clicked in time, and was among the approvers between their click and its count."""
        asks = self._approvers(session_id, proposal, vote.at)
        clicks = [
            sent.at
            for sent in self._outside.sent
            if isinstance(sent.received, Click | OutcomeClick)
            and (sent.received.action_id, sent.received.user) == (proposal.action_id, vote.user)
            and vote.decision == (sent.received.decision if isinstance(sent.received, Click) else sent.received.answer)
        ]
        in_time = vote.at < proposal.expires_at or vote.decision == "run_again"
        return in_time and any(
            at <= vote.at and self._outside.was_allowed(vote.user, asks, proposal.requesters, at, vote.at) for at in clicks
        )

    def _escalated(self, session_id: str, action_id: str, at: datetime) -> bool:
        found = [item for item in self._records.steps(session_id, Escalated) if item.step.action_id == action_id]
        return any(item.at <= at for item in found)

    def _approvers(self, session_id: str, proposal: ProposedAction, at: datetime) -> Asks:
        """Who might decide at that moment: an escalation brings in more people."""
        verdict, asks = proposal.verdict, asks_of(proposal.verdict.approvers)
        if verdict.escalation is None or not self._escalated(session_id, proposal.action_id, at):
            return asks
        return replace(asks, users=asks.users | set(verdict.escalation.to.users))

    # ------------------------------------------------------------------------------------------ grants

    def granted(self, run: Run, start: Any, asked_seq: int) -> Iterator[str]:
        """A standing permission for this call, given before it was asked for and holding when it began."""
        found = [item for item in self._records.steps(run.session_id, Granted) if item.step.grant_id == start.step.grant_id]
        if len(found) != 1:
            yield "its grant is not on record"
            return
        [given] = found
        granted: Granted = given.step
        if given.seq >= asked_seq:
            yield "its grant was given after it had been asked for"
        at = start.at - AT_ONCE  # both times are those of a transaction's begin: one that began first may come to the row second
        if at >= granted.expires_at or at >= self._records.revoked.get(
            granted.grant_id, datetime.max.replace(tzinfo=start.at.tzinfo)
        ):
            yield "its grant was over"
        patterns = {allowed.argument: allowed for allowed in granted.pattern if allowed.to_be != "anything"}
        for name, allowed in patterns.items():
            is_, value = run.arguments[name], allowed.value
            at_most = allowed.to_be == "at_most" and isinstance(value, int) and is_ <= value
            if run.tool != granted.tool or not (is_ == value or at_most):
                yield f"its grant is one for {granted.tool} with {name} {allowed.to_be} {value}"
        if run.effect == "irreversible" or granted.verdict.quorum > 1:
            yield "there is no grant for such a call"
        clicks = self._outside.clicks(granted.action_id, start.at)
        wishes = [at for at, click in clicks if click.wish is not None and click.user == granted.by]
        if not wishes:
            yield "nobody wished for its grant"
        elif not any(self._eyes.tool_was_seen(granted.by, granted.action_id, run, at) for at in wishes):
            yield "the giver of its grant was not shown this tool, or this price"
        since = start.at - timedelta(seconds=3)
        might = [
            asks.answer == "run" or (asks.quorum == 1 and self._outside.was_allowed(granted.by, asks, (), since, start.at))
            for asks in self.asked_for(run, start)
            if asks.answer != "refuse"
        ]
        if not any(might):
            yield f"its grant is one by {granted.by}, who may not decide it now"

    def grants_used(self, session_id: str, starts: Sequence[Any]) -> Iterator[str]:
        """No grant was used more often than it may be."""
        for item in self._records.steps(session_id, Granted):
            used = {start.step.call_id for start in starts if start.step.grant_id == item.step.grant_id}
            if len(used) > item.step.most_uses:
                yield f"{item.step} was used more often than that"

    # ------------------------------------------------------------------------------------------ unknown outcomes

    def outcomes_told(self, session_id: str) -> Iterator[str]:
        """What became of an unknown call is said by those who may decide it: to run it again by as many as its approval took."""
        for item in self._records.steps(session_id, OutcomeTold):
            told: OutcomeTold = item.step
            proposal = self._records.proposal(session_id, told.action_id)
            asks = self._approvers(session_id, proposal, item.at)
            clicks = [
                (sent.received.user, sent.at)
                for sent in self._outside.sent
                if isinstance(sent.received, OutcomeClick)
                and (sent.received.action_id, sent.received.answer) == (told.action_id, told.answer)
                and sent.at <= item.at
            ]
            said = {user for user, at in clicks if self._outside.was_allowed(user, asks, proposal.requesters, at, item.at)}
            if told.by not in said:
                yield f"{told} is the word of somebody who may not say it"
            elif told.answer == "run_again" and len(said) < proposal.verdict.quorum:
                yield f"{told} is the word of {sorted(said)}: it takes {proposal.verdict.quorum} to run it again"


def asks_of(approvers: Approvers) -> Asks:
    """Return the same people in the judge's words."""
    return Asks("ask", 1, frozenset(approvers.users), bool(approvers.groups), approvers.channel_members, approvers.requester)
