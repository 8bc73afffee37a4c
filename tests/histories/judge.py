"""What must hold of a history, judged from the ledger, the threads, what people did, and the rows: none of our code is asked.

Times are compared on one clock: the database and this process run on the same machine.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from agent.received import Click, OutcomeClick
from agent.steps import ActionDecided, Edited, Escalated, Granted, ModelReplied, OutcomeTold, ProposedAction, Step, ToolStarted
from agent.types import Approvers, Block
from tests.histories.outside import Outside, Run
from tests.histories.policies import allows
from tests.histories.toolbox import REPEATABLE

AT_ONCE = timedelta(seconds=0.5)  # so far apart two transactions may begin and still be side by side on a busy machine


@dataclass(frozen=True)
class Logged:
    """A step as it stands in the log, and when it was written."""

    seq: int
    epoch: int
    at: datetime
    step: Step


@dataclass(frozen=True)
class Vote:
    """One person's last word on an action."""

    user: str
    decision: str
    at: datetime


@dataclass(frozen=True)
class Records:
    """The rows of a history."""

    logs: dict[str, list[Logged]]  # by session
    votes: dict[str, list[Vote]]  # by action
    revoked: dict[str, datetime]  # by grant


def _contexts(requests: Sequence[list[Block]]) -> Iterator[list[list[Block]]]:
    """The requests of each context: a new one begins where a turn was left out, which is told in its place."""
    contexts: dict[int, list[list[Block]]] = defaultdict(list)
    for request in requests:
        contexts[str(request).count("is left out here")].append(request)
    yield from contexts.values()


