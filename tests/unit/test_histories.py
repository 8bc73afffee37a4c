"""Random histories of one session, without clock, network or database: crashes, clicks, messages, Stop, lost results.

Whatever happens: every request to the model is one that the API takes and has the one before as its prefix, no call runs
without an approval of its own, no write is run twice, and in the end the session is idle or waits for an open card.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

from hypothesis import given, note, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.decide import next_moves
from agent.machine import apply
from agent.moves import CallModel, Close, Post, Reconcile, Record, RunTool, Settle, ShowCard
from agent.received import Click, ContinueClick, Inboxed, Message, OutcomeClick, StopPressed
from agent.rules import Rules
from agent.session import Session
from agent.steps import (
    ActionDecided,
    CardShown,
    Halted,
    ModelReplied,
    ModelStarted,
    OutcomeTold,
    Posted,
    PostStarted,
    Step,
    ToolReturned,
    ToolStarted,
)
from agent.tool import Effect, Tool, registry
from agent.transcript import messages
from agent.types import Block, Decision, Place, Said, Usage
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.models import ModelCard, Models
from bot.sandbox.model.pairing import check_pairing

MODEL = cast(ModelCard, Models().get("claude-sonnet-5-5"))


Made = CallModel | RunTool | Reconcile | Post | ShowCard | Settle | Close


class Nothing(BaseModel):
    """No arguments."""

    n: int = 0


async def never(arguments: Nothing, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


def tool(name: str, effect: Effect) -> Tool:
    """A tool of this effect."""
    return Tool(name=name, description=name, arguments=Nothing, handler=never, effect=effect)


RULES = Rules(
    registry([tool("look", Effect.READ), tool("pay", Effect.WRITE), tool("wipe", Effect.IRREVERSIBLE)]), max_iterations=4
)


class Simulation:
    """A session, its inbox, and a world whose every answer is drawn."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.session = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)
        self.steps: list[Step] = []
        self.inbox: list[Inboxed] = []
        self.now = datetime(2026, 11, 22, tzinfo=UTC)
        self.under_way: dict[str, Made] = {}
        self.requests = 0
        self.last_request: list[dict[str, Any]] = []
        self.calls = 0
        self.rows = 0
        self.ran: dict[str, int] = {}
        self.again: set[str] = set()
        self.approvals: set[str] = set()

    def apply(self, step: Step) -> None:
        """The step happened."""
        self.session = apply(self.session, step, self.session.epoch)
        self.steps.append(step)

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
            moves = next_moves(self.session, self.inbox, RULES, self.now)
            if not (moves and isinstance(moves[0], Record)):
                return [move for move in moves if not isinstance(move, Record) and move.key not in self.under_way]
            for step in moves[0].steps:
                self.apply(step)
            self.taken(moves[0].inbox_ids)
        raise AssertionError("steps are recorded without end")

    def begin(self, move: Made) -> None:
        """Commit the start."""
        match move:
            case CallModel(iteration=iteration):
                request = messages(self.steps)
                self.check(request)
                self.apply(ModelStarted(iteration=iteration, reserved_tokens=10, max_tokens=5))
            case RunTool(call=call, idempotency_key=key, action_id=action_id):
                if RULES.tools[call.tool].effect is not Effect.READ:
                    assert action_id in self.approvals, "a write ran without an approval of its own"
                    self.approvals.discard(action_id)
                    self.ran[call.id] = self.ran.get(call.id, 0) + 1
                    assert self.ran[call.id] == 1 or action_id in self.again, "a write ran twice"
                self.apply(ToolStarted(call_id=call.id, idempotency_key=key, action_id=action_id))
            case Post(key=key, inbox_ids=ids):
                self.apply(PostStarted(key=key))
                self.taken(ids)
            case _:
                pass
        self.under_way[move.key] = move

    def check(self, request: list[dict[str, Any]]) -> None:
        """What the strict server would, and that history only grows."""
        check_messages(request, MODEL)
        check_pairing(request, has_tools=True)
        for earlier, later in pairwise(request):  # the API would take any order; ours is that of the calls
            asked = [block["id"] for block in earlier["content"] if block["type"] == "tool_use"]
            answered = [block["tool_use_id"] for block in later["content"] if block["type"] == "tool_result"]
            assert asked == answered
        grown = [block for message in self.last_request for block in message["content"]]
        whole = [block for message in request for block in message["content"]]
        assert whole[: len(grown)] == grown, "history was rewritten"
        self.last_request = request
        self.requests += 1

    def end(self, move: Made) -> None:
        """The effect has ended, somehow."""
        del self.under_way[move.key]
        match move:
            case CallModel():
                if self.session.model_epoch is not None:
                    self.apply(self.reply())
            case RunTool(call=call):
                outcome = self.draw(st.sampled_from(["succeeded", "failed", "unknown"]))
                if RULES.tools[call.tool].effect is Effect.READ and outcome == "unknown":
                    outcome = "failed"
                self.apply(ToolReturned(call_id=call.id, outcome=outcome, text='{"ok":true,"result":1}'))
            case Reconcile(call=call):
                self.apply(ToolReturned(call_id=call.id, outcome="unknown", text='{"ok":false}'))
            case Post(key=key):
                error = self.draw(st.sampled_from(["", "", "", "restricted_action"]))
                self.apply(Posted(key=key, ts="" if error else "9.0", error=error))
            case ShowCard(action=card):
                self.apply(CardShown(action_id=card.action_id, look=card.look))
            case Settle(inbox_id=row, click=click):
                self.taken((row,))
                self.settle(click)
            case Close(action_id=action_id, decision=decision, by=by):
                self.decide(action_id, decision, by)

    def settle(self, click: Click | OutcomeClick) -> None:
        """As the conditional statements do."""
        action = self.session.actions.get(click.action_id)
        if action is None:
            return
        if isinstance(click, OutcomeClick):
            if action.outcome == "unknown" and self.session.status == "idle":
                if click.answer == "run_again":
                    self.again.add(click.action_id)
                    self.approvals.add(click.action_id)
                self.apply(OutcomeTold(action_id=click.action_id, by=click.user, answer=click.answer, told_at=self.now))
        elif action.decided is None and self.now < action.proposed.expires_at and action.ts:
            self.decide(click.action_id, click.decision, click.user)

    def decide(self, action_id: str, decision: Decision, by: str) -> None:
        """The action is settled, unless it was before."""
        action = self.session.actions.get(action_id)
        if action is None or (action.decided and not (decision == "withdrawn" and action.decided.decision == "approved")):
            return
        if decision == "approved":
            self.approvals.add(action_id)
        else:
            self.approvals.discard(action_id)
        self.apply(ActionDecided(action_id=action_id, decision=decision, by=by, decided_at=self.now))

    def reply(self) -> Step:
        """The model says something, calls something, or cannot be had."""
        usage = Usage(input_tokens=5, output_tokens=5)
        kind = self.draw(st.sampled_from(["say", "calls", "calls", "nothing", "cut", "refusal", "failed", "odd"]))
        if kind == "failed":
            return Halted(error="ModelFailedError", sentence="The model cannot be reached.")
        names = st.lists(st.sampled_from(["look", "pay", "wipe", "no_such_tool"]), min_size=1, max_size=3)
        wanted: list[str] = self.draw(names) if kind in ("calls", "cut", "refusal") else []
        content: list[Block] = [{"type": "text", "text": "Well."}] if kind in ("say", "cut", "odd") else []
        for name in wanted:
            self.calls += 1
            content.append(
                {"type": "tool_use", "id": f"toolu_{self.calls}", "name": name, "input": {"n": self.draw(st.integers(0, 1))}}
            )
        reasons = {"calls": "tool_use", "cut": "max_tokens", "refusal": "refusal", "odd": "some_new_reason"}
        return ModelReplied(content=tuple(content), stop_reason=reasons.get(kind, "end_turn"), usage=usage)

    def disturb(self) -> None:
        """Something from outside: a person, the clock, or the end of the process."""
        action_ids = sorted(self.session.actions) or ["Agone"]
        user = self.draw(st.sampled_from(["U1", "U2"]))
        match self.draw(st.sampled_from(["message", "click", "click", "outcome", "continue", "stop", "clock", "crash", "crash"])):
            case "message":
                form = self.draw(st.sampled_from(["text", "text", "bare", "too_long"]))
                text = "hello" if form == "text" else ""
                self.receive(Message(said=Said(user=user, text=text, ts=f"{self.rows}.0"), form=form))
            case "click":
                decision = self.draw(st.sampled_from(["approved", "approved", "rejected"]))
                self.receive(Click(action_id=self.draw(st.sampled_from(action_ids)), user=user, decision=decision))
            case "outcome":
                answer = self.draw(st.sampled_from(["happened", "run_again", "leave"]))
                self.receive(OutcomeClick(action_id=self.draw(st.sampled_from(action_ids)), user=user, answer=answer))
            case "continue":
                self.receive(ContinueClick(turn=self.draw(st.integers(0, 3)), user=user))
            case "stop":
                self.receive(StopPressed(user=user))
            case "clock":
                self.now += timedelta(minutes=self.draw(st.sampled_from([1, 20, 24 * 60])))
            case _:  # another process takes over: what was under way is lost, what was written stands
                note("crash")
                self.under_way = {}
                self.session = replace(self.session, epoch=self.session.epoch + 1)

    def play(self) -> None:
        """One thing happens."""
        possible = self.moves()
        what = self.draw(st.sampled_from(["begin", "end", "end", "disturb"]))
        if what == "disturb":
            self.disturb()
        elif what == "end" and self.under_way:
            self.end(self.under_way[self.draw(st.sampled_from(sorted(self.under_way)))])
        elif possible:
            for move in possible:  # as the runner does: everything that can begin, begins
                self.begin(move)

    def settle_down(self) -> None:
        """Nothing more comes from outside: make every move until none is left."""
        for _ in range(500):
            for move in self.moves():
                self.begin(move)
            if not self.under_way:
                return
            self.end(self.under_way[sorted(self.under_way)[0]])
        raise AssertionError("the session does not come to rest")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_history_keeps_the_promises(data: st.DataObject) -> None:
    simulation = Simulation(data.draw)
    simulation.receive(Message(said=Said(user="U1", text="hello", ts="0.0")))
    for _ in range(data.draw(st.integers(5, 60))):
        simulation.play()
    simulation.settle_down()
    session = simulation.session
    assert session.status in ("idle", "waiting")
    if session.status == "waiting":
        assert any(action.decided is None and action.ts for action in session.actions.values())
    for action in session.actions.values():
        assert action.shown == action.look or not action.ts  # no card is left stale
        assert action.asked_ts or action.outcome != "unknown"  # somebody was asked
        assert action.decided or action.proposed.expires_at > simulation.now  # no deadline is left unnoticed
    if session.status == "idle":  # and the thread can be used again
        asked = simulation.requests
        simulation.receive(Message(said=Said(user="U1", text="and now?", ts="99.0")))
        simulation.settle_down()
        assert simulation.requests > asked
