"""A session as it stands: what its log comes to. `agent.session.machine` says how each step changes it.

Long because it has every value that a session is made of.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from agent.approvals.deciders import widened
from agent.session.model_state import NEVER_ASKED, ModelState
from agent.session.post_keys import PostKey, StoredKey
from agent.session.steps import ActionDecided, Granted, NoticeLook, Nudged, Posted, ProposedAction
from agent.types import Approvers, Attachment, Call, Change, Look, Origin, Outcome, Place, Preview, Task, Verdict

NOT_POSTED = "-"  # in place of a question's ts: Slack refused it
Status = Literal["idle", "ready", "waiting"]
Phase = Literal["asked", "proposed", "pending", "approved", "running", "changed", "returned", "declined"]
FINAL: frozenset[Phase] = frozenset({"returned", "declined"})


@dataclass(frozen=True)
class CallState:
    """One call of the model's latest reply, and how far it has come.

    Wide because it is all of a call between the reply and its result.
    """

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
    changed: tuple[Change, ...] = ()  # what its run found to be different from what its card showed
    unusable: str = ""  # why it cannot be run, as it came from the model

    @property
    def lost(self) -> bool:
        """Return whether nobody knows what became of it, and it has no action yet about which people could be asked."""
        return self.phase == "returned" and self.outcome == "unknown" and self.action_id is None


@dataclass(frozen=True)
class Direct:
    """What one person was told of the actions of one message directly."""

    ts: str = ""  # of the first direct message; empty: it is being posted, or Slack refused it
    error: str = ""  # why it is not there
    posting: bool = False  # its post has begun, and nobody knows yet whether it stands there
    times: int = 0  # that they were told again
    over: tuple[str, ...] = ()  # actions that it says are over


@dataclass(frozen=True)
class NoticeState:
    """The one notice of a message with cards: where it stands, and what it says."""

    ts: str = ""  # empty: none stands
    number: int = 0  # how often it was posted: people are notified of a message that is new, and of none that is edited
    posting: bool = False
    look: NoticeLook | None = None  # None: nobody knows for sure

    @property
    def open(self) -> bool:
        """Return whether it says, or may say, that something waits."""
        return self.posting or (bool(self.ts) and (self.look is None or bool(self.look.waits)))


@dataclass(frozen=True)
class Shown:
    """Where an action's card stands, and what it shows there.

    Wide because it is all that people see of one action, wherever it stands.
    """

    ts: str = ""
    questions: tuple[str, ...] = ()  # of messages that asked about its outcome and are answered: they show its card from then on
    reminder_ts: str = ""  # of the one reminder that stands of a question about its outcome
    posting: bool = False  # its post has begun, and nobody knows yet whether it stands there
    copy_ts: str = ""  # of the same card in the channel that policy names
    copy_error: str = ""  # why it is not there
    copying: bool = False
    look: Look = "pending"
    changes: int = 0  # of the action, as many as it shows
    too_few: str = ""  # a sentence: why the quorum could not be met when it was posted
    directs: dict[str, Direct] = field(default_factory=dict[str, Direct])  # by person; the same for all rows of a message
    notice: NoticeState = NoticeState()
    copy_notice: NoticeState = NoticeState()  # that stands below the copy

    @property
    def posted(self) -> bool:
        """Return whether people can see it anywhere."""
        return bool(self.ts or self.copy_ts or self.questions)

    @property
    def under_way(self) -> bool:
        """Return whether a post of it may be there that is not on record yet."""
        return self.posting or self.copying or any(direct.posting for direct in self.directs.values())


@dataclass(frozen=True)
class Votes:
    """Who has said yes and no to an action so far, the one who settled it included."""

    approved_by: tuple[str, ...] = ()
    rejected_by: tuple[str, ...] = ()  # filled also where one is not enough


@dataclass(frozen=True)
class ActionRun:
    """The run of an action's call: its key, what came of it, and what people were asked about that."""

    idempotency_key: str = ""
    outcome: Outcome | None = None
    result: str = ""
    asked_ts: str = ""  # of the question about an unknown outcome, or NOT_POSTED
    reminders: int = 0  # of that question, and of those before it
    reminders_before: int = 0  # of those before it: the call was run again since
    again_by: tuple[str, ...] = ()  # who wants it run again, where one is not enough
    again_told: int = 0  # how many of them people heard of, and of those before
    again_before: int = 0  # who wanted it when it was asked about before
    left: bool = False  # its outcome was unknown, and people left it so


