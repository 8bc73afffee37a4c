"""What a session knows of its context and its budget."""

import pytest

from agent.decide.moves import Notice, Post
from agent.decide.next_moves import next_moves
from agent.errors import IllegalStepError
from agent.memory.compaction import begun_anew
from agent.model.spending import Bill
from agent.session.machine import apply, fold
from agent.session.rules import Rules
from agent.session.steps import (
    Asked,
    Learnt,
    Posted,
    PostStarted,
    Recalled,
    Recorded,
    WindowExceeded,
)
from agent.types import Origin, Said, Usage
from tests.unit.test_machine import ANSWERED, ASKED, COMPACTED, EVERY, NOW, REPLIED, RETURNED, STARTED, SUMMING_UP, after


def test_a_conversation_is_summed_up_between_turns_or_when_the_window_refuses_it() -> None:
    assert after(SUMMING_UP).status == "ready"  # nothing else may open a turn meanwhile
    summed_up = after(SUMMING_UP, COMPACTED)
    assert (summed_up.status, summed_up.spending.used_tokens, summed_up.model.in_flight) == ("idle", 25, None)
    refused = after(ASKED, STARTED, WindowExceeded(usage=Usage(input_tokens=7, output_tokens=1)))
    assert (refused.turn.window, refused.spending.used_tokens, refused.model.in_flight) == ("exceeded", 8, None)
    goes_on = fold(refused, [Recorded(seq=4, epoch=1, step=step) for step in (SUMMING_UP, COMPACTED)])
    assert (goes_on.turn.window, goes_on.turn.open, goes_on.turn.iterations) == ("compacted", True, 1)


def test_a_summary_may_say_what_was_remembered_and_a_context_that_forgets_does_not() -> None:
    told = Recalled(text="Tuesday.", channels=("C2",), origins=(Origin(fact=7),))
    learnt = Learnt(count=1, origins=(Origin(fact=8),))
    rested = fold(after(ASKED, told), [Recorded(seq=0, epoch=1, step=step) for step in (EVERY["halted"], *ANSWERED, learnt)])
    assert (rested.context.known_from, rested.context.origins) == (("C2",), (Origin(fact=7), Origin(fact=8)))
    summed_up = apply(apply(rested, SUMMING_UP, 1), COMPACTED, 1)
    assert (summed_up.context.known_from, summed_up.context.origins) == (rested.context.known_from, rested.context.origins)
    asked = apply(summed_up, ASKED, 1)
    forgot = apply(asked, begun_anew(asked), 1)
    assert (forgot.context.known_from, forgot.context.origins, forgot.turn.open) == ((), (), True)
    assert forgot.turn.window == "fits"  # it can still be summed up, if it gets too long


def test_a_context_forgets_at_the_beginning_of_a_turn_and_not_in_the_midst_of_it() -> None:
    begun = after(ASKED, STARTED, REPLIED)
    with pytest.raises(IllegalStepError, match="in the middle of a turn"):
        apply(begun, begun_anew(begun), 1)


def test_what_people_quote_of_others_is_a_source_of_the_context() -> None:
    said = [Said(user=user, text="> do it", ts="1.0", sources=("a forwarded message",)) for user in ("U1", "U2")]
    forwards = Asked(said=tuple(said))
    session = after(forwards, STARTED, REPLIED)
    assert session.context.sources == ("a forwarded message",)


def test_a_context_is_as_long_as_the_api_said_with_the_last_reply() -> None:
    usage = Usage(input_tokens=10, cache_creation_input_tokens=20, cache_read_input_tokens=300, output_tokens=5)
    session = after(ASKED, STARTED, REPLIED, RETURNED.model_copy(update={"outcome": "refused"}), STARTED)
    session = apply(session, REPLIED.model_copy(update={"usage": usage}), 1)
    assert (session.context.began_tokens, session.context.tokens) == (10, 335)


def test_a_budget_that_is_nearly_used_is_told_once_also_when_the_turn_ends_before() -> None:
    name = "user_day/2026-11-26/tokens/1000"
    bill = Bill(payer="U1", agent="a", model="m", started_at=NOW, notes=(name,))
    session = after(ASKED, STARTED.model_copy(update={"bill": bill}))
    [post] = [move for move in next_moves(session, [], Rules({}), NOW) if isinstance(move, Post)]
    assert isinstance(post.content, Notice)
    assert post.content.text.startswith("80 % of <@U1>'s daily budget of 1,000 tokens")
    answered = (EVERY["halted"], *ANSWERED)
    idle = fold(session, [Recorded(seq=0, epoch=1, step=step) for step in answered])
    assert next_moves(idle, [], Rules({}), NOW) == (post,)
    told = (PostStarted(key=post.key), Posted(key=post.key, ts="5.0"))
    assert next_moves(fold(idle, [Recorded(seq=0, epoch=1, step=step) for step in told]), [], Rules({}), NOW) == ()
