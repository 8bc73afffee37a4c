"""A session in a world that changes: the real moves, tools and judgements, and what people read and did on the way.

Long because it makes every kind of move.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg_pool import AsyncConnectionPool

from agent.approvals.deciders import Membership, PersonFacts, deciders_of, may_decide
from agent.decide.at_once import run_at_once
from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.moves import (
    Admit,
    CallModel,
    CardNotice,
    Cards,
    Close,
    MakePreview,
    Outward,
    Post,
    Reconcile,
    Record,
    RunTool,
    Settle,
    ShowCard,
    ShowDirect,
    ShowNotice,
)
from agent.decide.next_moves import next_moves
from agent.memory.attachments import Nowhere, room_for_call
from agent.run.background import Background
from agent.run.file_effects import FileEffects
from agent.run.people_effects import PeopleEffects
from agent.run.tool_effects import ToolEffects
from agent.session.inbox import Click, Inboxed, Message
from agent.session.machine import apply
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import (
    ActionDecided,
    CardShown,
    DirectShown,
    ModelReplied,
    ModelStarted,
    NoticeShown,
    Posted,
    PostStarted,
    Step,
    ToolReturned,
    ToolStarted,
    Voted,
)
from agent.store.sessions import Store
from agent.types import Approvers, Block, Place, Said, Usage
from bot.cards.cards import card_blocks
from bot.cards.review import can_show, details_view, review_view
from tests.fakes.surface import FakeSurface
from tests.unit.card_eye import Seen
from tests.unit.card_reader import read_message
from tests.unit.changing_world import Ran, World

PLACE = Place(team="T1", channel="C1", thread_ts="1.0")
ASKED = "U1"
NOBODY = Store(AsyncConnectionPool("", open=False))  # nothing here is kept

Change = Callable[[World], None]


class People(FakeSurface):
    """Slack, which answers what the world says now."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """As the surface of Slack decides it, from what is there at this moment."""
        facts = PersonFacts(user, await self.membership(user)).listed("C1", inside=user in self._world.members)
        facts = facts.listed("S1", inside=user in self._world.group)
        return may_decide(facts, deciders_of(approvers, requesters), place.channel) is True

    async def membership(self, user: str) -> Membership:
        """Return what the person is."""
        return "guest" if user in self._world.guests else "member"


@dataclass
class Shown:
    """A card that was posted: what is read on it, and everything that happened to it."""

    seen: Seen
    tool: str
    description: tuple[str, str | None]  # of the tool then, which no card shows: its text, and its further argument
    call_id: str
    hours: int  # that people have
    votes: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])  # whose clicks did not count
    approved: bool = False
    late: bool = False  # approved longer ago than an approval holds
    judged_by: Mapping[str, Any] | None = None  # what the rules said when its call began
    ran: Ran | None = None


@dataclass(frozen=True)
class Ended:
    """The result of a call, and whether the world had a reason then not to run it."""

    step: ToolReturned
    refusable: bool


class Drama:
    """One session. `calls`: what the model asks for in its one reply.

    Wide because it is a whole session: its log, its inbox, its clock, and what people saw.
    """

    def __init__(self, world: World, calls: Sequence[tuple[str, dict[str, Any]]]) -> None:
        self.world, self._calls = world, calls
        self.session = Session("T1:C1:1.0", PLACE, epoch=1)
        self.steps: list[Step] = []
        self.inbox: list[Inboxed] = []
        self.facts = NOTHING_FOUND
        self.now = datetime(2026, 11, 22, tzinfo=UTC)
        self.cards: dict[str, Shown] = {}  # by action, in their order
        self.ends: dict[str, Ended] = {}  # by call
        self.meanwhile: Change | None = None  # happens after the next start, before its effect
        self.crashes = False  # the process dies between the next start and its effect
        self._rows = 0

    async def begin(self) -> None:
        """Somebody asks, and everything happens up to the first cards."""
        self._receive(Message(said=Said(user=ASKED, text="go", ts="0.0")))
        await self.drive()

    async def click(self, action_id: str, user: str) -> None:
        """Somebody approves a card, and that is settled; nothing runs yet."""
        self._receive(Click(action_id=action_id, user=user, decision="approved"))
        while self.inbox:
            moves = self._moves()
            await self._make(next(move for move in moves if isinstance(move, Record | Settle)))

    def _receive(self, received: Any) -> None:
        self._rows += 1
        self.inbox.append(Inboxed(id=self._rows, received=received))

    async def drive(self) -> None:
        """Make every move until none is left."""
        for _ in range(200):
            moves = self._moves()
            if not moves:
                return
            await self._make(moves[0])
        raise AssertionError("the session does not come to rest")

    def _moves(self) -> Sequence[Record | Outward]:
        return next_moves(self.session, self.inbox, self.rules(), self.now, self.facts)

    def rules(self) -> Rules:
        """What the session is run by at this moment."""
        tools = self.world.tools()
        return Rules(tools, judge=self.world.policy().judge, can_show=lambda proposed: can_show(proposed, tools))

    def _apply(self, *steps: Step) -> None:
        for step in steps:
            self.session = apply(self.session, step, self.session.epoch)
            self.steps.append(step)
            if isinstance(step, ToolReturned):
                self.ends[step.call_id] = Ended(step, self._may_be_refused(step.call_id))

    def _may_be_refused(self, call_id: str) -> bool:
        """Return whether the world has a reason that the call is neither run nor asked about again."""
        tool, arguments = self._calls[int(call_id.removeprefix("toolu_"))]
        nothing = self.world.facts(tool, arguments) is None
        return nothing or self.world.rule_for(tool, arguments, (ASKED,))["answer"] == "refuse"

    async def _make(self, move: Record | Outward) -> None:
        match move:
            case Record(steps=steps, inbox_ids=ids):
                self._apply(*steps)
                self._taken(ids)
            case Admit(inbox_ids=ids):
                self.facts |= Facts(admitted=frozenset(ids))
            case CallModel(iteration=iteration):
                self._apply(ModelStarted(iteration=iteration, reserved_tokens=10, max_tokens=5), self._reply(iteration))
            case MakePreview():
                self._apply(*(await self._tools().preview(move, self.session)).steps)
            case RunTool():
                await self._run(move)
            case Post(key=key, content=content, inbox_ids=ids):
                if isinstance(content, Cards):
                    self._read_cards(content)
                self._apply(PostStarted(key=key), Posted(key=key, ts=f"{len(self.steps)}.1"))
                if isinstance(content, CardNotice):
                    self._apply(NoticeShown(notice=key, look=content.look))
                self._taken(ids)
            case ShowCard(cards=cards):
                actions = [self.session.actions[row.action_id] for row in cards.rows]
                self._apply(
                    *(
                        CardShown(action_id=one.proposed.action_id, look=one.look, changes=one.changes)
                        for one in actions
                        if one.lags
                    )
                )
            case ShowDirect(message=key, over=over):
                self._apply(DirectShown(key=key, over=over))
            case ShowNotice(content=content, notice=key):
                self._apply(NoticeShown(notice=key, look=content.look))
            case Settle():
                await self._settle(move)
            case Reconcile(call=call):
                self._apply(ToolReturned(call_id=call.id, outcome="unknown", text="{}"))
            case Close(action_id=id, decision=decision, by=by):
                self._apply(ActionDecided(action_id=id, decision=decision, by=by, decided_at=self.now))
            case _:
                raise AssertionError(f"{move} has no place here")

    def _taken(self, ids: Sequence[int]) -> None:
        self.inbox = [row for row in self.inbox if row.id not in ids]

    def _reply(self, iteration: int) -> Step:
        calls: list[Block] = [
            {"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": arguments}
            for at, (name, arguments) in enumerate(self._calls)
        ]
        words: Block = {"type": "text", "text": "Done."}
        content, reason = ((words,), "end_turn") if iteration > 1 else (tuple(calls), "tool_use")
        return ModelReplied(content=content, stop_reason=reason, usage=Usage(input_tokens=1, output_tokens=1))

    def _tools(self) -> ToolEffects:
        return ToolEffects(self.rules().tools, NOBODY, FakeSurface(), Background(), FileEffects(Nowhere(), NOBODY))

    def _read_cards(self, cards: Cards) -> None:
        """Somebody reads the message."""
        tools = self.rules().tools
        dialogs = {row.action_id: review_view(row, tools.get(row.tool)) for row in cards.rows}
        details = {row.action_id: details_view(row, tools.get(row.tool)) for row in cards.rows}
        seen = read_message(card_blocks(cards, tools), dialogs, details)
        for row in cards.rows:
            call_id = self.session.actions[row.action_id].proposed.call_id
            words = self.world.words[row.tool]
            described = (words["description"], words["further"])
            hours = row.verdict.expires_seconds // 3600
            self.cards[row.action_id] = Shown(seen[row.action_id], row.tool, described, call_id, hours)

    async def _settle(self, move: Settle) -> None:
        """As the edge and the settling statement do."""
        self._taken((move.inbox_id,))
        click = move.click
        people = PeopleEffects(People(self.world), NOBODY, Background())
        ended = await people.judge_click(move, self.session, self.rules())
        shown, action = self.cards[click.action_id], self.session.actions[click.action_id]
        if ended.settle is None:
            shown.refused.append(click.user)
            return
        if action.decided is not None or click.user in shown.votes:
            return
        shown.votes.append(click.user)
        if len(shown.votes) < action.proposed.verdict.quorum:
            self._apply(Voted(action_id=click.action_id, by=click.user))
        else:
            shown.approved = True
            assert isinstance(click, Click)
            at_once = run_at_once(self.session, click, self.inbox, self.rules(), self.now, self.facts)
            self._apply(ActionDecided(action_id=click.action_id, decision="approved", by=click.user, decided_at=self.now))
            runs = [move for move in self._moves() if isinstance(move, RunTool) and move.action_id == click.action_id]
            assert at_once == next(iter(runs), None), "what starts with an approval is what would start after it"

    async def _run(self, move: RunTool) -> None:
        """As the gate and the tools do."""
        call, before = move.call, len(self.world.ran)
        if move.action_id is not None:
            action = self.session.actions[move.action_id]
            repeated = move.digest is None and self.world.words[call.tool]["idempotent"]
            assert repeated or move.digest == action.proposed.digest, "the gate starts what was approved only"
            assert action.decided is not None
            assert action.decided.decision == "approved"
        judged = self.world.rule_for(call.tool, call.arguments, (ASKED,))
        self._apply(ToolStarted(call_id=call.id, idempotency_key=move.idempotency_key, action_id=move.action_id))
        happening, self.meanwhile = self.meanwhile, None
        if happening is not None:
            happening(self.world)
        if self.crashes:  # another process carries on, with what is there by now
            self.crashes = False
            self.session = replace(self.session, epoch=self.session.epoch + 1)
            return
        self._apply(*(await self._tools().run(move, self.session, room_for_call(self.session, self.rules()))).steps)
        if move.action_id is not None:
            shown = self.cards[move.action_id]
            shown.judged_by = judged
            shown.ran = self.world.ran[before] if len(self.world.ran) > before else None
        elif len(self.world.ran) > before:
            assert judged["answer"] == "allow", "it ran without a card"

    def is_open(self, action_id: str) -> bool:
        """Return whether people are still to decide."""
        action = self.session.actions.get(action_id)
        return action is not None and action.decided is None

    def wait(self, minutes: int) -> None:
        """Time passes; approvals that are not used yet may lapse."""
        self.now += timedelta(minutes=minutes)
        for shown in self.cards.values():
            shown.late = shown.late or (shown.approved and shown.ran is None and minutes > 15)
