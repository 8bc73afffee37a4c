"""What is made of each reason to stop, and what the model reads of it afterwards."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.decide.moves import CallModel, Post, Record
from agent.decide.next_moves import next_moves
from agent.errors import IllegalStepError
from agent.memory.transcript import messages
from agent.session.closings import closing_text
from agent.session.machine import apply, fold
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import (
    Asked,
    Halted,
    LeftOut,
    ModelReplied,
    ModelStarted,
    Recorded,
    Repinned,
    Resumed,
    Step,
    Stopped,
    ToolReturned,
)
from agent.session.stop_reasons import WINDOW, reason_of
from agent.types import Block, Place, Said, Usage

NEW = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
ASKED = Asked(said=(Said(user="U1", text="tell me", ts="1.0"),))
CALL: Block = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
SEARCH: Block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_bm25", "input": {"query": "x"}}
FOUND: Block = {
    "type": "tool_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": {"type": "tool_search_tool_search_result", "tool_references": []},
}
THOUGHT: Block = {"type": "thinking", "thinking": "Hm.", "signature": "s"}


def text(words: str) -> Block:
    """A block of text."""
    return {"type": "text", "text": words}


def reply(stop_reason: str, *content: Block) -> ModelReplied:
    """What the model said."""
    return ModelReplied(content=content, stop_reason=stop_reason, usage=Usage(input_tokens=1, output_tokens=1))


def played(*replies: ModelReplied, steps: Sequence[Step] = (), iterations: int = 10) -> tuple[Session, list[Step]]:
    """A turn in which the model says this, one after the other, with what is recorded in between; `steps` after that."""
    log: list[Step] = [ASKED]
    session = apply(NEW, ASKED, 1)
    for number, said in enumerate(replies, 1):
        for step in (ModelStarted(iteration=number, reserved_tokens=1, max_tokens=1), said, *steps):
            session = apply(session, step, 1)
            log.append(step)
        while (moves := next_moves(session, (), Rules({}, iterations), NOW)) and isinstance(moves[0], Record):
            session = fold(session, [Recorded(seq=0, epoch=1, step=step) for step in moves[0].steps])
            log += moves[0].steps
    return session, log


def answer(session: Session) -> str:
    """What people read at the end."""
    assert session.turn.ending.closing is not None
    return "".join(session.turn.ending.closing.parts)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (reply("end_turn", text("Hi.")), "end_turn"),
        (reply("stop_sequence", text("Hi.")), "stop_sequence"),
        (reply("tool_use", CALL), "tool_use"),
        (reply("max_tokens", text("H")), "max_tokens"),
        (reply("pause_turn", text("H")), "pause_turn"),
        (reply("refusal"), "refusal"),
        (reply(WINDOW, text("H")), WINDOW),
        (reply("end_turn"), "empty"),
        (reply("end_turn", text(" \n")), "empty"),
        (reply("end_turn", THOUGHT), "empty"),
        (reply("some_new_reason", text("Hi.")), "strange"),
        (reply("tool_use", text("Hi.")), "strange"),  # nothing is called
        (reply("tool_use", CALL, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}), "strange"),
        (reply("tool_use", SEARCH, FOUND, CALL), "tool_use"),  # the one thing that the provider runs for us
        (reply("pause_turn", SEARCH), "pause_turn"),
        (reply("pause_turn", CALL), "strange"),  # sent back as it is, it would leave a call unanswered
        (reply("pause_turn", text("H"), THOUGHT), "strange"),  # and this the API would refuse
    ],
)
def test_every_reason_has_its_meaning(said: ModelReplied, reason: str) -> None:
    assert reason_of(said) == reason


def test_a_cut_answer_goes_on_and_is_read_as_one() -> None:
    session, log = played(reply("max_tokens", text("The deliv")), reply("end_turn", text("ery is on its way.")))
    assert answer(session) == "The delivery is on its way."
    assert [step for step in log if isinstance(step, Resumed)] == [Resumed(reason="max_tokens")]
    roles = [(message["role"], len(message["content"])) for message in messages(log)]
    assert roles == [("user", 1), ("assistant", 1), ("user", 1), ("assistant", 1)]
    assert "cut at its length limit" in str(messages(log)[2])


@pytest.mark.parametrize("iterations", [2, 10])
def test_an_answer_that_never_ends_is_shown_as_far_as_it_came(iterations: int) -> None:
    session, _ = played(*(reply("max_tokens", text(f"{n} ")) for n in range(min(iterations, 4))), iterations=iterations)
    assert answer(session).startswith("0 1")
    assert answer(session).endswith("_(My answer was cut at its length limit. Ask me to go on if you need the rest.)_")


def test_a_turn_that_ends_otherwise_shows_the_answer_as_far_as_it_came() -> None:
    session, _ = played(reply("max_tokens", text("The deliv")))
    session = apply(session, Halted(error="BudgetExceededError", sentence="The budget is used."), 1)
    assert answer(session) == "The deliv\n\nThe budget is used."


def test_a_cut_call_never_runs_and_the_model_is_told_to_make_it_again() -> None:
    session, log = played(reply("max_tokens", text("I order."), CALL))
    assert (session.turn.calls, session.turn.ending.closing) == ((), None)
    assert isinstance(next_moves(session, (), Rules({}), NOW)[0], CallModel)
    [result] = messages(log)[-1]["content"]
    assert result["tool_use_id"] == "toolu_1"
    assert "Not run: your reply was cut" in result["content"]
    assert answer(played(reply("max_tokens", text("I order."), CALL), reply("end_turn", text("Done.")))[0]) == "Done."


def test_a_paused_reply_is_sent_back_as_it_is() -> None:
    _, log = played(reply("pause_turn", text("First.")))
    assert messages(log)[-1] == {"role": "assistant", "content": [text("First.")]}
    assert answer(played(reply("pause_turn", text("First.")), reply("end_turn", text("Second.")))[0]) == "First.\n\nSecond."


def test_a_search_that_had_not_ended_at_a_pause_is_left_away_and_the_model_asked_to_go_on() -> None:
    _, log = played(reply("pause_turn", text("First."), SEARCH))
    assert [(message["role"], message["content"]) for message in messages(log)[1:]] == [
        ("assistant", [text("First.")]),
        ("user", [text("Please continue.")]),
    ]
    _, log = played(reply("pause_turn", text("First."), SEARCH, FOUND))
    assert messages(log)[-1] == {"role": "assistant", "content": [text("First."), SEARCH, FOUND]}


def test_an_end_without_a_word_is_asked_about_once() -> None:
    once, log = played(reply("end_turn"))
    assert once.turn.ending.closing is None
    assert [message["role"] for message in messages(log)] == ["user", "user"]  # nothing is put into the model's mouth
    assert messages(log)[1]["content"] == [text("Please continue.")]
    twice, log = played(reply("end_turn", THOUGHT), reply("end_turn"))
    assert answer(twice) == "Done. I have nothing to add."
    log.append(ASKED)
    assert [message["role"] for message in messages(log)] == ["user", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (reply("refusal", text("How to"), CALL), "The model declined to answer this."),
        (reply("some_new_reason", text("Hi."), CALL), "in a way that I do not know (some_new_reason)"),
        (reply("tool_use", CALL, {"type": "mcp_tool_use", "id": "m"}), "in a way that I do not know (mcp_tool_use)"),
    ],
)
def test_what_is_refused_or_not_known_runs_nothing_and_is_left_out(said: ModelReplied, sentence: str) -> None:
    session, log = played(said)
    assert session.turn.calls == ()
    assert sentence in answer(session)
    assert "How to" not in answer(session)
    assert [post.key for post in next_moves(session, (), Rules({}), NOW) if isinstance(post, Post)] == [PostKey("answer", 1, 0)]
    told = str(messages([*log, ASKED]))
    assert told.count("tell me") == 1  # the new words; those that were refused are gone
    assert "is left out here. Nothing was run in it." in told


def test_what_ran_in_a_turn_that_is_left_out_is_told() -> None:
    ran = ToolReturned(call_id="toolu_1", outcome="succeeded", text='{"ok":true}')
    log = [ASKED, reply("tool_use", THOUGHT, CALL), ran, reply("refusal"), LeftOut(), ASKED]
    [message] = messages(log)
    assert [part["text"] for part in message["content"]] == [
        "(A request that you could not answer is left out here. In it these calls were made: look (succeeded).)",
        "<@U1>: tell me",
    ]


def test_an_old_log_with_a_refusal_is_read_as_it_was() -> None:
    """Later thoughts are bound to it, and nobody said that it is left out."""
    assert len(messages([ASKED, reply("refusal", text("I can")), ASKED])) == 3


@pytest.mark.parametrize("step", [Resumed(reason="pause_turn"), LeftOut()])
def test_only_what_fits_the_last_reply_is_made_of_it(step: Step) -> None:
    session, _ = played(reply("end_turn", text("Hi.")))
    with pytest.raises(IllegalStepError):
        apply(session, step, 1)


def test_after_stop_nothing_goes_on() -> None:
    session, log = played(reply("max_tokens", text("The deliv")), steps=[Stopped(by="U1")])
    assert not any(isinstance(step, Resumed) for step in log)
    assert answer(session).startswith("The deliv\n\n_(My answer was cut")


def test_no_message_ends_in_thoughts() -> None:
    _, log = played(reply("max_tokens", text("Well."), THOUGHT))
    assert [part["type"] for part in messages(log)[1]["content"]] == ["text"]


def test_another_model_reads_everything_but_the_thoughts() -> None:
    kept: list[Any] = [reply("tool_use", THOUGHT, CALL), reply("end_turn", THOUGHT, text("Hi."))]
    moved = Repinned(pin_id="p", model="claude-opus-5-5", model_before="claude-opus-4-0")
    told = messages([ASKED, *kept, ASKED, moved])
    assert [[part["type"] for part in message["content"]] for message in told] == [
        *(["text"], ["tool_use"], ["tool_result"], ["text"], ["text"])
    ]


def test_the_words_of_a_closing() -> None:
    assert closing_text(reply("end_turn", text("b")), "a ") == "a b"
    assert closing_text(reply("refusal", text("b")), "a ") == (
        "The model declined to answer this. None of its last calls was run; please put it in other words."
    )
