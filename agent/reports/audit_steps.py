"""What one session's log demands of the other tables: which audit entries, actions, votes and grants there must be.

Pure. The database writes these rows in the same commit as the step (`agent.store.statements`, migration 0010); here they are
worked out anew from the steps, so that `signoff audit verify` can compare.

Long because it compares every kind of step with its audit entry, a function each.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import assert_never

from pydantic import ValidationError

from agent.reports.audit_shapes import ActionOf, AuditEntry, GrantOf, StepLine, VoteOf
from agent.session.step_text import AUDITED
from agent.session.steps import (
    STEP,
    ActionDecided,
    Asked,
    Attached,
    CardShown,
    Compacted,
    DirectShown,
    Edited,
    Escalated,
    FoundChanged,
    Granted,
    GrantEnded,
    Halted,
    Learnt,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    NoticeShown,
    Nudged,
    OutcomeTold,
    Posted,
    PostStarted,
    Previewed,
    ProposedAction,
    Recalled,
    Repinned,
    Resumed,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
    Voted,
    WindowExceeded,
)
from agent.types import OutcomeAnswer

Silent = (
    Asked
    | Attached
    | Recalled
    | ModelStarted
    | ModelReplied
    | ModelFailed
    | Resumed
    | LeftOut
    | Repinned
    | WindowExceeded
    | Compacted
    | Learnt
    | Previewed
    | GrantEnded
    | PostStarted
    | Posted
    | CardShown
    | DirectShown
    | Nudged
    | NoticeShown
    | Halted
    | Stopped
)
"""Steps that have no entry: they say nothing of a decision and have no effect behind a tool. A grant's end has one by its row."""

# What a reader has to load: `model_replied` ends the calls before it.
LOADED: tuple[str, ...] = (*sorted(AUDITED), "model_replied")

TOLD: dict[OutcomeAnswer, str] = {"happened": "succeeded", "run_again": "approved", "leave": "refused"}


