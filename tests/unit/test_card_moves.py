"""Cards that are on their way while something happens to their actions: none is left standing as it was rendered."""

from datetime import timedelta

from agent.card_moves import card_moves
from agent.moves import Post, ShowCard
from agent.session import Session
from agent.steps import CardShown, Posted, PostStarted
from tests.unit.test_machine import APPROVED, NOW, PROPOSED, READY, WAITING, after

WITHDRAWN = APPROVED.model_copy(update={"decision": "withdrawn"})
SHOWN = CardShown(action_id="A1", look="withdrawn")
COPIED = PROPOSED.model_copy(update={"verdict": PROPOSED.verdict.model_copy(update={"post_to": "C9"})})
COPY = (PostStarted(key="copy:A1"), Posted(key="copy:A1", ts="5.0"))


def next_card_moves(session: Session) -> list[str]:
    """Keys of what has to be posted or shown."""
    moves = card_moves(session, NOW - timedelta(hours=1))
    assert all(move.found for move in moves if isinstance(move, Post))
    return [move.key for move in moves if isinstance(move, Post | ShowCard)]


def test_a_card_whose_action_was_withdrawn_while_it_was_being_posted_is_looked_for_and_closed() -> None:
    assert next_card_moves(after(*READY, WITHDRAWN)) == ["card:A1"]  # its post may have gone through
    posted = after(*READY, WITHDRAWN, Posted(key="card:A1", ts="2.0"))
    assert next_card_moves(posted) == ["show:card:A1"]  # it stands there as an open one
    refused = after(*READY, WITHDRAWN, Posted(key="card:A1", error="restricted_action"))
    assert (next_card_moves(refused), refused.actions) == ([], {})


def test_a_copy_that_was_rendered_before_its_action_was_withdrawn_is_closed_like_the_card() -> None:
    steps = [COPIED if step is PROPOSED else step for step in WAITING]
    assert next_card_moves(after(*steps, COPY[0], WITHDRAWN)) == ["copy:A1"]  # first it has to be known where it stands
    assert next_card_moves(after(*steps, COPY[0], WITHDRAWN, SHOWN, COPY[1])) == ["show:card:A1"]
    assert next_card_moves(after(*steps, *COPY, WITHDRAWN, SHOWN)) == []
