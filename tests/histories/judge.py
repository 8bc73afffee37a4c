"""What must hold of a history, judged from the ledger, the screens, what people did, and the rows: none of our code is asked.

Times are compared on one clock: the database and this process run on the same machine.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from agent.session.steps import ActionDecided, Edited, ModelReplied, OutcomeTold, ProposedAction, ToolReturned, ToolStarted
from agent.types import Block
from tests.histories.judge_people import Voices
from tests.histories.judge_screens import Eyes
from tests.histories.outside import OPEN_CARDS, Outside, Run
from tests.histories.records import Records
from tests.histories.toolbox import REPEATABLE


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
        self._eyes = Eyes(outside)
        self._voices = Voices(outside, records, self._eyes)

    def findings(self) -> Iterator[str]:
        """Everything that must not have happened."""
        yield from self._outside.wrong
        calls: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in self._outside.ledger:
            starts = [item for item in self._starts(run.session_id) if item.step.idempotency_key == run.key]
            before = [start for start in starts if start.at <= run.began]
            if not before:
                if run.effect != "read" or any(start.step.action_id or start.step.grant_id for start in starts):
                    yield f"{run} ran without a start on record"
                if not starts:
                    continue  # of a read, which a crash has taken out of the log
                before = starts  # that read's, written with what came of it
            calls[run.session_id, before[-1].step.call_id].append(run)
            yield from (f"{run}: {what}" for what in self._allowed(run, before[0], before[-1]))
        for (session_id, call_id), runs in calls.items():
            yield from (f"call {call_id} of {session_id}: {what}" for what in self._once(session_id, call_id, runs))
            yield from (f"call {call_id} of {session_id}: {what}" for what in self._told_of(session_id, call_id, runs))
        yield from self._eyes.findings()
        for session_id in self._records.logs:
            yield from self._voices.grants_used(session_id, self._starts(session_id))
            yield from self._voices.votes(session_id)
            yield from self._voices.outcomes_told(session_id)
            yield from self._cards(session_id)
        for (session_id, _), requests in self._outside.requests.items():
            for context in _contexts(requests):
                for earlier, later in pairwise(sorted(context, key=len)):
                    if later[: len(earlier)] != earlier:
                        yield f"{session_id}: history was rewritten between two requests"

    def _starts(self, session_id: str) -> list[Any]:
        return self._records.steps(session_id, ToolStarted)

    # ------------------------------------------------------------------------------------------ may it run?

    def _allowed(self, run: Run, first: Any, start: Any) -> Iterator[str]:
        """What is missing for a run that was started like this."""
        replies = [item for item in self._records.steps(run.session_id, ModelReplied) if item.seq < first.seq]
        asked = next(
            (item for item in reversed(replies) for block in item.step.content if block.get("id") == start.step.call_id), None
        )
        if asked is None:
            yield "the model never asked for it"
        elif start.step.action_id is not None:
            yield from self._approved(run, start)
        elif start.step.grant_id is not None:
            yield from self._voices.granted(run, start, asked.seq)
        else:
            yield from self._freely(run, start)
        if run.tool != "look" and (run.session_id, start.step.call_id) not in self._records.audited:
            yield "no entry of the audit log says that it ran"

    def _freely(self, run: Run, start: Any) -> Iterator[str]:
        """A call that nobody was asked about is one that policy lets through, as the model made it."""
        edits = self._records.steps(run.session_id, Edited)
        edited = {self._records.proposal(run.session_id, item.step.action_id).call_id for item in edits}
        if start.step.call_id in edited:
            yield "an edited call ran without a word of anybody"
        if not any(asks.answer == "run" for asks in self._voices.asked_for(run, start)):
            yield "no policy lets it run without asking"

    def _approved(self, run: Run, start: Any) -> Iterator[str]:
        """An approval of exactly this call, by enough people who might, in time, and never taken back."""
        action_id = start.step.action_id
        proposal = self._records.proposal(run.session_id, action_id)
        if (run.tool, run.arguments) != (proposal.tool, proposal.arguments):
            yield f"{proposal.arguments} were proposed"
        told = [item for item in self._records.steps(run.session_id, OutcomeTold) if item.step.action_id == action_id]
        again = any(item.step.answer == "run_again" and item.seq < start.seq for item in told)
        if proposal.ran:
            if not again:
                yield "it ran without a card, and nobody said that it should run again"
            return
        if not again:
            yield from self._voices.enough(run, start)
        decisions = [item for item in self._records.steps(run.session_id, ActionDecided) if item.step.action_id == action_id]
        if [item.step.decision for item in decisions] != ["approved"] or decisions[0].seq >= start.seq:
            yield f"its action was decided as {[item.step.decision for item in decisions]}"
        if any(item.step.action_id == action_id for item in self._records.steps(run.session_id, Edited)):
            yield "its action was edited"

    # ------------------------------------------------------------------------------------------ how often?

    def _once(self, session_id: str, call_id: str, runs: Sequence[Run]) -> Iterator[str]:
        """At most one run, but for those that a person asked for once more, and that safely repeat."""
        proposed = self._records.steps(session_id, ProposedAction)
        actions = {item.step.action_id for item in proposed if item.step.call_id == call_id}
        told = [item.step for item in self._records.steps(session_id, OutcomeTold) if item.step.action_id in actions]
        again = sum(step.answer == "run_again" for step in told)
        if runs[0].tool in REPEATABLE:
            if len({run.key for run in runs}) > 1:
                yield f"its runs have different keys: {runs}"
            return
        ran = sum(not run.turned_back for run in runs)
        if ran > 1 + again:
            yield f"it ran {ran} times, and people asked {again} times for another run: {runs}"
        for earlier, later in pairwise(sorted(runs, key=lambda run: run.began)):
            if earlier.ended is None or earlier.ended > later.began:
                yield f"two of its runs were under way at the same time: {runs}"

    def _cards(self, session_id: str) -> Iterator[str]:
        """Cards name people and sources, and no more wait at a time than may: an edited one takes the place of another."""
        ends: dict[str, datetime] = {
            item.step.action_id: item.at for kind in (ActionDecided, Edited) for item in self._records.steps(session_id, kind)
        }
        first: dict[str, str] = {}  # by call
        for item in self._records.steps(session_id, ProposedAction):
            if not item.step.ran:  # of a run without a card people are asked what became of it, and no step says that it is over
                first.setdefault(item.step.call_id, item.step.action_id)
            yield from self._eyes.named(item.step.action_id, item.step.call_id)
        never = datetime.max.replace(tzinfo=UTC)
        count = self._eyes.at_a_time({action_id: ends.get(action_id, never) for action_id in first.values()})
        if count > OPEN_CARDS:
            yield f"{count} cards of {session_id} waited at a time"

    def _told_of(self, session_id: str, call_id: str, runs: Sequence[Run]) -> Iterator[str]:
        """Nobody is told that a call did not run which did (a run that is asked for once more has another result)."""
        returned = [item for item in self._records.steps(session_id, ToolReturned) if item.step.call_id == call_id]
        happened = [run.happened for run in runs if run.happened is not None and run.tool != "look"]
        if returned and returned[0].step.outcome == "refused" and any(at < returned[0].at for at in happened):
            yield f"it ran at {happened}, and the model was told that it did not: {returned[0].step.text}"
