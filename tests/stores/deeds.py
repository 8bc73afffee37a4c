"""A random history of a few sessions, straight through the store: what was asked, said, run, granted and revoked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from agent.reports.home_overview import Overview
from agent.session.inbox import Click, Edit, Message, OutcomeClick
from agent.session.steps import (
    Escalated,
    Granted,
    ModelReplied,
    ModelStarted,
    ProposedAction,
    ToolReturned,
    ToolStarted,
    Unasked,
)
from agent.store.queue import Queue
from agent.store.sessions import Beside, Lease, Pool, Store
from agent.types import Allowed, Outcome, Place, Said, Usage, Verdict

PEOPLE = ("U1", "U2", "U3", "U4")
OUTCOMES: Sequence[Outcome] = ("succeeded", "failed")
HOUR = timedelta(hours=1)


@dataclass
class Deeds:
    """One session whose holder and people do this and that.

    Wide because each method is one thing that may happen to a session.
    """

    random: Random
    pool: Pool
    store: Store
    lease: Lease
    seq: int = 0
    calls: int = 0
    grants: list[str] = field(default_factory=list[str])

    async def append(self, *steps: Any, ended: dict[str, Outcome] | None = None) -> None:
        """Steps without a condition."""
        await self.store.append(self.lease, self.seq, steps, Beside(ended=ended or {}))
        self.seq += len(steps)

    def person(self) -> str:
        """Somebody."""
        return self.random.choice(PEOPLE)

    async def turn(self) -> None:
        """One reply of the model, and what becomes of its call."""
        await self.append(
            ModelStarted(iteration=1, reserved_tokens=10, max_tokens=5),
            ModelReplied(content=(), stop_reason="tool_use", usage=Usage(input_tokens=1, output_tokens=1)),
        )
        self.calls += 1
        await self.random.choice([self.reads, self.writes_unasked, self.asks, self.asks, self.asks, self.runs_under_a_grant])()

    async def reads(self) -> None:
        """A plain read: not in the log."""
        await self.append(
            ToolStarted(call_id=self.call, idempotency_key="key"),
            ToolReturned(call_id=self.call, outcome="succeeded", text="{}"),
        )

    async def writes_unasked(self) -> None:
        """A write that a rule allows, once found after a crash and repeated; or it is lost, and people are asked."""
        why = Unasked(tool="note", effect="write", rule="rule 3", digest="d", requesters=(self.person(),))
        await self.append(ToolStarted(call_id=self.call, idempotency_key="key", unasked=why))
        if self.random.random() < 0.3:
            await self.append(ToolStarted(call_id=self.call, idempotency_key="key"))
        if self.random.random() < 0.6:
            returned = ToolReturned(call_id=self.call, outcome=self.random.choice(OUTCOMES), text="{}", reconciled=True)
            await self.append(returned)
        else:
            await self.append(ToolReturned(call_id=self.call, outcome="unknown", text="{}"))
            await self.append(self.proposal(1).model_copy(update={"ran": True}))
            await self.tells(self.action)

    async def asks(self) -> None:
        """A call that waits for people."""
        quorum = self.random.choice((1, 1, 2))
        await self.append(self.proposal(quorum))
        action = self.action
        if self.random.random() < 0.3:
            await self.store.viewed(action, self.person())
        if self.random.random() < 0.2:
            await self.append(Escalated(action_id=action, escalated_at=datetime.now(UTC)))
        if self.random.random() < 0.2:
            edit = Edit(action_id=action, user=self.person(), arguments={"to": "bob"})
            assert await self.store.edit(self.lease, self.seq, 0, edit)
            self.seq += 1
            edited = self.proposal(quorum).model_copy(update={"action_id": f"{action}e", "edited_by": edit.user})
            await self.append(edited)
            action = edited.action_id
        if self.random.random() < 0.2:
            assert await self.store.close(self.lease, self.seq, action, "withdrawn", self.person(), "not now")
            self.seq += 1
            return
        if await self.decide(action, quorum) and self.random.random() < 0.9:
            await self.runs(action)

    async def decide(self, action: str, quorum: int) -> bool:
        """People click until it is settled; whether it may run."""
        for user in self.random.sample(PEOPLE, len(PEOPLE)):
            decision = "approved" if self.random.random() < 0.8 else "rejected"
            click = Click(action_id=action, user=user, decision=decision, reason=self.random.choice(("", "fine", "no")))
            grant = self.granted(action, user) if quorum == 1 and self.random.random() < 0.5 else None
            steps, _ = await self.store.settle(self.lease, self.seq, 0, click, grant if decision == "approved" else None)
            self.seq += len(steps)
            self.grants += [step.grant_id for step in steps if isinstance(step, Granted)]
            if steps and steps[0].kind == "action_decided":
                return decision == "approved"
        return False

    async def runs(self, action: str) -> None:
        """An approved call."""
        start = ToolStarted(call_id=self.call, idempotency_key="key", action_id=action)
        assert await self.store.start_action(self.lease, self.seq, start, "what-was-shown") is not None
        self.seq += 1
        outcome = self.random.choice((*OUTCOMES, "unknown"))
        await self.append(ToolReturned(call_id=self.call, outcome=outcome, text='{"to": "ada"}'), ended={action: outcome})
        if outcome == "unknown":
            await self.tells(action)

    async def tells(self, action: str) -> None:
        """A person says what became of it, or nobody does."""
        if self.random.random() < 0.7:
            answer = self.random.choice(("happened", "leave", "run_again"))
            told = OutcomeClick(action_id=action, user=self.person(), answer=answer)
            assert await self.store.tell(self.lease, self.seq, 0, told, 0)
            self.seq += 1

    async def runs_under_a_grant(self) -> None:
        """A call that a grant covers, if there is one; it may be revoked after that."""
        if not self.grants:
            return
        grant = self.random.choice(self.grants)
        start = ToolStarted(call_id=self.call, idempotency_key="key", grant_id=grant, digest="d")
        if await self.store.start_granted(self.lease, self.seq, start) is None:
            return
        self.seq += 1
        await self.append(ToolReturned(call_id=self.call, outcome=self.random.choice(OUTCOMES), text="{}"))
        if self.random.random() < 0.3:
            [(by,)] = await self.sql('SELECT granted_by FROM "grant" WHERE id = %s', grant)
            await Overview(self.pool).revoke(grant, by)

    # ------------------------------------------------------------------------------------------ values

    @property
    def call(self) -> str:
        """Of the latest reply."""
        return f"call-{self.calls}"

    @property
    def action(self) -> str:
        """Of the latest call."""
        return f"A-{self.lease.place.thread_ts}-{self.calls}"

    def proposal(self, quorum: int) -> ProposedAction:
        """The latest call, as it is brought before people."""
        return ProposedAction(
            action_id=self.action,
            call_id=self.call,
            tool="pay",
            arguments={"to": "ada", "amount": self.random.randrange(100)},
            verdict=Verdict(answer="ask", rule="rule 7", quorum=quorum, rejections=quorum),
            digest="what-was-shown",
            requesters=(self.person(),),
            expires_at=datetime.now(UTC) + HOUR,
        )

    def granted(self, action: str, by: str) -> Granted:
        """What an approver allows besides."""
        return Granted(
            grant_id=f"G-{action}",
            action_id=action,
            tool="pay",
            pattern=(Allowed(argument="to", to_be="exactly", value="ada"),),
            verdict=Verdict(answer="ask", rule="rule 7"),
            by=by,
            expires_at=datetime.now(UTC) + HOUR,
            most_uses=9,
        )

    async def sql(self, statement: Any, *values: Any) -> list[tuple[Any, ...]]:
        """Rows."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(statement, values)).fetchall()


async def happen(pool: Pool, random: Random, sessions: int = 2, turns: int = 6) -> None:
    """A history of a few sessions of one workspace."""
    store, queue = Store(pool), Queue(pool)
    for number in range(sessions):
        place = Place(team="T1", channel="C1", thread_ts=f"{number + 1}.0")
        said = Message(said=Said(user="U1", text="Pay", ts="1.0"))
        assert await store.receive(place, f"message:{number}", said, opens=True)
    for lease in sorted(await queue.claim(sessions), key=lambda lease: lease.session_id):
        deeds = Deeds(random, pool, store, lease)
        for _ in range(turns):
            await deeds.turn()