@dataclass(frozen=True)
class ActionState:
    """An action whose card is not closed yet, or whose outcome people are asked about."""

    proposed: ProposedAction
    decided: ActionDecided | None = None
    shown: Shown = Shown()
    votes: Votes = Votes()
    run: ActionRun = ActionRun()
    changes: int = 0  # of its open card since it was proposed
    escalated: bool = False
    escalation_told: bool = False
    reminders: int = 0
    nudges: tuple[Nudged, ...] = ()

    @property
    def message(self) -> PostKey:
        """Return the key of the message that it is shown in."""
        return self.proposed.shown_in

    @property
    def approvers(self) -> Approvers:
        """Return who may decide now."""
        verdict = self.proposed.verdict
        if self.escalated and verdict.escalation is not None:
            return widened(verdict.approvers, verdict.escalation.to)
        return verdict.approvers

    @property
    def look(self) -> Look:
        """Return what the card should show."""
        if self.run.outcome is not None:
            return "left" if self.run.left else self.run.outcome
        if self.decided is None:
            return "pending"
        return "withdrawn" if self.decided.decision == "undeliverable" else self.decided.decision

    @property
    def lags(self) -> bool:
        """Return whether its card shows less than has happened."""
        shown = self.shown
        return shown.posted and (shown.look != self.look or (self.decided is None and shown.changes != self.changes))

    @property
    def looks_open_to(self) -> tuple[str, ...]:
        """Return whose direct message does not say yet that it is over."""
        if self.decided is None:
            return ()
        return tuple(user for user, each in self.shown.directs.items() if each.ts and self.proposed.action_id not in each.over)

    @property
    def finished(self) -> bool:
        """Return whether nothing about it is left to be shown or asked."""
        shown = self.shown
        closed = self.decided is not None and not shown.under_way and (shown.look == self.look or not shown.posted)
        closed = closed and not self.looks_open_to and not (shown.notice.open or shown.copy_notice.open)
        return closed and self.look not in ("approved", "unknown")


@dataclass(frozen=True)
class GrantState:
    """A standing permission of this thread, and how often it was used."""

    granted: Granted
    seq: int  # of the step that gave it: calls that were asked for before are not its
    uses: int = 0


@dataclass(frozen=True)
class AllowedRun:
    """A call that ran without a card, by a standing permission; `use`: how often that was used by then."""

    call: Call
    granted: Granted
    use: int
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """What the turn ends with; once the last part is posted the session is idle."""

    parts: tuple[str, ...]
    offer_continue: bool = False
    answered: bool = False  # in the model's own words


@dataclass(frozen=True, slots=True)
class BudgetNote:
    """Most of a budget is used. `name` says of which one."""

    name: str
    user: str
    agent: str


@dataclass(frozen=True)
class Ending:
    """How a turn comes to its end, or why it goes on after a reply that looked like one."""

    stopped_for: str = ""  # why the model stopped, as long as nothing was made of it (agent.session.stop_reasons)
    resumed: tuple[str, ...] = ()  # why the model was asked to go on
    unfinished: str = ""  # text of an answer that goes on with the next reply
    began_anew: bool = False  # the model did not take the conversation: it went on from a summary, which people are told
    closing: Closing | None = None


@dataclass(frozen=True)
class Turn:
    """What is known of one turn. The next one begins as another `Turn`, so nothing here outlives it.

    Wide because it is all that is forgotten together when the next turn begins.
    """

    number: int = 0  # 0: nobody has asked anything yet
    open: bool = False
    speakers: tuple[str, ...] = ()  # whose words it answers; tools act for the first. A continued turn keeps its speakers
    payer: str = ""  # of whose budget its model calls are paid: the first speaker, or the person who clicked it on
    unread: tuple[Attachment, ...] = ()  # files that the model waits for
    recalled: bool = False  # what is remembered that may bear on it was looked up
    iterations: int = 0
    calls: tuple[CallState, ...] = ()  # of the latest reply
    runs: dict[str, int] = field(default_factory=dict[str, int])  # by tool and arguments
    allowed: tuple[AllowedRun, ...] = ()  # its calls that ran without a card
    tasks: tuple[Task, ...] = ()  # that people can watch, since they were asked last
    ended: tuple[tuple[str, str], ...] = ()  # its calls that are over: which tool, and what became of it
    window: Literal["fits", "exceeded", "compacted"] = "fits"  # whether the model's window has refused this turn
    stopped_by: str | None = None
    ending: Ending = Ending()


