"""The figures of a period against plain Python that counts the same another way."""

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reports.period.decisions import REFLEX_SECONDS, by_approver, by_rule, seconds_to_decision
from agent.reports.period.measures import Share, percentile
from agent.reports.period.prompts import by_prompt
from agent.reports.period.rows import CardRow, ModelCallRow, Rating, ToolRun, TurnRow
from agent.reports.period.runs import iterations_by_agent, runs_of, seconds_waited, unusual_runs
from agent.reports.period.spending import KEYS, SpentBy, spent_by, spent_each_day
from agent.reports.period.tools import by_tool
from agent.trace_ids import spelled, trace_id

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
SECONDS = st.integers(0, 60)
SESSIONS = ("T1:C1:1.0", "T1:C2:2.0", "T1:C2:3.0")


def at(seconds: float) -> datetime:
    """So long after Monday began."""
    return MONDAY + timedelta(seconds=seconds)


def a_turn(
    number: int = 1, session: str = SESSIONS[0], took: float = 10, outcome: str = "success", prompt: str = "a@1"
) -> TurnRow:
    """A turn whose steps begin at a hundred times its number."""
    return TurnRow(session, number, number * 100, at(0), at(took), outcome, "assistant", prompt, "d" * 64)


def a_card(decision: str, seconds: float | None, asked: float = 0, *said: tuple[str, str, float]) -> CardRow:
    """A card of `pay` and what people said of it."""
    people, words, after = zip(*said, strict=True) if said else ((), (), ())
    return CardRow(SESSIONS[0], at(asked), "pay", "rule 1", decision, seconds, people, words, after)


model_calls = st.builds(
    ModelCallRow,
    session_id=st.sampled_from(SESSIONS),
    seq=st.integers(1, 399),
    started_at=st.integers(0, 3 * 86_400).map(at),
    agent=st.sampled_from(["assistant", "shop"]),
    payer=st.sampled_from(["U1", "U2"]),
    tokens=st.integers(0, 10_000),
    nano_usd=st.integers(0, 10**9),
    replies=st.booleans(),
    capped=st.booleans(),
)


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=40), st.integers(1, 99))
def test_a_percentile_is_the_one_of_the_standard_library(values: list[float], hundredth: int) -> None:
    expected = statistics.quantiles(values, n=100, method="inclusive")[hundredth - 1]
    assert percentile(values, hundredth / 100) == pytest.approx(expected)


def test_a_percentile_of_one_is_itself_and_of_nothing_none() -> None:
    assert (percentile([7], 0.99), percentile([], 0.5)) == (7, None)