@dataclass(slots=True)
class Demanded:
    """What must be there, after as many steps as were taken in."""

    session_id: str
    team: str
    entries: dict[int, AuditEntry] = field(default_factory=dict[int, AuditEntry])  # by the step's seq
    actions: dict[str, ActionOf] = field(default_factory=dict[str, ActionOf])
    votes: dict[tuple[str, str], VoteOf] = field(default_factory=dict[tuple[str, str], VoteOf])
    grants: dict[str, GrantOf] = field(default_factory=dict[str, GrantOf])
    unreadable: dict[int, str] = field(default_factory=dict[int, str])  # step to why
    _asks: dict[str, AuditEntry] = field(default_factory=dict[str, AuditEntry])  # by action
    _calls: dict[str, AuditEntry] = field(default_factory=dict[str, AuditEntry])  # the latest ask or claim, by call
    _action_of: dict[str, str] = field(default_factory=dict[str, str])  # by call of the latest reply

    def take(self, line: StepLine) -> None:
        """Take in the next step."""
        if line.kind == "model_replied":  # its body is long and says nothing of rows
            self._action_of.clear()
            return
        try:
            step = STEP.validate_json(line.body)
        except ValidationError as error:
            self.unreadable[line.seq] = f"{error.error_count()} of its fields cannot be read by this version"
            return
        self._fold_rows(step, line)
        entry = self._entry(step)
        if entry is None:
            return
        self.entries[line.seq] = entry = replace(
            entry, actor=_without_nul(entry.actor), tool=_without_nul(entry.tool), rule=_without_nul(entry.rule)
        )
        if entry.kind == "ask":
            self._asks[entry.action_id] = entry
        if entry.kind in ("ask", "claim"):
            self._calls[entry.call_id] = entry

    # ------------------------------------------------------------------------------------------ entries

    def _entry(self, step: Step) -> AuditEntry | None:
        if isinstance(step, Silent):
            return None
        match step:
            case ProposedAction():
                actor = step.requesters[0] if step.requesters else ""
                return AuditEntry("ask", actor, step.action_id, step.call_id, step.tool, step.digest, step.verdict.rule)
            case Voted():
                return self._entry_of_action(step.action_id, "vote", step.by)
            case Edited():
                return self._entry_of_action(step.action_id, "edit", step.by)
            case Escalated():
                return self._entry_of_action(step.action_id, "escalation")
            case ActionDecided():
                return self._entry_of_action(step.action_id, "decision", step.by)
            case Granted():
                return self._entry_of_action(step.action_id, "grant", step.by)
            case OutcomeTold():
                return self._entry_of_action(step.action_id, "outcome_told", step.by)
            case ToolStarted():
                return self._claim(step)
            case ToolReturned() | FoundChanged():
                return self._again(step.call_id, "outcome")
            case _:
                assert_never(step)

    def _claim(self, step: ToolStarted) -> AuditEntry | None:
        if step.grant_id is not None:
            grant = self.grants.get(step.grant_id)
            by, tool = (grant.granted_by, grant.tool) if grant else ("", "")
            return AuditEntry("claim", by, "", step.call_id, tool, step.digest, f"grant {step.grant_id}")
        if step.unasked is not None:
            why = step.unasked
            actor = why.requesters[0] if why.requesters else ""
            return AuditEntry("claim", actor, "", step.call_id, why.tool, why.digest, why.rule)
        if step.action_id is not None:
            return self._entry_of_action(step.action_id, "claim")
        return self._again(step.call_id, "claim")  # of a run that is repeated after a crash

    def _entry_of_action(self, action_id: str, kind: str, actor: str = "") -> AuditEntry:
        ask = self._asks.get(action_id, AuditEntry("ask", action_id=action_id))
        return replace(ask, kind=kind, actor=actor)

    def _again(self, call_id: str, kind: str) -> AuditEntry | None:
        """Return an entry about a call that is in the log already. None: it is a read, or was refused before anybody was
        asked."""
        before = self._calls.get(call_id)
        return None if before is None else replace(before, kind=kind, actor="")

    # ------------------------------------------------------------------------------------------ rows

    def _fold_rows(self, step: Step, line: StepLine) -> None:
        """Bring actions, votes and grants to where this step's commit brought them."""
        match step:
            case ProposedAction():
                self._proposed(step, line)
            case Voted():
                self._vote(step.action_id, step.by, VoteOf(step.decision, step.reason, line.made_at))
            case ActionDecided():
                self._decide(step.action_id, step.decision, step.by, line.made_at)
                if step.decision in ("approved", "rejected"):
                    self._vote(step.action_id, step.by, VoteOf(step.decision, step.reason, line.made_at))
            case Edited():
                self._decide(step.action_id, "edited", step.by, line.made_at)
                self._action_of = {call: id for call, id in self._action_of.items() if id != step.action_id}
            case OutcomeTold():
                self._decide(step.action_id, TOLD[step.answer], step.by, line.made_at)
                if (ask := self._asks.get(step.action_id)) is not None:
                    self._action_of[ask.call_id] = step.action_id
            case ToolStarted(action_id=str(action_id)):
                action = self.actions.get(action_id)
                if action is not None and action.status == "approved":
                    self.actions[action_id] = replace(action, status="running", started_at=line.made_at)
            case ToolStarted(grant_id=str(grant_id)):
                grant = self.grants.get(grant_id)
                if grant is not None and step.digest:  # without one it is a run that is repeated after a crash
                    self.grants[grant_id] = replace(grant, uses=grant.uses + 1)
            case ToolReturned():
                self._close_action(step.call_id, step.outcome)
            case Granted():
                self._grant(step, line)
            case _:
                pass  # no other step has a row

    def _proposed(self, step: ProposedAction, line: StepLine) -> None:
        self._close_action(step.call_id, "refused")  # asked anew: the action before is over
        self._action_of[step.call_id] = step.action_id
        self.actions[step.action_id] = ActionOf(
            session_id=self.session_id,
            status="unknown" if step.ran else "pending",
            digest=step.digest,
            quorum=step.verdict.quorum,
            rejections=step.verdict.rejections,
            body=line.body,
            expires_at=spelled_moment(step.expires_at),
            created_at=line.made_at,
            asker=step.requesters[0] if step.requesters else "",
            ran=step.ran,
            started_at=line.made_at if step.ran else "",
        )

    def _close_action(self, call_id: str, status: str) -> None:
        action_id = self._action_of.get(call_id, "")
        if (action := self.actions.get(action_id)) is not None:
            self.actions[action_id] = replace(action, status=status)

    def _decide(self, action_id: str, status: str, by: str, at: str) -> None:
        if (action := self.actions.get(action_id)) is not None:
            self.actions[action_id] = replace(action, status=status, decided_by=by, decided_at=at)

    def _vote(self, action_id: str, by: str, vote: VoteOf) -> None:
        self.votes[action_id, by] = vote

    def _grant(self, step: Granted, line: StepLine) -> None:
        self.grants[step.grant_id] = GrantOf(
            session_id=self.session_id,
            team=self.team,
            tool=step.tool,
            granted_by=step.by,
            body=line.body,
            most_uses=step.most_uses,
            uses=0,
            expires_at=spelled_moment(step.expires_at),
            granted_at=line.made_at,
        )


def spelled_moment(at: datetime) -> str:
    """Return a time as Postgres is asked to spell it: UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _without_nul(text: str) -> str:
    """Return a text without NUL, which Postgres' text cannot hold: the trigger puts a replacement character there."""
    return text.replace("\0", "\ufffd")
