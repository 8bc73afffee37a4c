"""When a message grows, and what ends it: from the log alone."""

from datetime import UTC, datetime

import pytest

from agent.decide.for_stream import opening, stream_moves, unsettled
from agent.decide.moves import AnswerPart, Post, Record, Work
from agent.decide.next_moves import next_moves
from agent.session.machine import fold
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import (
    ActionDecided,
    Asked,
    ModelReplied,
    ModelStarted,
    Posted,
    PostStarted,
    ProposedAction,
    Recorded,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from agent.types import Block, Place, Said, Task, Usage, Verdict

NOW = datetime(2026, 11, 26, tzinfo=UTC)
NEW = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)
ASKED = Asked(said=(Said(user="U1", text="hello", ts="1.0"),))
STARTED = ModelStarted(iteration=1, reserved_tokens=10, max_tokens=5)


def used(id: str, name: str) -> Block:
    return {"type": "tool_use", "id": id, "name": name, "input": {}}


def replied(*content: Block, reason: str = "tool_use") -> ModelReplied:
    return ModelReplied(content=content, stop_reason=reason, usage=Usage(input_tokens=1, output_tokens=1))


LOOKS = replied(used("L", "look"))
LOOKING = ToolStarted(call_id="L", idempotency_key="k")
LOOKED = ToolReturned(call_id="L", outcome="succeeded", text='{"ok":true,"result":1}')
GROWS, ENDS, SAYS = PostKey("stream", 1, 0), PostKey("unstream", 1, 0), PostKey("answer", 1, 0)
STREAM = (PostStarted(key=GROWS), Posted(key=GROWS, ts="2.0"))
PROPOSED = ProposedAction(
    action_id="A",
    call_id="P",
    tool="pay",
    arguments={},
    verdict=Verdict(answer="ask", rule="default"),
    digest="d",
    requesters=("U1",),
    expires_at=datetime(2026, 11, 27, tzinfo=UTC),
)
CARD = (PostStarted(key=PostKey("card", "A")), Posted(key=PostKey("card", "A"), ts="3.0"))
TOLD = (PostStarted(key=SAYS), Posted(key=SAYS, ts="4.0"))
SUMMING_UP = ModelStarted(iteration=1, reserved_tokens=10, max_tokens=5, purpose="compact")
ANSWERED = replied({"type": "text", "text": "Done."}, reason="end_turn")


def after(*steps: Step) -> Session:
    return fold(NEW, [Recorded(seq=seq, epoch=1, step=step) for seq, step in enumerate(steps, 1)])


def posts(session: Session) -> list[Post]:
    return [move for move in next_moves(session, (), Rules({}), NOW) if isinstance(move, Post)]


def test_a_stream_is_opened_for_calls_and_for_words() -> None:
    looking = after(ASKED, STARTED, LOOKS, LOOKING)
    task = Task(id="L", tool="look", arguments={})
    assert opening(looking, "") == Post(GROWS, Work((task,)), found=False)
    assert opening(after(ASKED, STARTED), "") is None
    assert opening(after(ASKED, STARTED), "It is") == Post(GROWS, Work(words="It is"), found=False)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((), id="nobody has asked"),
        pytest.param((ASKED, STARTED, LOOKS, LOOKING, *STREAM), id="it is there"),
        pytest.param((ASKED, STARTED, LOOKS, LOOKING, STREAM[0]), id="it is being opened"),
        pytest.param((ASKED, STARTED, LOOKS, LOOKING, STREAM[0], Posted(key=GROWS, error="no")), id="it was refused"),
        pytest.param((ASKED, STARTED, Stopped(by="U1")), id="the turn was stopped"),
        pytest.param((ASKED, STARTED, ANSWERED), id="the answer is there"),
        pytest.param((ASKED, STARTED, replied(used("P", "pay")), PROPOSED, *CARD), id="people are asked"),
        pytest.param((ASKED, STARTED, LOOKS, LOOKING, LOOKED, STARTED, ANSWERED, *TOLD, SUMMING_UP), id="the turn is summed up"),
    ],
)
def test_a_stream_is_not_opened_when(steps: tuple[Step, ...]) -> None:
    assert opening(after(*steps), "It is") is None


