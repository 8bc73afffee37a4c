"""The world that moves are made in: what a process has of it, and what a claim of a session sees of that."""

from dataclasses import dataclass

from agent.decide.move_outcome import Making
from agent.decide.moves import (
    Admit,
    CallModel,
    CountCards,
    FetchFile,
    FindZones,
    MakePreview,
    Permit,
    Post,
    Recall,
    Reconcile,
    RunTool,
    Settle,
    ShowCard,
    ShowDirect,
    ShowNotice,
    TurnAway,
    Vouch,
)
from agent.masking import Masker
from agent.memory.attachments import Nowhere, room_for_call
from agent.model.limits import PATIENCE, Patience
from agent.model.port import Model
from agent.run.background import Background
from agent.run.claim import Held
from agent.run.file_effects import FileEffects
from agent.run.memory_effects import LongTerm, MemoryEffects
from agent.run.model_calls import ModelCalls
from agent.run.narration import Narration
from agent.run.people_effects import PeopleEffects
from agent.run.ports import Budget, Files, Surface
from agent.run.span_contents import SpanContents
from agent.run.tool_effects import ToolEffects
from agent.session.rules import Rules
from agent.store.sessions import Store
from agent.tool.definition import Tools


class Effects:
    """The world behind ports, of one process."""

    def __init__(
        self,
        surface: Surface,
        model: Model,
        budget: Budget,
        store: Store,
        tools: Tools,
        patience: Patience = PATIENCE,
        files: Files | None = None,
        memory: LongTerm | None = None,
        span_masker: Masker | None = None,
    ) -> None:
        self.surface = surface
        self.background = Background()
        self.attached = FileEffects(files or Nowhere(), store)
        self.memory = MemoryEffects(memory)
        self.calls = ModelCalls(model, budget, self.attached, self.memory, patience)
        contents = SpanContents(span_masker, self.background) if span_masker is not None else None
        self.tools = ToolEffects(tools, store, surface, self.background, self.attached, contents)
        self.people = PeopleEffects(surface, store, self.background)


@dataclass(frozen=True, slots=True)
class ClaimedWorld:
    """The `agent.decide.ways.World` of one claim: effects are given the session as it stands when they begin.

    Wide because it has one method for each kind of move that has an effect.
    """

    effects: Effects
    held: Held
    rules: Rules
    narration: Narration

    def call_model(self, move: CallModel) -> Making:
        """See `ModelCalls.call`."""
        held = self.held
        return self.effects.calls.call(held.session, held.said, self.rules, held.pins.pinned, move, self.narration)

    def fetch_file(self, move: FetchFile) -> Making:
        """See `FileEffects.fetch`."""
        return self.effects.attached.fetch(move, self.held.session)

    def recall(self, move: Recall) -> Making:
        """See `MemoryEffects.recall`."""
        return self.effects.memory.recall(move, self.held.session, self.held.said)

    def run_tool(self, move: RunTool) -> Making:
        """See `ToolEffects.run`."""
        session = self.held.session
        return self.effects.tools.run(move, session, room_for_call(session, self.rules), self.held.said.asked())

    def reconcile(self, move: Reconcile) -> Making:
        """See `ToolEffects.reconcile`."""
        session = self.held.session
        return self.effects.tools.reconcile(move, session, room_for_call(session, self.rules))

    def preview(self, move: MakePreview) -> Making:
        """See `ToolEffects.preview`."""
        return self.effects.tools.preview(move, self.held.session, self.held.said.asked())

    def vouch(self, move: Vouch) -> Making:
        """See `PeopleEffects.vouch`."""
        return self.effects.people.vouch(move, self.held.session)

    def count_cards(self, move: CountCards) -> Making:
        """See `ToolEffects.count_cards`."""
        return self.effects.tools.count_cards(move, self.held.session)

    def post(self, move: Post) -> Making:
        """See `PeopleEffects.post`."""
        return self.effects.people.post(move, self.held.session, self.narration)

    def show(self, move: ShowCard) -> Making:
        """See `PeopleEffects.show`."""
        return self.effects.people.show(move, self.held.session)

    def show_direct(self, move: ShowDirect) -> Making:
        """See `PeopleEffects.show_direct`."""
        return self.effects.people.show_direct(move, self.held.session.place)

    def find_zones(self, move: FindZones) -> Making:
        """See `PeopleEffects.find_zones`."""
        return self.effects.people.find_zones(move)

    def show_notice(self, move: ShowNotice) -> Making:
        """See `PeopleEffects.show_notice`."""
        return self.effects.people.show_notice(move, self.held.session)

    def judge_click(self, move: Settle) -> Making:
        """See `PeopleEffects.judge_click`."""
        return self.effects.people.judge_click(move, self.held.session, self.rules)

    def admit(self, move: Admit) -> Making:
        """See `PeopleEffects.admit`."""
        return self.effects.people.admit(move, self.held.session, self.rules)

    def permit(self, move: Permit) -> Making:
        """See `PeopleEffects.permit`."""
        return self.effects.people.permit(move, self.held.session)

    def turn_away(self, move: TurnAway) -> Making:
        """See `PeopleEffects.turn_away`."""
        return self.effects.people.turn_away(move, self.held.session.place)
