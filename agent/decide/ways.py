"""The way of each kind of move, from its start to the moment when nobody waits for it any more: one table, and pure.

What is made outside goes through two ports: a `Gate` says whether a move begins that must not begin by our word alone, a `World`
makes its effect.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from agent.decide.move_outcome import Begin, Making, Start
from agent.decide.moves import (
    Admit,
    CallModel,
    Close,
    CountCards,
    FetchFile,
    FindZones,
    MakePreview,
    Move,
    Outward,
    Permit,
    Post,
    Recall,
    Reconcile,
    Repin,
    RunTool,
    Settle,
    ShowCard,
    ShowDirect,
    ShowNotice,
    TurnAway,
    Vouch,
)
from agent.session.state import Phase, Session
from agent.session.steps import PostStarted, ToolStarted

Asking = Coroutine[Any, Any, Start]


class Gate(Protocol):
    """What decides outside whether a move begins: the budget, or one conditional statement in the database."""

    def reserve(self, move: CallModel) -> Asking:
        """Set aside what a model call may cost."""
        ...

    def start_run(self, move: RunTool) -> Asking:
        """Start a run if its approval, or its grant, holds."""
        ...

    def close(self, move: Close) -> Asking:
        """End an action if nobody has decided it."""
        ...

    def repin(self) -> Asking:
        """Move the session to another model."""
        ...

    def leave(self) -> None:
        """Give back what the session's model call holds: it is over, was given up, or is not to be made."""
        ...


class World(Protocol):
    """What makes the effects of moves.

    Wide because it has one method for each kind of move that has an effect.
    """

    def call_model(self, move: CallModel) -> Making:
        """Ask the model."""
        ...

    def fetch_file(self, move: FetchFile) -> Making:
        """Read a file."""
        ...

    def recall(self, move: Recall) -> Making:
        """Look up what is remembered."""
        ...

    def run_tool(self, move: RunTool) -> Making:
        """Run a call."""
        ...

    def reconcile(self, move: Reconcile) -> Making:
        """Find out what became of a run."""
        ...

    def preview(self, move: MakePreview) -> Making:
        """Find out what a call would change."""
        ...

    def vouch(self, move: Vouch) -> Making:
        """Find out whether a grant's giver may still decide."""
        ...

    def count_cards(self, move: CountCards) -> Making:
        """Find out how many cards of a person wait elsewhere."""
        ...

    def post(self, move: Post) -> Making:
        """Post a message."""
        ...

    def show(self, move: ShowCard) -> Making:
        """Bring a message with cards up to date."""
        ...

    def show_direct(self, move: ShowDirect) -> Making:
        """Bring a direct message up to date."""
        ...

    def find_zones(self, move: FindZones) -> Making:
        """Find out in which time zones people are."""
        ...

    def show_notice(self, move: ShowNotice) -> Making:
        """Bring a notice up to date."""
        ...

    def judge_click(self, move: Settle) -> Making:
        """Find out whether a click counts."""
        ...

    def admit(self, move: Admit) -> Making:
        """Find out whether a person may ask."""
        ...

    def permit(self, move: Permit) -> Making:
        """Find out whether a person may stop or take back."""
        ...

    def turn_away(self, move: TurnAway) -> Making:
        """Tell a person what comes of what they did."""
        ...


@dataclass(frozen=True, slots=True)
class Gated:
    """Whether the move begins is decided outside; `alone`: before anything else begins, since it may change what comes next."""

    ask: Callable[[Gate], Asking]
    alone: bool = True


FREELY = Begin()  # what may be repeated freely has no start


@dataclass(frozen=True, slots=True)
class Way:
    """How one move is made."""

    start: Begin | Gated
    make: Callable[[World], Making] | None  # None: its gate does it all
    over: Callable[[Gate], None] | None = None  # to be called when the effect is over, however it ends
    waited_for: bool = True  # False: nobody needs what it would bring, so it is given up
    ends_with_process: bool = False  # when the process is to end it is given up at once, and made anew by another
    repeats: bool = False  # twice is as good as once, and nobody sees it: what was noted need not be written first


