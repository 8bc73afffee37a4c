"""A session as it stands: what its log comes to. `agent.machine` says how each step changes it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from agent import policy
from agent.steps import ActionDecided, Granted, ModelStarted, Posted, ProposedAction
from agent.types import Approvers, Attachment, Call, Look, Outcome, Place, Preview, Verdict

Status = Literal["idle", "ready", "waiting"]
Phase = Literal["asked", "proposed", "pending", "approved", "running", "returned", "declined"]
FINAL: frozenset[Phase] = frozenset({"returned", "declined"})


@dataclass(frozen=True)
class CallState:
    """One call of the model's latest reply, and how far it has come."""

    call: Call
    phase: Phase = "asked"
    action_id: str | None = None
    grant_id: str | None = None
    idempotency_key: str = ""
    started_epoch: int = 0
    outcome: Outcome | None = None
    preview: Preview | None = None
    edited_by: str = ""  # whose arguments these are, if not the model's
    requesters: tuple[str, ...] = ()  # of an edited call: who asked, and everybody who edited
    verdict: Verdict | None = None  # of an edited call: that of the proposal before it

    @property
    def lost(self) -> bool:
        """Nobody knows what became of it, and it has no action yet about which people could be asked."""
        return self.phase == "returned" and self.outcome == "unknown" and self.action_id is None


@dataclass(frozen=True)
class ActionState:
    """An action whose card is not closed yet, or whose outcome people are asked about."""

    proposed: ProposedAction
    ts: str = ""
    posting: bool = False  # its post has begun, and nobody knows yet whether it stands there
    copy_ts: str = ""  # of the same card in the channel that policy names
    copy_error: str = ""  # why it is not there
    copying: bool = False
    decided: ActionDecided | None = None
    idempotency_key: str = ""  # of its run
    outcome: Outcome | None = None
    result: str = ""
    voters: tuple[str, ...] = ()  # who approved so far, the one who settled it included
    rejecters: tuple[str, ...] = ()  # who rejected so far, where one is not enough
    escalated: bool = False
    escalation_told: bool = False
    reminders: int = 0
    changes: int = 0  # of its open card since it was proposed
    shown: Look = "pending"
    shown_changes: int = 0
    asked_ts: str = ""  # of the question about an unknown outcome
    outcome_reminders: int = 0

    @property
    def message(self) -> str:
        """Key of the message that it is shown in."""
        return self.proposed.message or f"card:{self.proposed.action_id}"

    @property
    def approvers(self) -> Approvers:
        """Who may decide now."""
        verdict = self.proposed.verdict
        if self.escalated and verdict.escalation is not None:
            return policy.widened(verdict.approvers, verdict.escalation.to)
        return verdict.approvers

    @property
    def look(self) -> Look:
        """What the card should show."""
        if self.outcome is not None:
            return self.outcome
        if self.decided is None:
            return "pending"
        return "withdrawn" if self.decided.decision == "undeliverable" else self.decided.decision

    @property
    def lags(self) -> bool:
        """Its card does not show how things stand."""
        return self._posted and (self.shown != self.look or (self.decided is None and self.shown_changes != self.changes))

    @property
    def finished(self) -> bool:
        """Nothing about it is left to be shown or asked."""
        closed = self.decided is not None and not (self.posting or self.copying) and (self.shown == self.look or not self._posted)
        return closed and self.look not in ("approved", "unknown")

    @property
    def _posted(self) -> bool:
        return bool(self.ts or self.copy_ts)


@dataclass(frozen=True)
class GrantState:
    """A standing permission of this thread, and how often it was used."""

    granted: Granted
    seq: int  # of the step that gave it: calls that were asked for before are not its
    uses: int = 0


@dataclass(frozen=True, slots=True)
class Closing:
    """What the turn ends with; once the last part is posted the session is idle."""

    parts: tuple[str, ...]
    offer_continue: bool = False


@dataclass(frozen=True, slots=True)
class BudgetNote:
    """Most of a budget is used. `name` says of which one."""

    name: str
    user: str
    agent: str


@dataclass(frozen=True)
class Session:
    """A session folded from its log. `epoch` is the holder's; a start of an older one without a result is *found*."""

    id: str
    place: Place
    epoch: int
    seq: int = 0
    turn: int = 0
    open: bool = False
    requesters: tuple[str, ...] = ()
    unread: tuple[Attachment, ...] = ()  # files of this turn that the model waits for
    attached: int = 0  # files whose bytes are kept for the model
    attached_bytes: int = 0
    iterations: int = 0
    model_epoch: int | None = None  # of the model call that has no reply yet
    reply_seq: int = 0
    reply_text: str = ""  # what the model said beside its calls
    stopped_for: str = ""  # why the model stopped, as long as nothing was made of it (agent.stop_reasons)
    resumed: tuple[str, ...] = ()  # why the model was asked to go on, this turn
    unfinished: str = ""  # text of an answer that goes on with the next reply
    outage_since: datetime | None = None  # the model is out of reach
    retired: bool = False  # the pinned model is not offered any more
    calls: tuple[CallState, ...] = ()
    runs: dict[str, int] = field(default_factory=dict[str, int])  # same tool, same arguments, this turn
    sources: tuple[str, ...] = ()  # untrusted ones that were read in this turn
    actions: dict[str, ActionState] = field(default_factory=dict[str, ActionState])
    asked_at: tuple[datetime, ...] = ()  # when the model's calls were brought before people, in the last hour
    rejected: frozenset[str] = frozenset()  # calls that people said no to: they are not asked about again
    grants: dict[str, GrantState] = field(default_factory=dict[str, GrantState])
    posts: dict[str, Posted | None] = field(default_factory=dict[str, Posted | None])  # None: started, no answer yet
    closing: Closing | None = None
    stopped_by: str | None = None
    used_tokens: int = 0
    model_started: ModelStarted | None = None  # the model call that is not charged yet
    model_seq: int = 0  # of the latest model call
    max_tokens: int = 0  # for its output
    budget_notes: tuple[BudgetNote, ...] = ()  # that people are still to be told
    noted_budgets: frozenset[str] = frozenset()  # all of this session
    granted_tokens: int = 0  # budget added by Continue
    halted_turn: int = 0  # the last turn that ended in an offer to continue
    context_tokens: int = 0  # of the conversation as the model has it, as the API counted them with the last reply
    context_began_tokens: int = 0  # of the first request of this context: prompt, tools, summary, question
    window: Literal["fits", "exceeded", "compacted"] = "fits"  # whether the model's window has refused this turn

    @property
    def status(self) -> Status:
        """Follows from the log: idle, ready (something is to be done) or waiting (for people)."""
        if not self.open:
            return "idle" if self.model_epoch is None else "ready"
        if self.closing or self.model_epoch is not None or not self.calls:
            return "ready"
        if any(state.lost for state in self.calls):
            return "ready"
        phases = {state.phase for state in self.calls}
        return "waiting" if "pending" in phases and phases <= FINAL | {"pending"} else "ready"

    @property
    def summing_up(self) -> bool:
        """The model call that has no reply yet is one for a summary."""
        started = self.model_started
        return self.model_epoch is not None and started is not None and started.purpose == "compact"

    def undecided(self) -> tuple[ActionState, ...]:
        """Actions that wait for people."""
        return tuple(action for action in self.actions.values() if action.decided is None)

    def shown_in(self, message: str) -> tuple[ActionState, ...]:
        """The actions of one message, in the order of their rows."""
        return tuple(action for action in self.actions.values() if action.message == message)
