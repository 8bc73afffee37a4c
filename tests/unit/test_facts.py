"""What the loop has found out goes into what comes next: whose grant still holds, and who may stop what others asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.move_keys import MoveKey
from agent.decide.moves import Admit, Move, Permit, Record, RunTool, Vouch
from agent.decide.next_moves import next_moves
from agent.session.inbox import Inboxed, Message, StopPressed, Withdraw
from agent.session.rules import Rules
from agent.session.state import GrantState, Session
from agent.session.steps import Asked, Granted, ModelReplied
from agent.tool.definition import Effect, registry
from agent.types import Allowed, Block, Place, Said, Usage, Verdict
from tests.unit.test_lost_calls import tool
from tests.unit.test_machine import ASKED, NOW, STARTED, WAITING, after

RULES = Rules(registry([tool("send", Effect.WRITE, idempotent=True)]))
ANYTHING = (Allowed(argument="url", to_be="anything"), Allowed(argument="n", to_be="exactly", value=1))


def reply(*ids: str) -> ModelReplied:
    """The model asks for calls of `send`."""
    content: tuple[Block, ...] = tuple({"type": "tool_use", "id": id, "name": "send", "input": {}} for id in ids)
    return ModelReplied(content=content, stop_reason="tool_use", usage=Usage(input_tokens=1, output_tokens=1))


def granted(*grants: str, calls: tuple[str, ...] = ("toolu_2",)) -> Session:
    """A session with standing permissions of several people, and calls that each of them covers."""
    session = after(ASKED, STARTED, reply(*calls))
    states = {
        id: GrantState(
            Granted(
                grant_id=id,
                action_id="A0",
                tool="send",
                pattern=ANYTHING,
                verdict=Verdict(answer="ask", rule="default"),
                by=f"giver of {id}",
                expires_at=NOW + timedelta(hours=1),
                most_uses=5,
            ),
            seq=0,
        )
        for id in grants
    }
    return replace(session, standing=replace(session.standing, grants=states))


def moves(session: Session, facts: Facts = NOTHING_FOUND, *inbox: Inboxed) -> tuple[Move, ...]:
    """What comes next."""
    return next_moves(session, inbox, RULES, NOW, facts)


def vouched(*pairs: tuple[str, str]) -> Facts:
    """The givers of these grants may still decide these calls."""
    return Facts(vouched=frozenset(pairs))


def test_a_call_runs_under_a_grant_once_its_giver_is_known_to_decide_still() -> None:
    assert moves(granted("G1")) == (Vouch("G1", "toolu_2", MoveKey("vouch", "toolu_2")),)
    [run] = moves(granted("G1"), vouched(("G1", "toolu_2")))
    assert isinstance(run, RunTool)
    assert (run.grant_id, bool(run.digest)) == ("G1", True)


def test_each_use_asks_anew() -> None:
    first, second = moves(granted("G1", calls=("toolu_2", "toolu_3")), vouched(("G1", "toolu_2")))
    assert isinstance(first, RunTool)
    assert second == Vouch("G1", "toolu_3", MoveKey("vouch", "toolu_3"))


def test_what_is_known_of_one_giver_says_nothing_of_another() -> None:
    """The grant ended after its giver was vouched for: the next grant that covers the call is somebody else's."""
    assert moves(granted("G2"), vouched(("G1", "toolu_2"))) == (Vouch("G2", "toolu_2", MoveKey("vouch", "toolu_2")),)


@pytest.mark.parametrize("received", [StopPressed(user="U7"), Withdraw(user="U7", action_ids=("A1",))])
def test_somebody_else_stops_or_takes_back_once_they_are_known_to_be_allowed_to(received: StopPressed | Withdraw) -> None:
    session, row = after(*WAITING), Inboxed(id=3, received=received)
    session = replace(session, actions={"A1": replace(session.actions["A1"])})
    before = next_moves(session, (row,), RULES, NOW - timedelta(minutes=1))
    assert before == (Permit(3, "U7", MoveKey("permit", "3")),)
    other = next_moves(session, (row,), RULES, NOW - timedelta(minutes=1), Facts(permitted=frozenset({4})))
    assert other == before  # it is known of another click
    allowed = next_moves(session, (row,), RULES, NOW - timedelta(minutes=1), Facts(permitted=frozenset({3})))
    assert not any(isinstance(move, Permit) for move in allowed)
    assert allowed


def test_nobody_asks_before_it_is_known_that_they_may_and_all_that_is_said_together_opens_one_turn() -> None:
    said = [("U1", "Order two."), ("U2", "No, three."), ("U1", "Yes, three.")]
    rows = [
        Inboxed(id=number, received=Message(said=Said(user=user, text=text, ts=f"{number}.0")))
        for number, (user, text) in enumerate(said, 1)
    ]
    idle = Session(id="T:C:1.0", place=Place(team="T", channel="C", thread_ts="1.0"), epoch=1)
    assert next_moves(idle, rows, RULES, NOW) == (
        Admit((1, 3), "U1", MoveKey("admit", "U1")),
        Admit((2,), "U2", MoveKey("admit", "U2")),
    )
    one_of_two = Facts(admitted=frozenset({1, 3}))
    assert next_moves(idle, rows, RULES, NOW, one_of_two) == (Admit((2,), "U2", MoveKey("admit", "U2")),)
    [record] = next_moves(idle, rows[:1] + rows[2:], RULES, NOW, one_of_two)  # the other one was turned away
    assert isinstance(record, Record)
    [asked] = record.steps
    assert isinstance(asked, Asked)
    assert [each.text for each in asked.said] == ["Order two.", "Yes, three."]


def test_facts_add_up() -> None:
    one, other = Facts(frozenset({7}), frozenset({1})), vouched(("G1", "toolu_2"))
    assert one | other == Facts(frozenset({7}), frozenset({1}), frozenset({("G1", "toolu_2")}))
    assert NOTHING_FOUND | one == one
