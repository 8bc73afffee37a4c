"""A session in a world that is left to chance: crashes, clicks, edits, grants, messages, Stop, policy changes, lost results."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from hypothesis import note

from agent import compaction
from agent.decide import next_moves
from agent.grants import grantable
from agent.machine import apply
from agent.moves import (
    CallModel,
    Close,
    FetchFile,
    MakePreview,
    Permit,
    Post,
    Reconcile,
    Record,
    Repin,
    RunTool,
    Settle,
    ShowCard,
    TurnAway,
    Vouch,
)
from agent.received import Click, ContinueClick, Edit, Inboxed, Message, OutcomeClick, StopPressed, Withdraw
from agent.rules import Rules
from agent.session import ActionState, Session
from agent.snapshot import beginning, placed
from agent.steps import (
    ActionDecided,
    Attached,
    CardShown,
    Compacted,
    Edited,
    Granted,
    GrantEnded,
    ModelFailed,
    ModelStarted,
    OutcomeTold,
    Posted,
    PostStarted,
    Previewed,
    Recorded,
    Step,
    ToolReturned,
    ToolStarted,
    Voted,
)
from agent.stream_moves import opening
from agent.tool import Effect
from agent.transcript import Transcript
from agent.types import Allowed, Attachment, Decision, Outcome, OutcomeAnswer, Place, Preview, Said, Wish
from tests.unit.simulated_rules import FREELY, POLICIES, TOOLS
from tests.unit.wire import Wire

Made = CallModel | FetchFile | RunTool | MakePreview | Reconcile | Post | ShowCard | Settle | Permit | TurnAway | Close


DISTURBANCES = (
    *("message", "click", "click", "click", "edit", "withdraw", "outcome", "continue", "stop", "policy", "clock"),
    "revoke",
    *("crash", "crash"),
)


class Simulation:
    """A session, its inbox, and a world whose every answer is left to chance."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.session = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)
        self.rested, self.said = self.session, Transcript()
        self.steps: list[Step] = []
        self.epochs: list[int] = []  # of the steps
        self.inbox: list[Inboxed] = []
        self.now = datetime(2026, 11, 22, tzinfo=UTC)
        self.under_way: dict[str, Made] = {}
        self.wire = Wire(self.random)
        self.rows = 0
        self.ran: dict[str, int] = {}
        self.again: set[str] = set()
        self.approvals: set[str] = set()
        self.policy = POLICIES[0]
        self.votes: dict[str, dict[str, str]] = {}
        self.showing: dict[str, list[CardShown]] = {}
        self.grants: dict[str, Granted] = {}
        self.uses: dict[str, int] = {}
        self.revoked: set[str] = set()

    def apply(self, step: Step) -> None:
        """The step happened."""
        if not self.session.open:
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

    def moves(self) -> list[Made]:
        """Record what has no effect; what is left to be made and not under way."""
        for _ in range(100):
            moves = next_moves(self.session, self.inbox, self.rules(), self.now)
            if any(isinstance(move, Repin) for move in moves):
                self.apply(self.wire.repin())
                continue
            if not (moves and isinstance(moves[0], Record)):
                begun = opening(self.session, "Well.")
                moves = (*moves, begun) if begun is not None and self.random.random() < 0.3 else moves
                return [move for move in moves if not isinstance(move, Record | Repin | Vouch) and move.key not in self.under_way]
            for step in moves[0].steps:
                self.apply(step)
            self.taken(moves[0].inbox_ids)
        raise AssertionError("steps are recorded without end")

    def rules(self) -> Rules:
        """What the session is run by: its conversation is compacted as soon as it is worth it."""
        return Rules(TOOLS, max_iterations=4, judge=self.policy.judge, cards_per_hour=12, context_tokens=300)

    def begin(self, move: Made) -> None:
        """Commit the start."""
        match move:
            case CallModel(purpose="compact") if self.random.random() < 0.2 or not compaction.request(self.session, self.said):
                self.apply(compaction.compacted(self.session, self.said, None))  # there is no budget for it, or nothing to sum up
                return
            case CallModel(purpose="reply") if self.session.outage_since is None and self.random.random() < 0.03:
                self.apply(ModelFailed(reason="unavailable", since=self.now))  # another session has found out
                return
            case CallModel(iteration=iteration, purpose=purpose, lifetime=lifetime):
                compact = purpose == "compact"
                messages = compaction.request(self.session, self.said) if compact else self.said.messages()
                self.wire.ask(messages, purpose, lifetime, in_turn=self.session.open)
                self.apply(ModelStarted(iteration=iteration, reserved_tokens=10, max_tokens=5, purpose=purpose))
            case RunTool(call=call, idempotency_key=key, grant_id=str(grant_id), digest=str(digest)):
                if grant_id not in self.session.grants:  # it failed a sibling just now: what comes next is worked out anew
                    return
                if not self.passes(grant_id, call.arguments):
                    self.apply(GrantEnded(grant_id=grant_id))
                    return
                self.apply(ToolStarted(call_id=call.id, idempotency_key=key, grant_id=grant_id, digest=digest))
            case RunTool(call=call, idempotency_key=key, action_id=action_id, digest=digest):
                repeated = digest is None and TOOLS[call.tool].repeatable
                if TOOLS[call.tool].effect is not Effect.READ and not repeated:
                    if action_id is None:
                        assert FREELY in self.policy.rules, "a write ran without an approval of its own"
                        assert call.tool == FREELY.tool
                    else:
                        assert action_id in self.approvals, "a write ran without an approval of its own"
                        assert self.session.actions[action_id].proposed.arguments == call.arguments, "it ran something else"
                        self.approvals.discard(action_id)
                    self.ran[call.id] = self.ran.get(call.id, 0) + 1
                    assert self.ran[call.id] == 1 or call.id in self.again, "a write ran twice"
                grant_id = move.grant_id
                self.apply(ToolStarted(call_id=call.id, idempotency_key=key, action_id=action_id, grant_id=grant_id))
            case ShowCard(cards=shown):
                lagging = [action for row in shown.rows if (action := self.session.actions[row.action_id]).lags]
                self.showing[move.key] = [
                    CardShown(action_id=action.proposed.action_id, look=action.look, changes=action.changes) for action in lagging
                ]
            case Post(key=key, inbox_ids=ids):
                self.apply(PostStarted(key=key))
                self.taken(ids)
            case _:
                pass
        self.under_way[move.key] = move

    def passes(self, grant_id: str, arguments: dict[str, Any]) -> bool:
        """As the gate of grants does, and that the grant is one for this call."""
        granted = self.grants[grant_id]
        assert arguments.get("n", 0) == granted.pattern[0].value, "a grant let another call run"
        asked_before = self.session.grants[grant_id].seq > self.session.reply_seq
        assert not asked_before, "a grant released a sibling that was asked for before"
        if grant_id in self.revoked or self.now >= granted.expires_at or self.uses[grant_id] >= granted.most_uses:
            return False
        self.uses[grant_id] += 1
        return True

    def end(self, move: Made) -> None:
        """The effect has ended, somehow."""
        del self.under_way[move.key]
        match move:
            case CallModel(purpose="compact"):
                if self.session.model_epoch is not None:
                    self.apply(compaction.compacted(self.session, self.said, self.wire.summary()))
            case CallModel():
                if self.session.model_epoch is not None:
                    self.apply(self.wire.reply(self.session, self.now))
            case FetchFile(file=file):
                if file in self.session.unread:
                    self.apply(Attached(file_id=file.id, blocks=({"type": "text", "text": "1,2"},), source="a.csv"))
            case MakePreview(call_id=call_id):
                if any(state.call.id == call_id and state.phase in ("asked", "approved") for state in self.session.calls):
                    self.apply(Previewed(call_id=call_id, preview=Preview(trouble="none")))
            case Permit(inbox_id=row):
                if self.random.random() < 0.5:
                    self.inbox = [one.model_copy(update={"permitted": one.permitted or one.id == row}) for one in self.inbox]
                else:
                    self.taken((row,))
            case TurnAway(inbox_id=row):
                self.taken((row,))
            case RunTool(call=call) if not any(one.call.id == call.id and one.phase == "running" for one in self.session.calls):
                pass  # given up after a Stop
            case RunTool(call=call):
                outcomes: tuple[Outcome, ...] = ("succeeded", "failed", "unknown")
                outcome = self.random.choice(outcomes)
                if TOOLS[call.tool].repeatable and outcome == "unknown":
                    outcome = "failed"
                self.apply(ToolReturned(call_id=call.id, outcome=outcome, text=self.wire.result()))
            case Reconcile(call=call):
                self.apply(ToolReturned(call_id=call.id, outcome="unknown", text='{"ok":false}'))
            case Post(key=key):
                error = self.random.choice(["", "", "", "restricted_action"])
                self.apply(Posted(key=key, ts="" if error else "9.0", error=error))
            case ShowCard():
                for shown in self.showing.pop(move.key):  # what was rendered, whatever has happened since
                    self.apply(shown)
            case Settle(inbox_id=row, click=click):
                self.taken((row,))
                self.settle(click)
            case Close(action_id=action_id, decision=decision, by=by):
                self.decide(action_id, decision, by)

    def settle(self, click: Click | Edit | OutcomeClick) -> None:
        """As the conditional statements do."""
        action = self.session.actions.get(click.action_id)
        if action is None:
            return
        if isinstance(click, OutcomeClick):
            if action.outcome == "unknown" and self.session.status == "idle":
                if click.answer == "run_again":
                    self.again.add(action.proposed.call_id)  # though it may be asked about once more first
                    self.approvals.add(click.action_id)
                self.apply(OutcomeTold(action_id=click.action_id, by=click.user, answer=click.answer, told_at=self.now))
        elif action.decided is None and self.now < action.proposed.expires_at and action.ts:
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
        running = any(state.action_id == action_id and state.phase == "running" for state in self.session.calls)
        taken_back = decision == "withdrawn" and action.look == "approved" and not running
        if action.decided and not taken_back:
            return
        if decision == "approved":
            self.approvals.add(action_id)
        else:
            self.approvals.discard(action_id)
        self.apply(ActionDecided(action_id=action_id, decision=decision, by=by, decided_at=self.now))

    def disturb(self) -> None:
        """Something from outside: a person, the clock, or the end of the process."""
        waiting = [action.proposed.action_id for action in self.session.undecided()]
        action_ids = waiting if waiting and self.random.random() < 0.8 else sorted(self.session.actions) or ["Agone"]
        user = self.random.choice(["U1", "U2", "U3"])
        match self.random.choice(DISTURBANCES):
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
                self.under_way = {}
                self.load()
                self.session = replace(self.session, epoch=self.session.epoch + 1)

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
        assert compaction.request(session, said) == compaction.request(self.session, self.said)
        assert said.past.gathered(whole=True) == self.said.past.gathered(whole=True)
        self.said = said

    def play(self) -> None:
        """One thing happens."""
        possible = self.moves()
        what = self.random.choice(["begin", "begin", "end", "end", "end", "disturb"])
        if what == "disturb":
            self.disturb()
        elif what == "end" and self.under_way:
            self.end(self.under_way[self.random.choice(sorted(self.under_way))])
        elif possible:
            for move in possible:  # as the runner does: everything that can begin, begins
                self.begin(move)

    def settle_down(self) -> None:
        """Nothing more comes from outside: make every move until none is left."""
        for _ in range(500):
            moves = self.moves()
            for move in moves:
                self.begin(move)
            if self.under_way:
                self.end(self.under_way[sorted(self.under_way)[0]])
            elif not moves:  # one that was not begun after all, for a grant that ended, leads to others
                return
        raise AssertionError("the session does not come to rest")
