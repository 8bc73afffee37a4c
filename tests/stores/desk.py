"""A held session whose actions people decide on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from agent.session.inbox import Click, Edit, OutcomeClick
from agent.session.steps import ActionDecided, Edited, Granted, ModelReplied, ProposedAction, ToolReturned, ToolStarted
from agent.store.sessions import Beside, Lease
from agent.types import Allowed, Block, Decision, OutcomeAnswer, Pinned, Place, Usage, Verdict
from tests.stores.core import Core

DIGEST = "what-was-shown"
HOUR = timedelta(hours=1)
PINNED = Pinned(model="claude-sonnet-5-5", system="You help.", tools=())


def proposal(action_id: str, *, lasts: timedelta = HOUR, quorum: int = 1, rejections: int = 1) -> ProposedAction:
    """An action that waits for people."""
    return ProposedAction(
        action_id=action_id,
        call_id=f"call-{action_id}",
        tool="create_order",
        arguments={"quantity": 3},
        verdict=Verdict(answer="ask", rule="test", quorum=quorum, rejections=rejections),
        digest=DIGEST,
        requesters=("U1",),
        expires_at=datetime.now(UTC) + lasts,
    )


def start(action_id: str) -> ToolStarted:
    """The start of an action's call."""
    return ToolStarted(call_id=f"call-{action_id}", idempotency_key=f"key-{action_id}", action_id=action_id)


def granted(action_id: str, *, lasts: timedelta = HOUR, most_uses: int = 2) -> Granted:
    """A standing permission that goes with the approval of an action."""
    return Granted(
        grant_id=f"G-{action_id}",
        action_id=action_id,
        tool="create_order",
        pattern=(Allowed(argument="quantity", to_be="at_most", value=3),),
        verdict=Verdict(answer="ask", rule="test"),
        by="U2",
        expires_at=datetime.now(UTC) + lasts,
        most_uses=most_uses,
    )


def start_under(grant_id: str, call_id: str = "call-later") -> ToolStarted:
    """The start of a call under a grant."""
    return ToolStarted(call_id=call_id, idempotency_key=f"key-{call_id}", grant_id=grant_id, digest=DIGEST)


def reply(*blocks: Block) -> ModelReplied:
    """A reply of the model with these blocks."""
    return ModelReplied(content=blocks, stop_reason="end_turn", usage=Usage(input_tokens=1, output_tokens=1))


@dataclass
class Desk:
    """A held session whose actions people decide on."""

    core: Core
    lease: Lease
    place: Place
    seq: int = 0

    async def propose(self, action_id: str, *, lasts: timedelta = HOUR, quorum: int = 1, rejections: int = 1) -> None:
        """Write an action down."""
        proposed = proposal(action_id, lasts=lasts, quorum=quorum, rejections=rejections)
        await self.core.store.append(self.lease, self.seq, [proposed])
        self.seq += 1

    async def votes(
        self, action_id: str, user: str, decision: str = "approved", reason: str = "", lease: Lease | None = None
    ) -> ActionDecided | None:
        """A person's click, taken in by the holder; what it settled."""
        click = Click.model_validate({"action_id": action_id, "user": user, "decision": decision, "reason": reason})
        [(inbox_id,)] = await self.core.sql("""
            INSERT INTO inbox (key, session_id, body) VALUES (gen_random_uuid()::text, 'a click', '{}') RETURNING id
        """)
        counted, _ = await self.core.store.settle(lease or self.lease, self.seq, inbox_id, click)
        self.seq += len(counted)
        [(taken,)] = await self.core.sql("SELECT taken_at IS NOT NULL FROM inbox WHERE id = %s", inbox_id)
        assert taken  # whatever came of it, it is not looked at again
        return next((step for step in counted if isinstance(step, ActionDecided)), None)

    async def grants(self, action_id: str, user: str = "U2", *, lasts: timedelta = HOUR, most_uses: int = 2) -> list[str]:
        """A person approves and allows more such calls; the kinds of the steps that this came to."""
        click = Click(action_id=action_id, user=user, decision="approved")
        wished = granted(action_id, lasts=lasts, most_uses=most_uses)
        steps, _ = await self.core.store.settle(self.lease, self.seq, 0, click, wished)
        self.seq += len(steps)
        return [step.kind for step in steps]

    async def runs_under(self, grant_id: str, call_id: str = "call-later") -> bool:
        """The holder starts a call under a grant."""
        started = await self.core.store.start_granted(self.lease, self.seq, start_under(grant_id, call_id)) is not None
        self.seq += started
        return started

    async def edits(self, action_id: str, **arguments: JsonValue) -> Edited | None:
        """A person changes an action's arguments."""
        edited = await self.core.store.edit(self.lease, self.seq, 0, Edit(action_id=action_id, user="U2", arguments=arguments))
        self.seq += edited is not None
        return edited

    async def closes(self, action_id: str, decision: Decision) -> ActionDecided | None:
        """The holder ends an action without a yes."""
        decided = await self.core.store.close(self.lease, self.seq, action_id, decision, "", "because")
        self.seq += decided is not None
        return decided

    async def starts(self, action_id: str, digest: str = DIGEST) -> bool:
        """The holder starts an action's call."""
        started = await self.core.store.start_action(self.lease, self.seq, start(action_id), digest) is not None
        self.seq += started
        return started

    async def loses(self, action_id: str) -> None:
        """A call is started and nobody knows what became of it."""
        await self.votes(action_id, "U2")
        assert await self.starts(action_id)
        lost = ToolReturned(call_id=f"call-{action_id}", outcome="unknown", text="{}")
        await self.core.store.append(self.lease, self.seq, [lost], Beside(ended={action_id: "unknown"}))
        self.seq += 1

    async def hears(self, action_id: str, answer: OutcomeAnswer, limit_seconds: float = 10) -> bool:
        """A person says what became of a call; whether it counted."""
        click = OutcomeClick(action_id=action_id, user="U3", answer=answer)
        told = await self.core.store.tell(self.lease, self.seq, 0, click, limit_seconds)
        self.seq += told is not None
        return told is not None

    async def status(self, action_id: str) -> str:
        """How the action stands."""
        [(status,)] = await self.core.sql("SELECT status FROM action WHERE id = %s", action_id)
        return status

    async def kinds(self) -> list[str]:
        """The kinds of the session's steps."""
        rows = await self.core.sql("SELECT body ->> 'kind' FROM step WHERE session_id = %s ORDER BY seq", self.lease.session_id)
        return [kind for (kind,) in rows]

    async def age(self, action_id: str, column: str, seconds: float) -> None:
        """Let a moment of the action lie further back."""
        statement = f"UPDATE action SET {column} = {column} - make_interval(secs => %s) WHERE id = %s"
        await self.core.sql(statement, seconds, action_id)
