"""When moves that had to wait may be made: after trouble, for a while, until the next due time."""

from hypothesis import given
from hypothesis import strategies as st

from agent.decide.move_keys import MODEL, Key, MoveKey
from agent.run.retries import FIRST_TROUBLE_SECONDS, LONGEST_WAIT_SECONDS, TROUBLE_SECONDS, Retries
from agent.session.post_keys import PostKey

SECONDS = st.floats(0, 1e6)
CARD = PostKey("card", "A1")
KEYS = st.sampled_from([MODEL, CARD, MoveKey("tool", "1"), MoveKey("tool", "2")])


def test_a_move_that_waits_is_held_back_until_its_time() -> None:
    waiting = Retries().later(MODEL, 12.0)
    assert not waiting.free(MODEL, 11.9)
    assert waiting.free(MODEL, 12.0)
    assert waiting.free(MoveKey("tool", "1"), 0.0)
    assert waiting.looked([MODEL, MoveKey("tool", "1")], 10.0).held_back == (12.0,)
    assert waiting.looked([MODEL, MoveKey("tool", "1")], 12.0).held_back == ()
    assert waiting.looked([MoveKey("tool", "1")], 10.0).held_back == ()  # nobody wants it at this look


def test_each_lost_answer_doubles_the_wait_until_it_is_a_long_one() -> None:
    retries, waits = Retries(), list[float]()
    for _ in range(5):
        retries = retries.troubled(CARD, 100.0)
        waits.append(retries.not_before[CARD] - 100.0)
    assert waits == [FIRST_TROUBLE_SECONDS, 1.0, LONGEST_WAIT_SECONDS, TROUBLE_SECONDS, TROUBLE_SECONDS]
    assert retries.free(PostKey("card", "A2"), 100.0)  # another move has not failed


@given(troubles=st.lists(KEYS, max_size=30), now=SECONDS)
def test_a_wait_is_one_that_is_slept_through_or_a_due_time_of_the_released_session(troubles: list[Key], now: float) -> None:
    retries = Retries()
    for key in troubles:
        retries = retries.troubled(key, now)
        wait = retries.not_before[key] - now
        assert wait <= LONGEST_WAIT_SECONDS + 1e-6 or abs(wait - TROUBLE_SECONDS) < 1e-6
        assert not retries.free(key, now)


def test_a_pause_lasts_until_the_first_of_all_waits_and_due_times() -> None:
    assert Retries().pause_seconds(10.0) is None
    assert Retries().pause_seconds(10.0, 3.0) == 3.0
    held = Retries().held(12.0).held(11.0)
    assert held.pause_seconds(10.0) == 1.0
    assert held.pause_seconds(10.0, 0.5) == 0.5
    assert held.pause_seconds(20.0, 0.5) == 0.0  # over, and looked at at once


def test_a_released_session_with_something_to_do_is_found_again_soon() -> None:
    now = 10.0
    assert Retries().released_seconds(now, None, unfinished=False) is None
    assert Retries().released_seconds(now, 3600.0, unfinished=False) == 3600.0
    assert Retries().released_seconds(now, None, unfinished=True) == TROUBLE_SECONDS
    assert Retries().released_seconds(now, 3600.0, unfinished=True) == TROUBLE_SECONDS
    assert Retries().released_seconds(now, 1.0, unfinished=True) == 1.0
    waiting = Retries().held(now + 40.0)
    assert waiting.released_seconds(now, 3600.0, unfinished=True) == 40.0  # what waits says itself when it is due


@given(one=KEYS, at=SECONDS, other=KEYS, trouble_at=SECONDS)
def test_a_value_is_never_changed(one: Key, at: float, other: Key, trouble_at: float) -> None:
    before = Retries().later(one, at)
    before.troubled(other, trouble_at)
    before.later(other, trouble_at)
    before.held(at)
    before.looked([one], 0.0)
    assert before == Retries().later(one, at)
