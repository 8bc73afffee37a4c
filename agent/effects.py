"""How each move is made: the model asked, a tool run, a message posted. What comes back are the steps that happened."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agent import fence, grants, output, streams, telemetry, tool, transcript
from agent.attachments import Nowhere
from agent.digest import sha256
from agent.ended import Ended
from agent.errors import FencedError, RefusedError
from agent.file_effects import FileEffects
from agent.model_calls import ModelCalls
from agent.moves import (
    CallModel,
    FetchFile,
    MakePreview,
    Move,
    Permit,
    Post,
    Reconcile,
    RunTool,
    Settle,
    ShowCard,
    TurnAway,
    Vouch,
)
from agent.narration import Narration
from agent.patience import PATIENCE, Patience
from agent.ports import Budget, Files, Model, Surface
from agent.progress import Progress
from agent.received import Click, Edit, OutcomeClick
from agent.rules import Rules
from agent.session import Session
from agent.steps import CardShown, Granted, GrantEnded, Posted, Previewed, ToolReturned
from agent.store import Store, settled_sentence
from agent.streams import is_opening
from agent.tool import Effect, Result, ToolContext, failed
from agent.transcript import Transcript
from agent.types import Call, Pinned, Place

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Effects:
    """The world behind ports."""

    surface: Surface
    model: Model
    budget: Budget
    store: Store
    tools: tool.Tools
    patience: Patience = PATIENCE
    files: Files = field(default_factory=Nowhere)
    attached: FileEffects = field(init=False)
    calls: ModelCalls = field(init=False)
    _behind: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def __post_init__(self) -> None:
        self.attached = FileEffects(self.files, self.store)
        self.calls = ModelCalls(self.model, self.budget, self.attached, self.patience)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for: a status, a word to one person."""
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def drain(self) -> None:
        """Until nothing is left behind."""
        if self._behind:
            await asyncio.wait(set(self._behind), timeout=2)

    def make(
        self, move: Move, session: Session, said: Transcript, rules: Rules, pinned: Pinned, narration: Narration
    ) -> Coroutine[Any, Any, Ended]:
        """The move's effect, not yet begun."""
        match move:
            case CallModel():
                return self.calls.call(session, said, rules, pinned, move, narration)
            case FetchFile():
                return self.attached.fetch(move, session)
            case RunTool():
                return self._run_tool(move, session)
            case Vouch():
                return self._vouch(move, session)
            case MakePreview():
                return self._preview(move, session)
            case Reconcile():
                return self._reconcile(move, session)
            case Post():
                return self._post(move, session, narration)
            case ShowCard():
                return self._show(move, session)
            case Settle():
                return self._judge_click(move, session)
            case Permit():
                return self._permit(move, session)
            case TurnAway():
                return self._turn_away(move, session.place)
            case _:
                raise AssertionError(f"{move} has no effect outside")

    # ------------------------------------------------------------------------------------------ tools

    def time_limit_seconds(self, session: Session, action_id: str) -> float:
        """How long after its start was committed a run of this action can be under way."""
        action = session.actions.get(action_id)
        definition = self.tools.get(action.proposed.tool) if action else None
        return fence.BEGIN_WITHIN_SECONDS + (definition.time_limit_seconds if definition else 0.0)

    async def _run_tool(self, move: RunTool, session: Session) -> Ended:
        arguments = tool.validate(self.tools, move.call.tool, move.call.arguments)
        progress = Progress(move.call.tool, lambda text: self.surface.progress(session.place, move.call.id, text))
        context = ToolContext(session.id, session.requesters[0], move.idempotency_key, session.place, progress.say)
        if isinstance(arguments, Result):
            return await self._returned(move.call, arguments, context, session.epoch)
        definition = self.tools[move.call.tool]
        try:
            fence.begin()
        except FencedError:
            late = failed("unexpected", f"{definition.name} was not begun in time and did not run; call it again.")
            return Ended((ToolReturned(call_id=move.call.id, outcome="refused", text=late.text()),))
        try:
            with telemetry.tool_span(definition.name, move.call.id) as span:
                result = await tool.run(definition, arguments, context)
                if result.error is not None:
                    telemetry.failed(span, result.error)
        finally:
            if progress.over():
                self.background(progress.take_back())
        if result.unclear and definition.effect in (Effect.WRITE, Effect.IRREVERSIBLE):
            return await self._unclear(move.call, definition, arguments, context, session.epoch)
        return await self._returned(move.call, _marked(result, definition, arguments), context, session.epoch)

    async def _vouch(self, move: Vouch, session: Session) -> Ended:
        """A standing permission is worth what its giver's word would be worth now. When Slack cannot be asked nothing runs."""
        granted = session.grants[move.grant_id].granted
        if await self.surface.may_decide(session.place, granted.by, granted.verdict.approvers, session.requesters):
            return Ended(vouched=move.call_key)
        return Ended((GrantEnded(grant_id=move.grant_id),))

    async def _preview(self, move: MakePreview, session: Session) -> Ended:
        arguments = tool.validate(self.tools, move.tool, move.arguments)
        assert not isinstance(arguments, Result)  # they were validated before this move was made
        context = ToolContext(session.id, session.requesters[0], "", session.place)
        preview = await tool.preview(self.tools[move.tool], arguments, context)
        return Ended((Previewed(call_id=move.call_id, preview=preview),))

    async def _reconcile(self, move: Reconcile, session: Session) -> Ended:
        """A call was started by a process that is gone. It is not repeated, whatever its tool says of that."""
        definition = self.tools.get(move.call.tool)
        context = ToolContext(session.id, session.requesters[0], move.idempotency_key, session.place)
        arguments = tool.validate(self.tools, move.call.tool, move.call.arguments)
        if definition is None or isinstance(arguments, Result):
            return self._unknown(move.call.id, move.call.tool)
        found = await tool.reconcile(definition, arguments, context) if definition.reconcile is not None else None
        return await self._found(move.call, found and _marked(found, definition, arguments), context, session.epoch)

    async def _unclear(self, call: Call, definition: tool.Tool, arguments: Any, context: ToolContext, epoch: int) -> Ended:
        """It may have happened: repeat it where its key makes that safe, ask the tool where it can tell, else nobody knows."""
        found: Result | None = None
        if definition.idempotent:
            result = await tool.run(definition, arguments, context)
            found = None if result.unclear else result
        elif definition.reconcile is not None:
            found = await tool.reconcile(definition, arguments, context)
        return await self._found(call, found and _marked(found, definition, arguments), context, epoch)

    async def _found(self, call: Call, found: Result | None, context: ToolContext, epoch: int) -> Ended:
        return self._unknown(call.id, call.tool) if found is None else await self._returned(call, found, context, epoch)

    async def _returned(self, call: Call, result: Result, context: ToolContext, epoch: int) -> Ended:
        """The one way of every result into the log: a long one is kept whole, and the model gets its head and tail."""
        outcome = "succeeded" if result.ok else "failed"
        if (short := output.shortened(result, call.tool, context.session_id, context.idempotency_key)) is not None:
            result, handle, text = short
            await self.store.keep(context.session_id, epoch, handle, text)
        return Ended((ToolReturned(call_id=call.id, outcome=outcome, text=result.text(), source=result.source),))

    def _unknown(self, call_id: str, name: str) -> Ended:
        return Ended((ToolReturned(call_id=call_id, outcome="unknown", text=transcript.unknown(name).text()),))

    # ------------------------------------------------------------------------------------------ Slack

    async def _post(self, move: Post, session: Session, narration: Narration) -> Ended:
        """Post, unless an earlier attempt did."""
        place = session.place
        if move.channel:
            place = place.model_copy(update={"channel": move.channel, "thread_ts": move.thread_ts})
        try:
            if is_opening(move):
                return Ended((await streams.open_stream(self.surface, move, session, narration),))
            ts = await self.surface.find(place, move.key) if move.found else None
            if ts is None and move.stream_ts:
                ts = await streams.finish(self.surface, move, session, narration)
            if ts is None:
                ts = await self.surface.post(place, move.content, move.key)
        except RefusedError as error:
            return Ended((Posted(key=move.key, error=str(error)),))
        return Ended((Posted(key=move.key, ts=ts),))

    async def _show(self, move: ShowCard, session: Session) -> Ended:
        lagging = [row for row in move.cards.rows if session.actions[row.action_id].lags]
        shown = [
            CardShown(action_id=row.action_id, look=row.look, changes=session.actions[row.action_id].changes) for row in lagging
        ]
        for channel, ts in move.places:
            place = session.place.model_copy(update={"channel": channel})
            with suppress(RefusedError):  # the message is gone: there is nothing left to be shown
                await self.surface.show(place, move.cards, ts)
        return Ended(tuple(shown))

    async def _judge_click(self, move: Settle, session: Session) -> Ended:
        """Whether the person may decide, asked at the click. When Slack cannot be asked nothing is counted."""
        action = session.actions.get(move.click.action_id)
        if action is None or (action.decided is not None and action.outcome != "unknown"):
            return Ended(settle=move)  # nobody is asked about a settled one: the statement will say no
        user, requesters = move.click.user, action.proposed.requesters
        edits_own = isinstance(move.click, Edit) and user in requesters
        if edits_own or await self.surface.may_decide(session.place, user, action.approvers, requesters):
            return Ended(settle=move)
        verdict = action.proposed.verdict.model_copy(update={"approvers": action.approvers})
        self.background(self.surface.tell_who_may_decide(session.place, user, verdict, requesters))
        return Ended(inbox_ids=(move.inbox_id,))

    async def _permit(self, move: Permit, session: Session) -> Ended:
        """Those who may approve something that waits, and admins, may stop or take back what others asked for."""
        for action in session.undecided():
            if await self.surface.may_decide(session.place, move.user, action.approvers, action.proposed.requesters):
                return Ended(permitted=move.inbox_id)
        if await self.surface.is_admin(move.user):
            return Ended(permitted=move.inbox_id)
        names = ", ".join(f"<@{user}>" for user in session.requesters)
        text = f"Nothing was stopped: {names} asked for this, and only they, whoever may approve it, and admins may stop it."
        self.background(self.surface.whisper(session.place, move.user, text))
        return Ended(inbox_ids=(move.inbox_id,))

    async def _turn_away(self, move: TurnAway, place: Place) -> Ended:
        self.background(self.surface.whisper(place, move.user, move.text))
        return Ended(inbox_ids=(move.inbox_id,))

    def granted(self, session: Session, click: Click, now: datetime) -> Granted | None:
        """The standing permission that goes with an approval, if it was asked for and may be given."""
        action, wish = session.actions.get(click.action_id), click.wish
        if action is None or wish is None or click.decision != "approved":
            return None
        proposed = action.proposed
        definition = self.tools.get(proposed.tool)
        if definition is None or not grants.grantable(definition, proposed.verdict):
            return None
        if not grants.sound(wish, proposed.arguments):
            return None
        return Granted(
            grant_id=f"G{sha256(proposed.action_id)[:24]}",
            action_id=proposed.action_id,
            tool=proposed.tool,
            pattern=wish.pattern,
            verdict=proposed.verdict,
            by=click.user,
            expires_at=now + timedelta(seconds=wish.lasts_seconds),
            most_uses=wish.most_uses,
        )

    async def explain(self, place: Place, click: Click | Edit | OutcomeClick) -> None:
        """Tell the author of a click that changed nothing why."""
        seen = await self.store.action(click.action_id)
        if seen is None:
            text = "This card is not one of mine any more; nothing was changed."
        elif seen.status == "unknown":
            text = "The first run may still be under way; please try again in a minute."
        elif seen.status == "pending" and seen.proposed.expires_at > datetime.now(UTC):
            text = "Your word counts already; others are still needed."
        elif seen.status == "pending":
            text = "This request has just run out of time; nothing was changed."
        else:
            text = settled_sentence(seen)
        await self.surface.whisper(place, click.user, text)


def _marked(result: Result, definition: tool.Tool, arguments: Any) -> Result:
    """With the outside source that its text comes from, for the card and for the model."""
    return result if definition.untrusted is None else result.coming_from(definition.untrusted(arguments))
