"""Random histories of one session, without clock, network or database: crashes, clicks, messages, Stop, lost results.

Whatever happens: every request to the model is one that the API takes and has the one before as its prefix, no call runs
without an approval that covers it, no write is run twice, at the cap each call is named with its true fate, and in the end the
session is idle or waits for an open card.
"""

from hypothesis import event, example, given
from hypothesis import strategies as st

from agent.decide.for_approvers import told_directly
from agent.decide.for_cards import due_at
from agent.session.inbox import Inquiry, Message, Nudge
from agent.session.steps import ProposedAction, ToolReturned
from agent.types import Said
from tests.profiles import examples
from tests.unit.simulated import Simulation
from tests.unit.test_any_cap import assert_each_call_is_named


@examples(3)
@given(seed=st.integers(0, 2**32), events=st.integers(5, 300), goes_on=st.booleans())
@example(seed=195690, events=6, goes_on=False)  # Continue is clicked before anything was asked
def test_any_history_keeps_the_promises(seed: int, events: int, goes_on: bool) -> None:
    simulation = Simulation(seed)  # and not draws of hypothesis, which run out long before histories get interesting
    simulation.receive(Message(said=Said(user="U1", text="hello", ts="0.0")))
    for _ in range(events):
        if goes_on:
            simulation.ask_again()
        simulation.play()
    simulation.settle_down()
    simulation.load()
    session = simulation.session
    for kind in {step.kind for step in simulation.steps}:
        event(kind)  # pytest --hypothesis-show-statistics says how many histories had one
    assert session.status in ("idle", "waiting")
    if session.status == "waiting":
        assert any(action.decided is None and action.shown.ts for action in session.actions.values())
    assert not any(isinstance(row.received, Nudge | Inquiry) for row in simulation.inbox)  # they are answered at once
    assert session.stream is None  # nothing grows that nobody is at work on
    for action in session.actions.values():
        assert not action.lags  # no card is left stale
        assert not action.looks_open_to  # nor a direct message
        if action.decided is None and action.shown.ts:
            assert action.shown.copy_ts or action.shown.copy_error or not action.proposed.verdict.post_to
            assert set(told_directly(session, action)) <= action.shown.directs.keys()  # each was told, or Slack refused it
            assert due_at(session, simulation.now) is not None
        assert action.run.asked_ts or action.run.outcome != "unknown"  # somebody was asked
        assert action.decided or action.proposed.expires_at > simulation.now  # no deadline is left unnoticed
    lost = {step.call_id for step in simulation.steps if isinstance(step, ToolReturned) and step.outcome == "unknown"}
    assert lost <= {step.call_id for step in simulation.steps if isinstance(step, ProposedAction)}  # with a card, or without
    assert_each_call_is_named(simulation.steps)
    if session.status == "idle":  # and the thread can be used again
        asked = simulation.wire.requests
        simulation.receive(Message(said=Said(user="U1", text="and now?", ts="99.0")))
        simulation.settle_down()
        assert simulation.wire.requests > asked or simulation.wire.last_halt == "ModelRetiredError"  # nobody named another