@dataclass(frozen=True)
class Context:
    """What the model reads of the conversation, since it began or was compacted."""

    tokens: int = 0  # as the API counted them with the last reply
    began_tokens: int = 0  # of the first request: prompt, tools, summary, question
    attached: int = 0  # files, and images of results, whose bytes are kept for the model
    attached_bytes: int = 0
    speakers: tuple[str, ...] = ()  # everybody whose words are in it, also summed up; the opener of the thread first
    sources: tuple[str, ...] = ()  # untrusted ones that were read into it, or that its summary may draw on
    known_from: tuple[str, ...] = ()  # channels that what is remembered in it was learnt in
    origins: tuple[Origin, ...] = ()  # of what is remembered in it


@dataclass(frozen=True)
class Spending:
    """What the session has used, and was given beyond its budget."""

    used_tokens: int = 0
    granted_tokens: int = 0  # budget added by Continue
    halted_turn: int = 0  # the last turn that ended in an offer to continue
    halted_for: str = ""  # and the name of the exception that ended it
    notes: tuple[BudgetNote, ...] = ()  # that people are still to be told
    noted: frozenset[str] = frozenset()  # names of all budgets that people were told about


@dataclass(frozen=True)
class Standing:
    """What people have said for the rest of the conversation, and how often they were asked."""

    grants: dict[str, GrantState] = field(default_factory=dict[str, GrantState])
    rejected: frozenset[str] = frozenset()  # calls that people said no to: they are not asked about again
    asked_at: tuple[datetime, ...] = ()  # when the model's calls were brought before people, in the last hour


@dataclass(frozen=True)
class Session:
    """A session folded from its log. `epoch` is the holder's; a start of an older one without a result is *found*."""

    id: str
    place: Place
    epoch: int
    seq: int = 0
    turn: Turn = Turn()
    model: ModelState = NEVER_ASKED
    context: Context = Context()
    spending: Spending = Spending()
    standing: Standing = Standing()
    actions: dict[str, ActionState] = field(default_factory=dict[str, ActionState])
    posts: dict[StoredKey, Posted | None] = field(default_factory=dict[StoredKey, Posted | None])  # None: started, no answer yet
    stream: Posted | None = None  # the message that grows while a turn is worked on

    @property
    def status(self) -> Status:
        """Return the status, which follows from the log: idle, ready (something is to be done) or waiting (for people)."""
        turn, in_flight = self.turn, self.model.in_flight is not None
        if not turn.open:
            return "ready" if in_flight else "idle"
        if turn.ending.closing or in_flight or not turn.calls:
            return "ready"
        if any(state.lost for state in turn.calls):
            return "ready"
        phases = {state.phase for state in turn.calls}
        return "waiting" if "pending" in phases and phases <= FINAL | {"pending"} else "ready"

    @property
    def requesters(self) -> tuple[str, ...]:
        """Return whose words may have led to a call of this turn: its speakers, then all of the context's."""
        return tuple(dict.fromkeys((*self.turn.speakers, *self.context.speakers)))

    def undecided(self) -> tuple[ActionState, ...]:
        """Return actions that wait for people."""
        return tuple(action for action in self.actions.values() if action.decided is None)

    def messages(self) -> tuple[tuple[ActionState, ...], ...]:
        """Return the actions that are kept, message by message."""
        rows: dict[PostKey, list[ActionState]] = {}
        for action in self.actions.values():
            rows.setdefault(action.message, []).append(action)
        return tuple(map(tuple, rows.values()))

    def shown_in(self, message: PostKey) -> tuple[ActionState, ...]:
        """Return the actions of one message, in the order of their rows."""
        return tuple(action for action in self.actions.values() if action.message == message)