def way(move: Outward, session: Session, moves: Sequence[Move]) -> Way:
    """Return the way of a move, as things are: `moves` are all that can be made now."""
    match move:
        case CallModel():
            wanted = any(isinstance(other, CallModel) for other in moves)
            return Way(
                Gated(lambda gate: gate.reserve(move), alone=False),
                lambda world: world.call_model(move),
                over=lambda gate: gate.leave(),
                waited_for=wanted,
                ends_with_process=True,
            )
        case FetchFile():
            unread = any(file.id == move.file.id for file in session.turn.unread)
            return Way(FREELY, lambda world: world.fetch_file(move), waited_for=unread, ends_with_process=True, repeats=True)
        case Recall():
            wanted = session.turn.open and not session.turn.recalled and session.turn.stopped_by is None
            return Way(FREELY, lambda world: world.recall(move), waited_for=wanted, ends_with_process=True, repeats=True)
        case RunTool():
            start = Begin((run_started(move),)) if move.digest is None else Gated(lambda gate: gate.start_run(move))
            wanted = _is(session, move.call.id, "running")
            return Way(start, lambda world: world.run_tool(move), waited_for=wanted, repeats=_is_plain_read(move))
        case Reconcile():
            return Way(FREELY, lambda world: world.reconcile(move), waited_for=_is(session, move.call.id, "running"))
        case MakePreview():
            wanted = _is(session, move.call_id, "asked", "approved", "changed")
            return Way(FREELY, lambda world: world.preview(move), waited_for=wanted, repeats=True)
        case CountCards():
            wanted = any(state.phase == "asked" for state in session.turn.calls)
            return Way(FREELY, lambda world: world.count_cards(move), waited_for=wanted, repeats=True)
        case Vouch():
            return Way(FREELY, lambda world: world.vouch(move), waited_for=_is(session, move.call_id, "asked"))
        case Post():
            return Way(Begin((PostStarted(key=move.key),), move.inbox_ids), lambda world: world.post(move))
        case ShowCard():
            return Way(FREELY, lambda world: world.show(move))
        case ShowDirect():
            return Way(FREELY, lambda world: world.show_direct(move))
        case FindZones():
            return Way(FREELY, lambda world: world.find_zones(move))
        case ShowNotice():
            return Way(FREELY, lambda world: world.show_notice(move))
        case Settle():
            return Way(FREELY, lambda world: world.judge_click(move))
        case Admit():
            return Way(FREELY, lambda world: world.admit(move))
        case Permit():
            return Way(FREELY, lambda world: world.permit(move))
        case TurnAway():
            return Way(FREELY, lambda world: world.turn_away(move))
        case Close():
            return Way(Gated(lambda gate: gate.close(move)), None)
        case Repin():
            return Way(Gated(lambda gate: gate.repin()), None)
        case _:
            assert_never(move)


def _is_plain_read(move: RunTool) -> bool:
    """Return whether a run neither writes nor sends anything out: whatever does is asked about, is on record as unasked, or is
    repeated as one that may have happened."""
    asked = move.digest is not None or move.action_id is not None or move.grant_id is not None
    return not asked and move.unasked is None and not move.repeats


def run_started(move: RunTool) -> ToolStarted:
    """Return the step that begins a run. That of an action keeps its digest itself; that of a grant is kept here."""
    shown = move.digest if move.grant_id is not None and move.digest is not None else ""
    return ToolStarted(
        call_id=move.call.id,
        idempotency_key=move.idempotency_key,
        action_id=move.action_id,
        grant_id=move.grant_id,
        digest=shown,
        unasked=move.unasked,
    )


def _is(session: Session, call_id: str, *phases: Phase) -> bool:
    """Return whether a call of the latest reply is in one of these phases."""
    return any(state.call.id == call_id and state.phase in phases for state in session.turn.calls)
