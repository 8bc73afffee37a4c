"""What a conversation is read for: people's own words, and what the agent answered only where that is not from memory."""

from datetime import UTC, datetime

import pytest

from agent.decide.moves import CallModel
from agent.memory.extraction import says
from agent.memory.transcript import Transcript
from agent.run.off_turn import asked_for, read_with
from agent.session.machine import apply
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Asked, ModelReplied, ModelStarted, Recalled, Step
from agent.tool.definition import registry
from agent.types import Pinned, Place, Said, Usage

PLACE = Place(team="T1", channel="C1", thread_ts="1.0")
LEARN = CallModel(1, datetime(2026, 11, 30, tzinfo=UTC), purpose="learn")
USAGE = Usage(input_tokens=10, output_tokens=5)
STEPS: tuple[Step, ...] = (
    ModelStarted(iteration=1, reserved_tokens=10, max_tokens=5),
    ModelReplied(content=({"type": "text", "text": "It is 1234."},), stop_reason="end_turn", usage=USAGE),
)


@pytest.mark.parametrize("channels", [(), ("C2",), ("C1",)])
def test_what_the_agent_said_from_memory_is_not_learnt_once_more(channels: tuple[str, ...]) -> None:
    session, said = Session("T1:C1:1.0", PLACE, epoch=1), Transcript()
    asked = Asked(said=(Said(user="U1", text="what is the code?", ts="1.0"),))
    for step in (asked, Recalled(text="The code is 1234.", channels=channels), *STEPS):
        session = apply(session, step, 1)
        said.add(step)
    read = str(asked_for(LEARN, session, said))
    assert "what is the code?" in read
    assert ("It is 1234." in read) is (not channels)
    assert "The code is 1234." not in read


def test_what_a_channel_wants_of_its_agent_is_nothing_for_the_model_that_learns() -> None:
    pinned = Pinned(model="m", system="You help.", tools=(), agent="assistant", instructions="Answer in French.")
    read = read_with(LEARN, pinned, Rules(registry([]), learns_with="claude-haiku-5-5"))
    assert (read.model, read.agent, read.instructions, read.tools) == ("claude-haiku-5-5", "assistant", "", ())
    assert "JSON" in read.system


@pytest.mark.parametrize(
    ("text", "sources", "own"),
    [
        ("Maya owns billing", (), True),
        ("> Maya owns billing", (), True),  # typed like that: it is theirs all the same
        ("look:\nForwarded, from Maya owns billing in #x:\n> hello", ("a message",), False),
        ("look:\n> Maya owns billing", ("a message",), False),
        ("so Maya   owns\nbilling\n> hello", ("a message",), True),
    ],
)
def test_a_fact_quotes_what_a_person_wrote_themselves(text: str, sources: tuple[str, ...], own: bool) -> None:
    assert says(Said(user="U1", text=text, ts="1.0", sources=sources), "Maya owns billing") is own
