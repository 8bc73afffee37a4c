"""Every status with every step: what the table allows happens, anything else raises and changes nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from agent.errors import IllegalStepError
from agent.session.calls import CALL
from agent.session.machine import ALLOWED, apply, fold
from agent.session.model_state import ModelCall
from agent.session.post_keys import PostKey
from agent.session.state import FINAL, Session, Status, Turn
from agent.session.steps import (
    STEP,
    ActionDecided,
    Asked,
    Attached,
    CardShown,
    Compacted,
    DirectShown,
    Edited,
    Escalated,
    FoundChanged,
    Granted,
    GrantEnded,
    Halted,
    Learnt,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    NoticeLook,
    NoticeShown,
    Nudged,
    OutcomeTold,
    Posted,
    PostStarted,
    Previewed,
    ProposedAction,
    Recalled,
    Recorded,
    Repinned,
    Resumed,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
    Voted,
    WindowExceeded,
)
from agent.types import Allowed, Attachment, Change, OutcomeAnswer, Place, Preview, Said, Usage, Verdict

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NEW = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)
ASKED = Asked(said=(Said(user="U1", text="order two", ts="1.0"),))
STARTED = ModelStarted(iteration=1, reserved_tokens=100, max_tokens=50)
REPLIED = ModelReplied(
    content=({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {"to": "ada"}},),
    stop_reason="tool_use",
    usage=Usage(input_tokens=10, output_tokens=5),
)
PROPOSED = ProposedAction(
    action_id="A1",
    call_id="toolu_1",
    tool="pay",
    arguments={"to": "ada"},
    verdict=Verdict(answer="ask", rule="default"),
    digest="d",
    requesters=("U1",),
    expires_at=NOW,
)
ANSWERED = (PostStarted(key=PostKey("answer", 1, 0)), Posted(key=PostKey("answer", 1, 0), ts="4.0"))
CARD = (PostStarted(key=PostKey("card", "A1")), Posted(key=PostKey("card", "A1"), ts="2.0"))
APPROVED = ActionDecided(action_id="A1", decision="approved", by="U2", decided_at=NOW)
GRANTED = Granted(
    grant_id="G1",
    action_id="A1",
    tool="pay",
    pattern=(Allowed(argument="to", to_be="exactly", value="ada"),),
    verdict=PROPOSED.verdict,
    by="U2",
    expires_at=NOW,
    most_uses=5,
)
RUNNING = ToolStarted(call_id="toolu_1", idempotency_key="k", action_id="A1")
RETURNED = ToolReturned(call_id="toolu_1", outcome="succeeded", text='{"ok":true,"result":{}}')

SUMMING_UP = STARTED.model_copy(update={"purpose": "compact"})
COMPACTED = Compacted(head="What came before.", usage=Usage(input_tokens=20, output_tokens=5))

READY: tuple[Step, ...] = (ASKED, STARTED, REPLIED, PROPOSED, CARD[0])
WAITING: tuple[Step, ...] = (*READY, CARD[1])

EVERY: dict[str, Step] = {
    "asked": ASKED,
    "attached": Attached(file_id="F1", blocks=({"type": "text", "text": "1,2"},)),
    "recalled": Recalled(text="Deploys are on Tuesday.", channels=("C2",), sources=("memory",)),
    "model_started": STARTED,
    "model_replied": REPLIED,
    "model_failed": ModelFailed(reason="unavailable", since=NOW),
    "resumed": Resumed(reason="max_tokens"),
    "left_out": LeftOut(),
    "repinned": Repinned(pin_id="p", model="claude-opus-5-5", model_before="claude-opus-4-0"),
    "window_exceeded": WindowExceeded(),
    "compacted": Compacted(head="What came before."),
    "learnt": Learnt(count=1),
    "previewed": Previewed(call_id="toolu_1", preview=Preview()),
    "found_changed": FoundChanged(call_id="toolu_1", changes=(Change(what="Price", before="49", after="99"),)),
    "proposed_action": PROPOSED,
    "edited": Edited(action_id="A1", by="U2", arguments={"to": "bob"}, edited_at=NOW),
    "escalated": Escalated(action_id="A1", escalated_at=NOW),
    "nudged": Nudged(action_id="A1", by="U1", nudged_at=NOW),
    "granted": GRANTED,
    "grant_ended": GrantEnded(grant_id="G1"),
    "voted": Voted(action_id="A1", by="U3"),
    "action_decided": APPROVED,
    "tool_started": RUNNING,
    "tool_returned": RETURNED,
    "post_started": PostStarted(key=PostKey("waiting", 9)),
    "posted": Posted(key=PostKey("waiting", 9), ts="3.0"),
    "card_shown": CardShown(action_id="A1", look="approved"),
    "direct_shown": DirectShown(key=PostKey("dm", "A1", 0, "U2"), over=("A1",)),
    "notice_shown": NoticeShown(notice=PostKey("notice", "A1", 1), look=NoticeLook()),
    "halted": Halted(error="Stopped", sentence="Stopped."),
    "stopped": Stopped(by="U1"),
    "outcome_told": OutcomeTold(action_id="A1", by="U1", answer="leave", told_at=NOW),
}


def after(*steps: Step) -> Session:
    """The session after these steps."""
    return fold(NEW, [Recorded(seq=seq, epoch=1, step=step) for seq, step in enumerate(steps, 1)])


def test_there_is_an_example_of_every_kind_of_step() -> None:
    kinds = set(TypeAdapter(Step).json_schema()["discriminator"]["mapping"])
    assert kinds == set(EVERY)
    assert kinds == set().union(*ALLOWED.values())


@pytest.mark.parametrize("kind", list(EVERY))
@pytest.mark.parametrize(("status", "steps"), [("idle", ()), ("ready", READY), ("waiting", WAITING)])
def test_a_step_that_the_table_does_not_allow_raises_and_changes_nothing(
    status: Status, steps: tuple[Step, ...], kind: str
) -> None:
    session = after(*steps)
    assert session.status == status
    before = repr(session)
    if kind not in ALLOWED[status]:
        with pytest.raises(IllegalStepError, match=f"{kind} cannot follow"):
            apply(session, EVERY[kind], 1)
    else:
        try:  # allowed here, though this very example may name a call or a post that does not fit
            assert apply(session, EVERY[kind], 1).seq == session.seq + 1
        except IllegalStepError as error:
            assert "cannot follow in session" not in str(error)  # noqa: PT017 # not the table's doing
    assert repr(session) == before


@pytest.mark.parametrize("phase", ["asked", "proposed", "pending", "approved", "running", "returned", "declined"])
def test_a_final_call_takes_no_further_step(phase: Any) -> None:
    assert any(origin == phase for origin, _ in CALL) is (phase not in FINAL)


def test_the_model_is_asked_only_after_every_file_was_read_or_could_not_be() -> None:
    files = tuple(Attachment(id=id, name="a.csv") for id in ("F1", "F2"))
    asked = Asked(said=(Said(user="U1", text="", ts="1.0", files=files), Said(user="U2", text="", ts="2.0", files=files[:1])))
    first, second = (Attached(file_id=file.id, blocks=(), source=f"file {file.id}") for file in files)
    assert after(asked).turn.unread == files
    for early in ((asked,), (asked, first)):
        with pytest.raises(IllegalStepError, match="cannot call the model now"):
            after(*early, STARTED)
    with pytest.raises(IllegalStepError, match="waits for no file F1"):
        after(asked, first, first)
    assert after(asked, first, second).context.sources == ("file F1", "file F2")
    assert after(asked, first, second, STARTED).model.in_flight == ModelCall(STARTED, 1)
    assert after(asked, first, Stopped(by="U1")).turn.unread == ()
    with pytest.raises(IllegalStepError, match="waits for no file F2"):
        after(asked, first, Stopped(by="U1"), second)


def test_the_whole_life_of_one_approved_call() -> None:
    assert after(ASKED).status == "ready"
    assert after(*WAITING).status == "waiting"
    assert after(*WAITING, APPROVED).status == "ready"
    done = after(*WAITING, APPROVED, RUNNING, RETURNED)
    assert done.turn.calls[0].outcome == "succeeded"
    assert done.actions["A1"].look == "succeeded"
    closed = after(*WAITING, APPROVED, RUNNING, RETURNED, CardShown(action_id="A1", look="succeeded"))
    assert closed.actions == {}


@pytest.mark.parametrize(
    ("steps", "illegal"),
    [
        ((*WAITING, APPROVED), APPROVED),  # decided twice
        ((*WAITING, EVERY["voted"]), EVERY["voted"]),  # two votes of one person
        ((*WAITING, APPROVED), EVERY["edited"]),  # edited after it was approved
        ((*WAITING, APPROVED), EVERY["escalated"]),
        ((*WAITING, EVERY["edited"]), APPROVED),  # approved after it was edited
        (READY, APPROVED),  # approved before anybody could see it
        (WAITING, RUNNING),  # run without a decision
        ((*WAITING, APPROVED, RUNNING), RUNNING),  # run twice under one epoch
        ((*WAITING, APPROVED, RUNNING, RETURNED), RUNNING),  # run again after its result
        ((*WAITING, APPROVED), ToolStarted(call_id="toolu_1", idempotency_key="k", action_id=None)),  # around its action
        ((*WAITING, APPROVED, RUNNING), Halted(error="x", sentence="x")),  # the turn ends while a call runs
        ((ASKED, STARTED), STARTED),  # two model calls at once
        ((ASKED, STARTED, REPLIED), STARTED),  # the model asked with a call unanswered
        ((), STARTED),  # the model asked for a reply when nobody said anything
        ((SUMMING_UP,), ASKED),  # a turn opened while the conversation is summed up
        ((SUMMING_UP,), REPLIED),  # a summary taken for a reply
        ((ASKED,), COMPACTED),  # a turn that fits put into a new context
        ((ASKED, STARTED), COMPACTED),
        ((SUMMING_UP,), WindowExceeded()),
    ],
)
def test_what_must_never_happen_raises(steps: tuple[Step, ...], illegal: Step) -> None:
    with pytest.raises(IllegalStepError):
        apply(after(*steps), illegal, 1)


def test_an_edited_call_is_judged_anew_with_a_persons_arguments() -> None:
    session = after(*WAITING, EVERY["voted"], EVERY["edited"])
    [state] = session.turn.calls
    assert (state.phase, state.call.arguments, state.edited_by) == ("asked", {"to": "bob"}, "U2")
    assert state.requesters == ("U1", "U2")  # an editor asks
    assert session.actions["A1"].look == "edited"
    anew = PROPOSED.model_copy(update={"action_id": "A2", "arguments": {"to": "bob"}, "edited_by": "U2"})
    session = fold(session, [Recorded(seq=9, epoch=1, step=anew)])
    assert session.actions["A2"].votes.approved_by == ()  # votes start anew
    assert len(session.standing.asked_at) == 1  # the model asked once


def test_a_word_can_be_taken_back_until_it_is_settled() -> None:
    no = Voted(action_id="A1", by="U3", decision="rejected")
    action = after(*WAITING, EVERY["voted"], no).actions["A1"]
    assert (action.votes.approved_by, action.votes.rejected_by) == ((), ("U3",))
    assert action.lags  # though as many words stand as before


def test_rows_of_one_message_are_forgotten_together() -> None:
    reply = REPLIED.model_copy(update={"content": (*REPLIED.content, {**REPLIED.content[0], "id": "toolu_2"})})
    other = PROPOSED.model_copy(update={"action_id": "A2", "call_id": "toolu_2", "message": "card:A1"})
    no = ActionDecided(action_id="A1", decision="rejected", by="U2", decided_at=NOW)
    session = after(ASKED, STARTED, reply, PROPOSED, other, *CARD)
    assert {action.shown.ts for action in session.actions.values()} == {"2.0"}
    shown = CardShown(action_id="A1", look="rejected")
    session = fold(session, [Recorded(seq=0, epoch=1, step=step) for step in (no, shown)])
    assert list(session.actions) == ["A1", "A2"]  # its row is still to be seen
    others = (no.model_copy(update={"action_id": "A2"}), shown.model_copy(update={"action_id": "A2"}))
    assert fold(session, [Recorded(seq=0, epoch=1, step=step) for step in others]).actions == {}


def test_a_start_of_an_older_epoch_may_be_made_again() -> None:
    session = apply(after(ASKED, STARTED), STARTED, 2)
    assert session.model.in_flight == ModelCall(STARTED, 2)
    assert session.spending.used_tokens == 100  # the lost one is charged as it was reserved


def test_old_code_does_not_read_a_step_that_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="does not match any of the expected tags"):
        STEP.validate_json('{"kind": "promoted", "by": "U1"}')


def test_nothing_of_a_turn_is_left_in_the_next_one() -> None:
    halted = (
        Halted(error="Stopped", sentence="Stopped."),
        PostStarted(key=PostKey("answer", 1, 0)),
        Posted(key=PostKey("answer", 1, 0), ts="4.0"),
    )
    before = after(*WAITING, APPROVED, RUNNING, RETURNED, Stopped(by="U1"), *halted)
    assert before.turn != Turn(number=1)
    assert apply(before, ASKED, 1).turn == Turn(number=2, open=True, speakers=("U1",), payer="U1")


def test_a_call_that_is_run_again_keeps_its_idempotency_key() -> None:
    lost = RETURNED.model_copy(update={"outcome": "unknown"})
    said = REPLIED.model_copy(update={"content": ({"type": "text", "text": "Well."},), "stop_reason": "end_turn"})
    answered = (STARTED, said, *ANSWERED)
    again = OutcomeTold(action_id="A1", by="U1", answer="run_again", told_at=NOW)
    [state] = after(*WAITING, APPROVED, RUNNING, lost, *answered, again).turn.calls
    assert (state.phase, state.idempotency_key) == ("approved", RUNNING.idempotency_key)


@pytest.mark.parametrize(("answer", "look"), [("happened", "succeeded"), ("leave", "left")])
def test_what_was_left_unknown_does_not_look_as_if_it_had_not_run(answer: OutcomeAnswer, look: str) -> None:
    lost = RETURNED.model_copy(update={"outcome": "unknown"})
    said = REPLIED.model_copy(update={"content": ({"type": "text", "text": "Well."},), "stop_reason": "end_turn"})
    told = OutcomeTold(action_id="A1", by="U1", answer=answer, told_at=NOW)
    session = after(*WAITING, APPROVED, RUNNING, lost, STARTED, said, *ANSWERED, told)
    assert session.actions["A1"].look == look
