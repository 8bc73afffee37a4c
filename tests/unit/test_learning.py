"""What a conversation is read for: people's own words, and what the agent answered only where that is not from memory."""

from datetime import UTC, datetime

import pytest

from agent.decide.moves import CallModel
from agent.memory.transcript import Transcript
from agent.run.off_turn import asked_for
from agent.session.machine import apply
from agent.session.state import Session
from agent.session.steps import Asked, ModelReplied, ModelStarted, Recalled, Step
from agent.types import Place, Said, Usage

PLACE = Place(team="T1", channel="C1", thread_ts="1.0")
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
    read = str(asked_for(CallModel(1, datetime(2026, 11, 30, tzinfo=UTC), purpose="learn"), session, said))
    assert "what is the code?" in read
    assert ("It is 1234." in read) is (not channels)
    assert "The code is 1234." not in read
