"""The breaker on a clock of the test's own: who may call a model that was out of reach, and when."""

from agent.model.breaker import LOOK_SECONDS, Breaker


def test_calls_pass_until_one_is_given_up() -> None:
    breaker = Breaker(5, 30)
    assert breaker.wait_seconds("a", 0) == 0
    assert not breaker.begin("a")
    assert breaker.failed(0, 60) == 5
    assert breaker.wait_seconds("b", 61) == 4


def test_one_probe_at_a_time_finds_out_whether_it_is_back() -> None:
    breaker = Breaker(5, 30)
    breaker.failed(0, 60)
    assert breaker.wait_seconds("a", 65) == 0
    assert breaker.begin("a")
    assert breaker.wait_seconds("a", 65) == 0
    assert breaker.wait_seconds("b", 65) == LOOK_SECONDS
    breaker.succeeded(66)
    assert breaker.wait_seconds("b", 66) == 0
    assert not breaker.begin("b")


def test_each_probe_that_fails_leaves_it_alone_for_longer_up_to_a_limit() -> None:
    breaker = Breaker(5, 30)
    now, pauses = 0.0, list[float]()
    for _ in range(5):
        now += breaker.wait_seconds("a", now)
        breaker.begin("a")
        pauses.append(breaker.failed(now, now))
    assert pauses == [5, 10, 20, 30, 30]


def test_many_calls_that_were_given_up_together_count_once() -> None:
    breaker = Breaker(5, 30)
    assert [breaker.failed(0, 60 + n / 100) for n in range(3)] == [5, 10, 10]
    assert breaker.wait_seconds("a", 65) == 0


def test_a_probe_that_was_given_up_is_another_ones_to_make() -> None:
    breaker = Breaker(5, 30)
    breaker.failed(0, 60)
    breaker.begin("a")
    breaker.leave("b")  # somebody else
    assert breaker.wait_seconds("b", 66) == LOOK_SECONDS
    breaker.leave("a")
    assert breaker.wait_seconds("b", 66) == 0


def test_one_call_that_fails_while_others_are_answered_closes_nothing() -> None:
    breaker = Breaker(5, 30)
    breaker.succeeded(30)
    assert breaker.failed(0, 60) == 5  # it waits by itself
    assert breaker.wait_seconds("b", 60) == 0


def test_a_model_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    breaker = Breaker(5, 30)
    assert breaker.failed(0, 1, retry_seconds=300) == 300
    assert breaker.wait_seconds("b", 1) == 300