class Judge:
    """Reads one history and names what is wrong with it."""

    def __init__(self, outside: Outside, records: Records) -> None:
        self._outside, self._records = outside, records

    def findings(self) -> Iterator[str]:
        """Everything that must not have happened."""
        yield from self._outside.wrong
        calls: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in self._outside.ledger:
            starts = [item for item in self._steps(run.session_id, ToolStarted) if item.step.idempotency_key == run.key]
            before = [start for start in starts if start.at <= run.began]
            if not before:
                yield f"{run} ran without a start on record"
                continue
            calls[run.session_id, before[-1].step.call_id].append(run)
            yield from (f"{run}: {what}" for what in self._allowed(run, before[0], before[-1]))
        for (session_id, call_id), runs in calls.items():
            yield from (f"call {call_id} of {session_id}: {what}" for what in self._once(session_id, call_id, runs))
        for session_id in self._records.logs:
            yield from self._grants_used(session_id)
            yield from self._votes(session_id)
            yield from self._outcomes_told(session_id)
        for (session_id, _), requests in self._outside.requests.items():
            for context in _contexts(requests):
                for earlier, later in pairwise(sorted(context, key=len)):
                    if later[: len(earlier)] != earlier:
                        yield f"{session_id}: history was rewritten between two requests"

    def _steps(self, session_id: str, kind: type[Any]) -> list[Any]:
        return [item for item in self._records.logs.get(session_id, []) if isinstance(item.step, kind)]

    # ------------------------------------------------------------------------------------------ may it run?

    def _allowed(self, run: Run, first: Any, start: Any) -> Iterator[str]:
        """What is missing for a run that was started like this."""
        replies = [item for item in self._steps(run.session_id, ModelReplied) if item.seq < first.seq]
        asked = next(
            (item for item in reversed(replies) for block in item.step.content if block.get("id") == start.step.call_id), None
        )
        if asked is None:
            yield "the model never asked for it"
        elif start.step.action_id is not None:
            yield from self._approved(run, start)
        elif start.step.grant_id is not None:
            yield from self._granted(run, start, asked.seq)
        else:
            edited = {self._proposal(run.session_id, item.step.action_id).call_id for item in self._steps(run.session_id, Edited)}
            if start.step.call_id in edited:
                yield "an edited call ran without a word of anybody"
            if not any(allows(policy, run.tool, run.arguments["n"]) for at, policy in self._outside.policies if at <= start.at):
                yield "no policy lets it run without asking"

    def _approved(self, run: Run, start: Any) -> Iterator[str]:
        """An approval of exactly this call, by enough people who might, in time, and never taken back."""
        action_id = start.step.action_id
        proposal = self._proposal(run.session_id, action_id)
        if (run.tool, run.arguments) != (proposal.tool, proposal.arguments):
            yield f"{proposal.arguments} were proposed"
        if proposal.ran:
            told = [item for item in self._steps(run.session_id, OutcomeTold) if item.step.action_id == action_id]
            if not any(item.step.answer == "run_again" and item.seq < start.seq for item in told):
                yield "it ran without a card, and nobody said that it should run again"
            return
        shown = [row for message in self._outside.messages.values() for row in message.shown if row.action_id == action_id]
        if not any((row.tool, row.arguments) == (run.tool, run.arguments) for row in shown):
            yield "nobody was shown these arguments"
        decisions = [item for item in self._steps(run.session_id, ActionDecided) if item.step.action_id == action_id]
        if [item.step.decision for item in decisions] != ["approved"] or decisions[0].seq >= start.seq:
            yield f"its action was decided as {[item.step.decision for item in decisions]}"
        if any(item.step.action_id == action_id for item in self._steps(run.session_id, Edited)):
            yield "its action was edited"

    # ------------------------------------------------------------------------------------------ who said so?

    def _votes(self, session_id: str) -> Iterator[str]:
        """Every word that was counted was said in time, by somebody who might; and nothing is decided with too few of them."""
        for proposal in (item.step for item in self._steps(session_id, ProposedAction)):
            votes = self._records.votes.get(proposal.action_id, [])
            wrong = [vote for vote in votes if not self._counts(session_id, proposal, vote)]
            yield from (f"{vote} on {proposal.action_id} must not count" for vote in wrong)
            said = Counter(vote.decision for vote in votes)
            needed = {"approved": proposal.verdict.quorum, "rejected": proposal.verdict.rejections}
            for decided in self._steps(session_id, ActionDecided):
                if decided.step.action_id != proposal.action_id:
                    continue
                decision = decided.step.decision
                if said[decision] < needed.get(decision, 0):
                    yield f"{proposal.action_id} was {decision} by too few: {votes}"
                if decision in needed and decided.at >= proposal.expires_at:
                    yield f"{proposal.action_id} was {decision} at {decided.at}, and its time was over at {proposal.expires_at}"
                if decision == "expired" and decided.at < proposal.expires_at:
                    yield f"{proposal.action_id} expired before its time"

    def _counts(self, session_id: str, proposal: ProposedAction, vote: Vote) -> bool:
        """Whether the person clicked in time, and was among the approvers between their click and its count."""
        approvers = self._approvers(session_id, proposal, vote.at)
        clicks = [
            sent.at
            for sent in self._outside.sent
            if isinstance(sent.received, Click)
            and (sent.received.action_id, sent.received.user) == (proposal.action_id, vote.user)
            and sent.received.decision == vote.decision
        ]
        return vote.at < proposal.expires_at and any(
            at <= vote.at and self._outside.was_allowed(vote.user, approvers, proposal.requesters, at, vote.at) for at in clicks
        )

    def _approvers(self, session_id: str, proposal: ProposedAction, at: datetime) -> Approvers:
        """Who might decide at that moment: an escalation brings in more people."""
        verdict, approvers = proposal.verdict, proposal.verdict.approvers
        escalated = [item for item in self._steps(session_id, Escalated) if item.step.action_id == proposal.action_id]
        if verdict.escalation is None or not any(item.at <= at for item in escalated):
            return approvers
        return approvers.model_copy(update={"users": (*approvers.users, *verdict.escalation.to.users)})

    def _granted(self, run: Run, start: Any, asked_seq: int) -> Iterator[str]:
        """A standing permission for this call, given before it was asked for and holding when it began."""
        found = [item for item in self._steps(run.session_id, Granted) if item.step.grant_id == start.step.grant_id]
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
        [allowed] = granted.pattern
        n, value = run.arguments["n"], allowed.value
        if run.tool != granted.tool or not (n == value or (allowed.to_be == "at_most" and isinstance(value, int) and n <= value)):
            yield f"its grant is one for {granted.tool} with n {allowed.to_be} {value}"
        if run.tool == "wipe" or granted.verdict.quorum > 1:
            yield "there is no grant for such a call"
        wishes = [sent.received for sent in self._outside.sent if isinstance(sent.received, Click) and sent.received.wish]
        if not any((wish.user, wish.action_id, wish.decision) == (granted.by, granted.action_id, "approved") for wish in wishes):
            yield "nobody wished for its grant"

    # ------------------------------------------------------------------------------------------ how often?

    def _once(self, session_id: str, call_id: str, runs: Sequence[Run]) -> Iterator[str]:
        """At most one run, but for those that a person asked for once more, and that safely repeat."""
        actions = {item.step.action_id for item in self._steps(session_id, ProposedAction) if item.step.call_id == call_id}
        told = [item.step for item in self._steps(session_id, OutcomeTold) if item.step.action_id in actions]
        again = sum(step.answer == "run_again" for step in told)
        if runs[0].tool in REPEATABLE:
            if len({run.key for run in runs}) > 1:
                yield f"its runs have different keys: {runs}"
            return
        if len(runs) > 1 + again:
            yield f"it ran {len(runs)} times, and people asked {again} times for another run: {runs}"
        for earlier, later in pairwise(sorted(runs, key=lambda run: run.began)):
            if earlier.ended is None or earlier.ended > later.began:
                yield f"two of its runs were under way at the same time: {runs}"

    def _grants_used(self, session_id: str) -> Iterator[str]:
        for item in self._steps(session_id, Granted):
            starts = [start.step for start in self._steps(session_id, ToolStarted) if start.step.grant_id == item.step.grant_id]
            if len({start.call_id for start in starts}) > item.step.most_uses:
                yield f"{item.step} was used more often than that"

    def _outcomes_told(self, session_id: str) -> Iterator[str]:
        """What became of an unknown call is said by somebody who may decide it."""
        for item in self._steps(session_id, OutcomeTold):
            told: OutcomeTold = item.step
            proposal = self._proposal(session_id, told.action_id)
            approvers = self._approvers(session_id, proposal, item.at)
            clicks = [
                sent.at
                for sent in self._outside.sent
                if isinstance(sent.received, OutcomeClick)
                and (sent.received.action_id, sent.received.user, sent.received.answer) == (told.action_id, told.by, told.answer)
            ]
            if not any(self._outside.was_allowed(told.by, approvers, proposal.requesters, at, item.at) for at in clicks):
                yield f"{told} is the word of somebody who may not say it"

    def _proposal(self, session_id: str, action_id: str) -> ProposedAction:
        return next(item.step for item in self._steps(session_id, ProposedAction) if item.step.action_id == action_id)
