"""The way of each kind of move: what is written before its effect, what decides outside, and when nobody waits for it."""

from dataclasses import replace
from typing import get_args

import pytest

from agent.decide.for_notices import OVER
from agent.decide.move_keys import MoveKey
from agent.decide.moves import (
    Admit,
    AnswerPart,
    CallModel,
    CardNotice,
    Cards,
    Close,
    CountCards,
    DirectMessage,
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
from agent.decide.surface_status import surface_status
from agent.decide.ways import Gated, Way, way
from agent.session.inbox import Click, Edit
from agent.session.post_keys import PostKey
from agent.session.state import CallState, Phase, Session
from agent.session.steps import PostStarted, ToolStarted
from agent.types import Attachment, Call, FileRoom
from tests.unit.test_machine import ASKED, NOW, READY, STARTED, WAITING, after

CALL = Call(id="toolu_1", tool="pay", arguments={"n": 1})
FILE = Attachment(id="F1", name="a.csv")
RUN = RunTool(CALL, "k", None, None, MoveKey("tool", "toolu_1"))
MODEL = CallModel(1, NOW)
SESSION = after(ASKED)
PREVIEW = MakePreview("toolu_1", "pay", {}, MoveKey("preview", "toolu_1"))
DM = PostKey("dm", "A1", 0, "U2")
MOVES: list[Outward] = [
    MODEL,
    Repin(),
    FetchFile(FILE, FileRoom(files=1, bytes=1, tokens=1), MoveKey("file", "F1")),
    RUN,
    Vouch("G1", "toolu_1", MoveKey("vouch", "toolu_1")),
    MakePreview("toolu_1", "pay", {"n": 1}, MoveKey("preview", "toolu_1")),
    Reconcile(CALL, "k", MoveKey("tool", "toolu_1")),
    Post(PostKey("answer", 1, 0), AnswerPart("Hi."), found=False, inbox_ids=(7,)),
    ShowCard(Cards(()), (), MoveKey("show", "card:A1")),
    ShowDirect(DM, DirectMessage("U2", (), SESSION.place, ("", "")), "U2", "5.0", ("A1",), MoveKey("direct", str(DM))),
    FindZones(("U2",), MoveKey("zones", "A1")),
    ShowNotice(CardNotice((), OVER), PostKey("notice", "A1", 1), "", "3.0", MoveKey("show", "notice:A1:1")),
    Settle(1, Click(action_id="A1", user="U1", decision="approved"), MoveKey("settle", "A1")),
    Admit((1,), "U1", MoveKey("admit", "U1")),
    Permit(1, "U1", MoveKey("permit", "1")),
    TurnAway(1, Edit(action_id="A1", user="U1", arguments={}), "No.", MoveKey("settle", "A1")),
    Close("A1", "expired", "", "", MoveKey("close", "A1")),
    CountCards("U1", 3, MoveKey("cards", "3")),
    Recall(values=True, key=MoveKey("recall", "1")),
]


def of(move: Outward, session: Session = SESSION, moves: tuple[Move, ...] = ()) -> Way:
    """The way of a move in a session."""
    return way(move, session, moves)


def with_call(phase: Phase) -> Session:
    """A session whose model asked for the call, which is in this phase."""
    return replace(SESSION, turn=replace(SESSION.turn, calls=(CallState(CALL, phase),)))


def test_each_kind_of_move_is_looked_at_here() -> None:
    kinds = {kind for each in get_args(Outward) for kind in (get_args(each) or (each,))}
    assert {type(move) for move in MOVES} == kinds


def test_what_must_not_happen_twice_has_a_start_or_a_gate() -> None:
    gated = [type(move) for move in MOVES if isinstance(of(move).start, Gated)]
    assert gated == [CallModel, Repin, Close]
    starts = {type(move): step for move in MOVES if not isinstance(start := of(move).start, Gated) for step in start.steps}
    assert starts == {
        RunTool: ToolStarted(call_id="toolu_1", idempotency_key="k"),
        Post: PostStarted(key=PostKey("answer", 1, 0)),
    }


def test_a_run_that_people_were_asked_about_passes_the_gate_and_one_that_has_passed_it_does_not() -> None:
    assert isinstance(of(replace(RUN, action_id="A1", digest="d")).start, Gated)
    assert isinstance(of(replace(RUN, grant_id="G1", digest="d")).start, Gated)
    found = of(replace(RUN, action_id="A1")).start
    assert not isinstance(found, Gated)
    assert found.steps == (ToolStarted(call_id="toolu_1", idempotency_key="k", action_id="A1"),)


def test_a_post_takes_the_inbox_rows_that_it_answers_with_its_start() -> None:
    start = of(MOVES[7]).start
    assert not isinstance(start, Gated)
    assert start.inbox_ids == (7,)


def test_only_what_changes_what_comes_next_begins_alone() -> None:
    gates = {type(move): start.alone for move in MOVES if isinstance(start := of(move).start, Gated)}
    assert gates == {CallModel: False, Repin: True, Close: True}


def test_what_a_gate_does_all_of_has_no_effect_besides() -> None:
    assert [type(move) for move in MOVES if of(move).make is None] == [Repin, Close]


def test_the_slot_of_a_model_call_is_left_however_it_ends() -> None:
    assert [type(move) for move in MOVES if of(move).over is not None] == [CallModel]


def test_at_the_end_of_a_process_a_tool_or_a_post_that_has_begun_may_finish() -> None:
    assert [type(move) for move in MOVES if of(move).ends_with_process] == [CallModel, FetchFile, Recall]


@pytest.mark.parametrize(
    ("move", "phases"),
    [
        pytest.param(RUN, {"running"}, id="a run"),
        pytest.param(Reconcile(CALL, "k", MoveKey("tool", "toolu_1")), {"running"}, id="what became of a lost run"),
        pytest.param(
            MakePreview("toolu_1", "pay", {}, MoveKey("preview", "toolu_1")), {"asked", "approved", "changed"}, id="a preview"
        ),
        pytest.param(Vouch("G1", "toolu_1", MoveKey("vouch", "toolu_1")), {"asked"}, id="whether a grant holds"),
    ],
)
def test_what_a_call_needs_is_waited_for_as_long_as_the_call_needs_it(move: Outward, phases: set[Phase]) -> None:
    waited = {phase for phase in get_args(Phase) if of(move, with_call(phase)).waited_for}
    assert waited == phases
    assert not of(move).waited_for  # of a call of an earlier reply


def test_a_model_call_is_waited_for_as_long_as_one_is_to_be_made() -> None:
    assert of(MODEL, moves=(MODEL,)).waited_for
    assert of(MODEL, moves=(replace(MODEL, iteration=2),)).waited_for
    assert not of(MODEL, moves=(Repin(),)).waited_for


def test_a_file_is_waited_for_until_it_was_read_or_the_turn_stopped() -> None:
    assert of(MOVES[2], replace(SESSION, turn=replace(SESSION.turn, unread=(FILE,)))).waited_for
    assert not of(MOVES[2]).waited_for


def test_what_people_are_to_see_and_what_they_did_is_always_waited_for() -> None:
    people = (Post, ShowCard, ShowNotice, ShowDirect, FindZones, Settle, Admit, Permit, TurnAway)
    assert all(of(move).waited_for for move in MOVES if isinstance(move, people))


def test_the_status_says_who_has_to_act() -> None:
    assert surface_status(after(), busy=False) == "active"
    assert surface_status(after(ASKED, STARTED), busy=True) == "processing"
    assert surface_status(after(*READY), busy=False) == "processing"
    assert surface_status(after(*WAITING), busy=False) == "suspended"
    assert surface_status(after(*WAITING), busy=True) is None  # a click is being judged