@pytest.mark.parametrize(  # Wilson's intervals as published tables have them, without continuity correction
    ("part", "whole", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_an_interval_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    assert Share(part, whole).interval == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_is_none_and_may_be_anything() -> None:
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, (0.0, 1.0))


@given(st.lists(model_calls, max_size=30), st.sampled_from([*KEYS]))
def test_what_each_spent_adds_up_to_what_was_spent(calls: list[ModelCallRow], by: SpentBy) -> None:
    spent = spent_by(by, calls)

    def key(call: ModelCallRow) -> str:
        return {"agent": call.agent, "user": call.payer, "channel": call.session_id.split(":")[1]}[by]

    tokens: Counter[str] = Counter()
    for call in calls:
        tokens[key(call)] += call.tokens
    assert {one.of: one.tokens for one in spent} == {of: tokens[of] for of in {key(call) for call in calls}}
    assert sum(one.nano_usd for one in spent) == sum(call.nano_usd for call in calls)
    assert all(sum(one.tokens_by_day.values()) == one.tokens for one in spent)
    assert [one.nano_usd for one in spent] == sorted((one.nano_usd for one in spent), reverse=True)
    for one in spent:
        sessions: Counter[str] = Counter()
        for call in calls:
            if key(call) == one.of:
                sessions[call.session_id] += call.tokens
        assert one.sessions == len(sessions)
        assert one.median_tokens == pytest.approx(statistics.median(sessions.values()))


@given(st.lists(model_calls, max_size=30))
def test_days_add_up_to_what_was_spent(calls: list[ModelCallRow]) -> None:
    days = spent_each_day(calls)
    assert [one.day for one in days] == sorted({call.started_at.date() for call in calls})
    assert sum(one.tokens for one in days) == sum(call.tokens for call in calls)
    assert sum(one.nano_usd for one in days) == sum(call.nano_usd for call in calls)


def test_a_day_is_one_of_utc() -> None:
    tokyo = datetime(2026, 11, 4, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    call = ModelCallRow(SESSIONS[0], 1, tokyo, "assistant", "U1", 5, 0, True, False)
    assert [str(one.day) for one in spent_each_day([call])] == ["2026-11-03"]


@given(st.lists(st.tuples(SECONDS, st.none() | SECONDS), max_size=6), SECONDS, SECONDS)
def test_the_time_that_cards_wait_counts_once(waits: list[tuple[int, int | None]], begin: int, length: int) -> None:
    cards = [a_card("approved", seconds, asked) for asked, seconds in waits]
    end = begin + length
    waited = {
        second
        for asked, seconds in waits
        for second in range(asked, end if seconds is None else asked + seconds)
        if begin <= second < end
    }
    assert seconds_waited(at(begin), at(end), cards) == len(waited)


@given(st.lists(model_calls, max_size=30))
def test_a_call_belongs_to_the_turn_that_was_open(calls: list[ModelCallRow]) -> None:
    turns = [a_turn(number, session) for session in SESSIONS[:2] for number in (1, 2, 3)]
    for run in runs_of(turns, calls, [], []):
        of = [c for c in calls if c.session_id == run.turn.session_id and c.seq // 100 == run.turn.number]
        assert run.tokens == sum(call.tokens for call in of)
        assert run.nano_usd == sum(call.nano_usd for call in of)
        assert run.iterations == len([call for call in of if call.replies])
        assert run.capped == any(call.capped for call in of)


@given(st.lists(model_calls, max_size=30))
def test_iterations_are_counted_by_agent_and_number(calls: list[ModelCallRow]) -> None:
    runs = runs_of([a_turn(number, session) for session in SESSIONS for number in (1, 2, 3)], calls, [], [])
    counted = Counter(run.iterations for run in runs if run.iterations)
    found = iterations_by_agent(runs)
    assert [one.by_count for one in found] == ([dict(sorted(counted.items()))] if counted else [])
    assert [one.capped.part for one in found] == ([sum(run.capped and run.iterations > 0 for run in runs)] if counted else [])


def test_runs_to_look_at_are_the_slowest_the_dearest_and_the_worst() -> None:
    turns = [a_turn(number, took=took) for number, took in ((1, 5), (2, 50), (3, 30))]
    turns += [a_turn(4, took=900, outcome="open"), a_turn(1, SESSIONS[1], took=400)]
    calls = [
        ModelCallRow(SESSIONS[0], seq, at(0), "assistant", "U1", seq, nano, True, False) for seq, nano in ((101, 9), (201, 3))
    ]
    cards = [CardRow(SESSIONS[1], at(10), "pay", "rule 1", "approved", 380.0)]
    ratings = [Rating(SESSIONS[0], turn, value, "a@1", "d" * 64) for turn, value in ((3, "bad"), (3, "good"), (2, "bad"))]
    found = unusual_runs(runs_of(turns, calls, cards, ratings), most=3)
    assert [(run.turn.session_id, run.turn.number, run.seconds) for run in found.slowest] == [
        (SESSIONS[0], 2, 50),
        (SESSIONS[0], 3, 30),
        (SESSIONS[1], 1, 20),  # it waited for people for the rest
    ]
    assert [run.turn.number for run in found.dearest] == [1, 2]
    assert [(run.turn.number, run.good, run.bad) for run in found.worst] == [(2, 0, 1), (3, 1, 1)]
    assert found.worst[0].trace == spelled(trace_id(SESSIONS[0], 2))


@given(st.lists(st.tuples(st.sampled_from(["succeeded", "failed", "unknown", "refused"]), st.none() | SECONDS), max_size=20))
def test_a_tool_fails_in_so_many_of_its_runs(calls: list[tuple[str, int | None]]) -> None:
    ran = [(outcome, seconds) for outcome, seconds in calls if seconds is not None and outcome != "refused"]
    found = by_tool(ToolRun("pay", outcome, seconds) for outcome, seconds in calls)
    if not calls:
        assert found == ()
        return
    [pay] = found
    assert (pay.runs, pay.not_run) == (len(ran), len(calls) - len(ran))
    assert pay.failed == Share(len([outcome for outcome, _ in ran if outcome == "failed"]), len(ran))
    assert pay.median_seconds == (statistics.median(seconds for _, seconds in ran) if ran else None)


def test_cards_are_counted_by_what_became_of_them() -> None:
    cards = [
        a_card("approved", 1.0, 0, ("U1", "approved", 1.0)),
        a_card("approved", 30.0, 0, ("U1", "approved", 10.0), ("U2", "approved", 30.0)),
        a_card("rejected", 5.0, 0, ("U2", "rejected", 5.0)),
        a_card("expired", 86_400.0),
        a_card("edited", 3.0),
        a_card("withdrawn", 0.5),
        a_card("", None),
    ]
    [rule] = by_rule(cards)
    assert (rule.cards, rule.approved, rule.rejected, rule.expired, rule.waiting, rule.ended_otherwise) == (7, 2, 1, 1, 1, 2)
    assert (rule.reflexes, rule.median_seconds, rule.rejection) == (1, 5.0, Share(1, 3))
    assert seconds_to_decision(cards) == [1.0, 30.0, 5.0]
    said = [(one.user, one.approved, one.rejected, one.reflexes, one.median_seconds) for one in by_approver(cards)]
    assert said == [("U1", 2, 0, 1, 5.5), ("U2", 1, 1, 0, 17.5)]


@pytest.mark.parametrize(("seconds", "reflexes"), [(REFLEX_SECONDS - 0.01, 1), (REFLEX_SECONDS, 0)])
def test_a_decision_in_less_than_two_seconds_is_a_reflex(seconds: float, reflexes: int) -> None:
    [rule] = by_rule([a_card("approved", seconds)])
    assert rule.reflexes == reflexes


@given(
    st.lists(st.tuples(st.sampled_from(["a@1", "a@2"]), st.sampled_from(["success", "error", "stopped", "open"])), max_size=12),
    st.lists(st.tuples(st.sampled_from(["a@1", "a@2"]), st.sampled_from(["good", "bad"])), max_size=12),
)
def test_prompts_are_compared_by_what_came_of_them(made: Sequence[tuple[str, str]], said: Sequence[tuple[str, str]]) -> None:
    turns = [a_turn(number, prompt=prompt, outcome=outcome) for number, (prompt, outcome) in enumerate(made, 1)]
    calls = [ModelCallRow(SESSIONS[0], turn.seq + 1, at(0), "assistant", "U1", 100, 10, True, False) for turn in turns]
    ratings = [Rating(SESSIONS[0], number, value, prompt, "d" * 64) for number, (prompt, value) in enumerate(said, 1)]
    found = by_prompt(runs_of(turns, calls, [], ratings), ratings)
    assert [one.prompt for one in found] == sorted({prompt for prompt, _ in (*made, *said)})
    for one in found:
        outcomes = [outcome for prompt, outcome in made if prompt == one.prompt]
        values = [value for prompt, value in said if prompt == one.prompt]
        assert one.runs == len(outcomes)
        assert one.succeeded == Share(outcomes.count("success"), len(outcomes) - outcomes.count("open"))
        assert one.good == Share(values.count("good"), len(values))
        assert (one.tokens, one.nano_usd, one.iterations) == ((100, 10, 1) if outcomes else (None, None, None))
