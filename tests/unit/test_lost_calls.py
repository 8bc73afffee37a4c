"""Calls that run when somebody presses Stop, and runs whose result was lost: what comes next for each."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from agent.approvals.policy import Policy, Rule
from agent.decide.moves import Move, Post, Question, Reconcile, Record, RunTool
from agent.decide.next_moves import next_moves
from agent.errors import IllegalStepError
from agent.session.machine import apply
from agent.session.rules import Rules
from agent.session.state import Session, Turn
from agent.session.steps import (
    Granted,
    GrantEnded,
    ModelReplied,
    OutcomeTold,
    ProposedAction,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from agent.tool.definition import Effect, Tool, registry
from agent.types import Allowed, Approvers, Block, Usage, Verdict
from tests.unit.test_machine import ASKED, NOW, PROPOSED, READY, REPLIED, STARTED, WAITING, after


class Where(BaseModel):
    """What every tool takes."""

    url: str = "https://ok.example.com/a"
    n: int = 1


async def never(arguments: Where, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


def tool(name: str, effect: Effect, **more: Any) -> Tool:
    """A tool of this effect."""
    return Tool(name=name, description=name, arguments=Where, handler=never, effect=effect, **more)


TOOLS = registry(
    [
        tool("look", Effect.READ),
        tool("fetch", Effect.EGRESS),
        tool("send", Effect.WRITE, idempotent=True),
        tool("jot", Effect.WRITE),
    ]
)
DEFAULT = Policy()
FREELY = Policy((Rule(tool="jot", answer="allow", name="freely"), Rule(tool="send", answer="allow", name="freely")))


def running(name: str, *before: Step, grant_id: str | None = None) -> Session:
    """The session in which a call of this tool was started under epoch 1."""
    block: Block = {"type": "tool_use", "id": "toolu_2", "name": name, "input": {}}
    reply = ModelReplied(content=(block,), stop_reason="tool_use", usage=Usage(input_tokens=1, output_tokens=1))
    return after(*(before or (ASKED,)), STARTED, reply, ToolStarted(call_id="toolu_2", idempotency_key="k", grant_id=grant_id))


def found(session: Session) -> Session:
    """As another process finds it."""
    return replace(session, epoch=2)


def moves(session: Session, policy: Policy = DEFAULT) -> tuple[Move, ...]:
    """What comes next."""
    return next_moves(session, (), Rules(TOOLS, judge=policy.judge), NOW)


def recorded(session: Session, policy: Policy = DEFAULT) -> Step:
    """The one step that is to be written next."""
    [move] = moves(session, policy)
    assert isinstance(move, Record)
    [step] = move.steps
    return step


def result(step: Step) -> tuple[str, str]:
    """How a call ended, and what the model reads."""
    assert isinstance(step, ToolReturned)
    return step.outcome, step.text


# ---------------------------------------------------------------------------------------------- Stop


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("name", ["look", "fetch"])
def test_a_read_that_runs_is_given_up_when_somebody_presses_stop(name: str, again: bool) -> None:
    session = apply(running(name), Stopped(by="U1"), 1)
    outcome, text = result(recorded(found(session) if again else session))
    assert outcome == "failed"  # and not refused: it may have been sent
    assert "pressed Stop" in text


@pytest.mark.parametrize("name", ["send", "jot"])
def test_a_write_that_runs_is_waited_for_after_a_stop_and_is_not_begun_again(name: str) -> None:
    session = apply(running(name), Stopped(by="U1"), 1)
    assert moves(session, FREELY) == ()
    [move] = moves(found(session), FREELY)
    assert isinstance(move, Reconcile)


# ---------------------------------------------------------------------------------------------- found after a crash


def allowing(*hosts: str) -> Policy:
    """Egress runs for these."""
    return Policy(allowed_hosts=hosts)


def test_an_egress_that_is_found_is_judged_again_before_it_is_repeated() -> None:
    session = found(running("fetch"))
    assert [type(move) for move in moves(session, allowing("ok.example.com"))] == [RunTool]
    outcome, text = result(recorded(session, allowing("other.example.com")))
    assert outcome == "failed"
    assert "was lost" in text


def test_a_read_that_is_found_is_judged_again_too() -> None:
    session = found(running("look"))
    assert [type(move) for move in moves(session)] == [RunTool]
    refused = Policy((Rule(tool="look", answer="refuse", name="no more"),))
    assert result(recorded(session, refused))[0] == "failed"


def test_an_idempotent_write_that_policy_let_run_is_repeated_only_while_it_does() -> None:
    session = found(running("send"))
    assert [type(move) for move in moves(session, FREELY)] == [RunTool]
    assert [type(move) for move in moves(session)] == [Reconcile]


def granted(**to_be: Any) -> Granted:
    """A standing permission for `send` or `fetch`."""
    pattern = (Allowed(argument="url", to_be="anything"), Allowed(argument="n", **to_be))
    return Granted(
        grant_id="G1",
        action_id="A1",
        tool="send",
        pattern=pattern,
        verdict=Verdict(answer="ask", rule="default"),
        by="U2",
        expires_at=NOW + timedelta(hours=1),
        most_uses=5,
    )


NARROW = {"to_be": "at_most", "value": 1}
STRICTER = Policy((Rule(tool="send", quorum=2, name="two"),))


@pytest.mark.parametrize(
    ("grant", "policy", "repeated"),
    [
        (granted(**NARROW), Policy(), True),
        (granted(to_be="at_most", value=0), Policy(), False),  # a newer tool makes more of the call than the pattern lets through
        (granted(**NARROW), STRICTER, False),  # one person's standing yes is no longer enough
        (granted(**NARROW), Policy((Rule(tool="send", answer="refuse", name="no"),)), False),
        (granted(**NARROW), FREELY, True),
    ],
)
def test_a_run_under_a_grant_is_repeated_only_within_its_pattern_and_while_it_suffices(
    grant: Granted, policy: Policy, repeated: bool
) -> None:
    session = found(running("send", ASKED, grant, grant_id="G1"))
    [move] = [move for move in moves(session, policy) if not isinstance(move, Post)]  # besides the notice that it ran
    assert isinstance(move, RunTool) is repeated
    if isinstance(move, RunTool):
        assert (move.grant_id, move.digest, move.idempotency_key) == ("G1", None, "k")  # no second use is counted
    else:
        assert isinstance(move, Reconcile)


def test_a_run_under_a_grant_that_has_ended_meanwhile_is_not_repeated() -> None:
    session = apply(running("send", ASKED, granted(**NARROW), grant_id="G1"), GrantEnded(grant_id="G1"), 1)
    assert [type(move) for move in moves(found(session))] == [Reconcile]


# ---------------------------------------------------------------------------------------------- nobody knows what became of it

LOST = ToolReturned(call_id="toolu_2", outcome="unknown", text='{"ok":false}')


def lost(name: str = "jot", policy: Policy = FREELY) -> tuple[Session, ProposedAction]:
    """A call that ran without a card got lost, and is on record as an action."""
    session = apply(running(name), LOST, 1)
    step = recorded(session, policy)
    assert isinstance(step, ProposedAction)
    return apply(session, step, 1), step


def test_a_write_without_a_card_whose_outcome_is_unknown_is_a_question_in_the_thread() -> None:
    session, step = lost()
    assert (step.ran, step.tool, step.arguments) == (True, "jot", {"url": "https://ok.example.com/a", "n": 1})
    assert step.verdict.rule == "freely: jot"
    questions = [move for move in moves(session) if isinstance(move, Post)]
    assert [type(move.content) for move in questions] == [Question]
    assert session.standing.asked_at == ()  # it is no card that counts against the most of an hour


def test_the_session_does_not_wait_for_a_sibling_before_people_are_asked() -> None:
    other: Block = {"type": "tool_use", "id": "toolu_2", "name": "jot", "input": {}}
    reply = REPLIED.model_copy(update={"content": (*REPLIED.content, other)})
    steps = [reply if step is REPLIED else step for step in WAITING]
    started = ToolStarted(call_id="toolu_2", idempotency_key="k")
    session = after(*steps, started, LOST)
    assert session.status == "ready"
    step = recorded(session, FREELY)
    assert isinstance(step, ProposedAction)
    assert apply(session, step, 1).status == "waiting"


def test_who_answers_are_those_who_would_be_asked_today_and_their_word_is_no_approval_of_more() -> None:
    two = Policy((Rule(tool="jot", quorum=2, name="two"),))
    _, step = lost(policy=two)
    assert (step.verdict.answer, step.verdict.quorum) == ("allow", 2)  # nobody was asked
    session = after_run_again(step, two)
    anew = recorded(session, two)
    assert isinstance(anew, ProposedAction)  # with a card this time
    assert not anew.ran
    assert anew.verdict.answer == "ask"


def test_run_again_runs_it_where_policy_still_lets_it() -> None:
    _, step = lost()
    [move] = moves(after_run_again(step, FREELY), FREELY)
    assert isinstance(move, RunTool)
    assert (move.action_id, move.digest, move.idempotency_key) == (step.action_id, step.digest, "k")


def test_of_a_run_under_a_grant_those_are_asked_who_could_have_approved_it() -> None:
    bosses = Verdict(answer="ask", rule="bosses", approvers=Approvers(users=("U9",)))
    grant = granted(**NARROW).model_copy(update={"verdict": bosses})
    session = apply(running("send", ASKED, grant, grant_id="G1"), LOST, 1)
    [step] = [move.steps[0] for move in moves(session) if isinstance(move, Record)]
    assert isinstance(step, ProposedAction)
    assert step.verdict == bosses


def after_run_again(step: ProposedAction, policy: Policy) -> Session:
    """The turn is over, and somebody has clicked *Run again*."""
    session = apply(apply(running("jot"), LOST, 1), step, 1)
    session = replace(session, turn=Turn(session.turn.number))
    told = OutcomeTold(action_id=step.action_id, by="U1", answer="run_again", told_at=NOW)
    return apply(session, told, 1)


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "refused"])
def test_no_such_question_is_on_record_about_a_call_with_an_outcome(outcome: Any) -> None:
    _, step = lost()
    session = apply(running("jot"), LOST.model_copy(update={"outcome": outcome}), 1)
    with pytest.raises(IllegalStepError, match="did not get lost"):
        apply(session, step, 1)


def test_nor_about_one_that_has_a_card() -> None:
    ran = PROPOSED.model_copy(update={"ran": True})
    with pytest.raises(IllegalStepError, match="did not get lost"):
        apply(after(*READY), ran, 1)
