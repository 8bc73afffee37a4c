"""Tools between a call and its result: run, previewed, and asked what became of a run that was lost."""

from dataclasses import dataclass
from typing import Any

from agent import fence, metrics, telemetry
from agent.approvals.digest import judged_digest
from agent.decide.facts import Facts
from agent.decide.move_outcome import Ended
from agent.decide.moves import CountCards, MakePreview, Reconcile, RunTool
from agent.errors import FencedError
from agent.memory import attachments, model_notes
from agent.memory import long_results as output
from agent.run.background import Background
from agent.run.file_effects import FileEffects
from agent.run.ports import Surface
from agent.run.span_contents import SpanContents
from agent.session.differences import TOOL_CHANGED
from agent.session.state import Session
from agent.session.steps import FoundChanged, Previewed, ToolReturned
from agent.store.sessions import Store
from agent.tool import definition as tool
from agent.tool.definition import Result, ToolContext, failed
from agent.tool.progress import Progress
from agent.tool.validation import validate
from agent.types import Call, FileRoom, Said


@dataclass(frozen=True, slots=True)
class _Into:
    """The log that a result goes into: under which epoch, and what its images may take."""

    epoch: int
    room: FileRoom


@dataclass(frozen=True, slots=True)
class ToolEffects:
    """What runs tools, and keeps their results."""

    tools: tool.Tools
    store: Store
    surface: Surface
    background: Background
    attached: FileEffects
    contents: SpanContents | None = None  # None: spans go without

    async def run(self, move: RunTool, session: Session, room: FileRoom, asked: tuple[Said, ...] = ()) -> Ended:
        """Run a call, begun in time or not at all. What became of a lost run that cannot be repeated is unknown.

        `room`: what its images may take of what the session has left. `asked`: what people said that the turn answers.
        """
        into = _Into(session.epoch, room)
        arguments = validate(self.tools, move.call.tool, move.call.arguments)
        progress = Progress(move.call.tool, lambda text: self.surface.progress(session.place, move.call.id, text))
        user = session.turn.speakers[0]
        context = ToolContext(session.id, user, move.idempotency_key, session.place, progress.say, move.bound, asked)
        if isinstance(arguments, Result):
            return _unknown(move.call) if move.repeats else await self._returned(move.call, arguments, context, into)
        definition = self.tools[move.call.tool]
        if move.judged and move.judged != judged_digest(definition, arguments):
            return _unknown(move.call) if move.repeats else _is_another(move)
        try:
            fence.begin()
        except FencedError:
            if move.repeats:
                return _unknown(move.call)
            late = failed("unexpected", f"{definition.name} was not begun in time and did not run; call it again.")
            return Ended((ToolReturned(call_id=move.call.id, outcome="refused", text=late.text()),))
        try:
            alone = self.contents is None
            with (
                telemetry.tool_span(definition.name, move.call.id, ends=alone) as span,
                metrics.tool_run(definition.name) as measured,
            ):
                result = await tool.run(definition, arguments, context)
                if result.error is not None:
                    telemetry.span_failed(span, result.error)
                    measured.error = result.error
                telemetry.note_tool_end(span, _outcome(result), len(result.text().encode()))
                if self.contents is not None:
                    self.contents.end(span, arguments.model_dump(mode="json"), result.text())
        finally:
            if progress.over():
                self.background.begin(progress.take_back())
        if result.changed and move.bound:
            return Ended((FoundChanged(call_id=move.call.id, changes=result.changed),))
        if result.unclear and not definition.reads:
            return await self._unclear(move.call, definition, arguments, context, into)
        return await self._returned(move.call, definition.marked(result, arguments), context, into)

    async def count_cards(self, move: CountCards, session: Session) -> Ended:
        """Count the cards that wait elsewhere, before the call of a tool adds one."""
        count = await self.store.open_cards(move.user, session.id)
        return Ended(facts=Facts(elsewhere=frozenset({(move.reply_seq, count)})))

    async def preview(self, move: MakePreview, session: Session, asked: tuple[Said, ...] = ()) -> Ended:
        """Have the tool say what a call would change, or that it would fail: that is its result, and nobody is asked.

        `asked`: as in `run`.
        """
        arguments = validate(self.tools, move.tool, move.arguments)
        if isinstance(arguments, Result):  # the tool has become another one since this move was made
            return Ended((ToolReturned(call_id=move.call_id, outcome="refused", text=arguments.text()),))
        context = ToolContext(session.id, session.turn.speakers[0], "", session.place, asked=asked)
        found = await tool.preview(self.tools[move.tool], arguments, context)
        if isinstance(found, Result):
            return Ended((ToolReturned(call_id=move.call_id, outcome="refused", text=found.text()),))
        return Ended((Previewed(call_id=move.call_id, preview=found),))

    async def reconcile(self, move: Reconcile, session: Session, room: FileRoom) -> Ended:
        """Ask what became of a call that a lost process started. It is not repeated, whatever its tool says of that.

        `room`: as in `run`.
        """
        into = _Into(session.epoch, room)
        definition = self.tools.get(move.call.tool)
        user = session.turn.speakers[0]
        context = ToolContext(session.id, user, move.idempotency_key, session.place, bound=move.bound)
        arguments = validate(self.tools, move.call.tool, move.call.arguments)
        if definition is None or isinstance(arguments, Result):
            return _unknown(move.call)
        found = await tool.reconcile(definition, arguments, context) if definition.reconcile is not None else None
        found = found and definition.marked(found, arguments)
        return await self._found(move.call, found, context, into, reconciled=True)

    async def _unclear(self, call: Call, definition: tool.Tool, arguments: Any, context: ToolContext, into: _Into) -> Ended:
        """Clear up a run that may have happened: repeat it if its key makes that safe, ask its tool, or leave it unknown."""
        found: Result | None = None
        if definition.idempotent:
            with fence.without():  # its key makes it safe, however long the first run has taken
                result = await tool.run(definition, arguments, context)
            found = result if result.begun and not result.unclear else None
        elif definition.reconcile is not None:
            found = await tool.reconcile(definition, arguments, context)
        found = found and definition.marked(found, arguments)
        return await self._found(call, found, context, into, reconciled=not definition.idempotent)

    async def _found(self, call: Call, found: Result | None, context: ToolContext, into: _Into, *, reconciled: bool) -> Ended:
        return _unknown(call) if found is None else await self._returned(call, found, context, into, reconciled=reconciled)

    async def _returned(
        self, call: Call, result: Result, context: ToolContext, into: _Into, *, reconciled: bool = False
    ) -> Ended:
        """Bring a result into the log, the one way for all: a long one is kept whole, and the model gets its head and tail."""
        outcome = "succeeded" if result.ok else "failed" if result.begun else "refused"
        shown = attachments.ShownImages(into.room)
        if result.ok and result.images:  # the API takes nothing but text in what is marked as an error
            shown = await self.attached.keep_images(context.session_id, into.epoch, result.images, into.room)
            result = result.model_copy(update={"not_shown": shown.not_shown, "written": ""})
        text = result.text()
        if len(text) > output.MOST_CHARACTERS:
            short = output.shortened(result, call.tool, context.session_id, context.idempotency_key)
            assert short is not None
            result, handle, whole = short
            await self.store.kept.keep(context.session_id, into.epoch, handle, whole)
            text = result.text()
        returned = ToolReturned(
            call_id=call.id,
            outcome=outcome,
            text=text,
            source=result.provenance,
            reconciled=reconciled,
            images=shown.blocks,
            kept_bytes=into.room.bytes - shown.room.bytes,
            channels=result.channels,
            origins=result.origins,
        )
        return Ended((returned,))


def _outcome(result: Result) -> str:
    """Return how a run ended, for its span: what becomes of an unclear one is seen only later."""
    if result.changed:
        return "changed"
    if result.unclear:
        return "unclear"
    return "succeeded" if result.ok else "failed" if result.begun else "refused"


def _is_another(move: RunTool) -> Ended:
    """Run nothing: the tool has become another one since the call was judged, as those of a server may at any moment. What
    people said yes to comes before them again; what nobody was asked about is judged when the model calls it again."""
    if move.action_id is not None or move.grant_id is not None:
        return Ended((FoundChanged(call_id=move.call.id, changes=(TOOL_CHANGED,)),))
    late = failed("unexpected", f"{move.call.tool} became another tool just now and did not run; call it again.")
    return Ended((ToolReturned(call_id=move.call.id, outcome="refused", text=late.text()),))


def _unknown(call: Call) -> Ended:
    return Ended((ToolReturned(call_id=call.id, outcome="unknown", text=model_notes.unknown(call.tool).text()),))