def test_the_answer_stands_in_the_message_that_has_grown() -> None:
    session = after(ASKED, STARTED, LOOKS, LOOKING, *STREAM, LOOKED, STARTED, ANSWERED)
    [post] = posts(session)
    task = Task(id="L", tool="look", arguments={}, state="complete")
    assert post == Post(SAYS, AnswerPart("Done.", rated_turn=1, tasks=(task,)), found=False, stream_ts="2.0")
    over = fold(
        session,
        [Recorded(99, 1, step) for step in (PostStarted(key=SAYS), Posted(key=SAYS, ts="2.0"))],
    )
    assert (over.status, over.stream) == ("idle", None)


def test_an_answer_waits_for_a_stream_that_is_being_opened() -> None:
    session = after(ASKED, STARTED, LOOKS, LOOKING, STREAM[0], LOOKED, STARTED, ANSWERED)
    assert unsettled(session)
    assert [(post.key, post.found) for post in posts(session)] == [(GROWS, True)]  # made already, or to be found


def test_a_stream_is_ended_before_people_are_waited_for() -> None:
    calls = replied(used("L", "look"), used("P", "pay"))
    asked = (ASKED, STARTED, calls, LOOKING, *STREAM, PROPOSED, *CARD)
    assert stream_moves(after(*asked)) == []  # the look-up is still watched
    session = after(*asked, LOOKED)
    task = Task(id="L", tool="look", arguments={}, state="complete")
    assert session.status == "waiting"
    assert stream_moves(session) == [Post(ENDS, Work((task,)), found=False, stream_ts="2.0")]
    ended = after(*asked, LOOKED, PostStarted(key=ENDS), Posted(key=ENDS, ts="2.0"))
    assert (ended.stream, ended.turn.tasks, stream_moves(ended)) == (None, (), [])


def test_after_a_decision_the_next_stream_begins_with_nothing() -> None:
    decided = ActionDecided(action_id="A", decision="rejected", by="U1", decided_at=NOW)
    ended = (PostStarted(key=ENDS), Posted(key=ENDS, ts="2.0"))
    calls = replied(used("L", "look"), used("P", "pay"))
    session = after(ASKED, STARTED, calls, LOOKING, *STREAM, PROPOSED, *CARD, LOOKED, *ended, decided, STARTED)
    assert opening(session, "It is") == Post(PostKey("stream", 1, 1), Work(words="It is"), found=False)


def test_a_stream_that_is_found_after_its_turn_is_ended_before_the_next_answer() -> None:
    lost = (ASKED, STARTED, LOOKS, LOOKING, STREAM[0], LOOKED, STARTED, ANSWERED)
    session = after(*lost, *TOLD, STREAM[1])
    assert session.status == "idle"
    assert [post.key for post in posts(session)] == [ENDS]
    again = after(*lost, *TOLD, ASKED, STREAM[1], STARTED, ANSWERED)
    assert [(post.key, post.stream_ts) for post in posts(again)] == [(ENDS, "2.0")]


def test_what_was_read_stays_above_the_word_that_the_turn_was_stopped() -> None:
    session = after(ASKED, STARTED, LOOKS, LOOKING, *STREAM, LOOKED, Stopped(by="U1"))
    [record] = next_moves(session, (), Rules({}), NOW)
    assert isinstance(record, Record)
    halted = fold(session, [Recorded(99, 1, step) for step in record.steps])
    [post] = posts(halted)
    assert isinstance(post.content, AnswerPart)
    assert (post.content.after_words, post.content.rated_turn, post.stream_ts) == (True, None, "2.0")
