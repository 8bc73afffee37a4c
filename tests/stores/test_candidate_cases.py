"""Candidate cases: no matter who is killed, each is there once, masked; and what is read with it is what the steps hold."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from agent.bounded import Limits, Processes
from agent.cases.candidate import Candidate, CaseTurn, CaseWords, masked_candidate
from agent.cases.filing import Filing
from agent.cases.reading import conversation_until
from agent.conversation_log.kept_words import BATCH_CHARACTERS
from agent.masking import WITHHELD, Masker
from agent.masking.masker import MEMORY_BYTES, MOST_CALLS
from agent.session.steps import STEP
from agent.store.erasure import Conversation, erase
from agent.store.feedback import Feedback
from agent.store.sessions import session_id
from agent.types import Pinned
from tests.masking import failing
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.stores.core import Core, opened_core, place
from tests.stores.test_conversation_log import ID, PATTERNS, PEOPLE, append, history, masker, processes
from tests.unit.shown import NOW

__all__ = ["masker", "processes"]  # fixtures

Body = Mapping[str, Any]
USAGE = {"input_tokens": 1, "output_tokens": 1}
ANSWERED: Sequence[Body] = (
    {"kind": "asked", "said": [{"user": "U1", "text": "what does it cost, ann@example.com?", "ts": "1.0"}]},
    {"kind": "model_replied", "content": [{"type": "text", "text": "It is 49."}], "stop_reason": "end_turn", "usage": USAGE},
)


async def answered(core: Core) -> Feedback:
    """A session with an answer in it."""
    pinned = Pinned(model="claude-sonnet-5-5", system="You help.", tools=(), agent="ops", prompt="ops@3", prompt_digest="abc")
    await core.pin(await core.hold(place()), pinned)
    await append(core, ANSWERED)
    return Feedback(core.pool, core.store)


async def cases(core: Core) -> list[tuple[Any, ...]]:
    return await core.sql("SELECT filed_by, words FROM candidate_case ORDER BY filed_by")


async def test_what_cannot_be_masked_is_withheld(core: Core, processes: Processes) -> None:
    assert await (await answered(core)).say_wrong(place(), 1, "U1", "ask ann@example.com", "ben@example.com")
    fails = Masker(PATTERNS, limits=Limits(seconds=PATIENCE_SECONDS), processes=processes, work=failing.raises)
    await Filing(core.pool, fails).catch_up()
    assert await cases(core) == [("U1", {"wrong": WITHHELD, "instead": ""})]
    assert await core.sql("SELECT 1 FROM feedback WHERE wrong IS NOT NULL") == []


async def test_a_case_is_deleted_when_it_has_outlived_its_term(core: Core, masker: Masker) -> None:
    feedback = await answered(core)
    for user in ("U1", "U2"):
        await feedback.say_wrong(place(), 1, user, "too low", "")
    filing = Filing(core.pool, masker)
    await filing.catch_up()
    await core.sql("UPDATE candidate_case SET at = now() - interval '91 days' WHERE filed_by = 'U1'")
    await filing.purging(90).work(0.0)
    assert [user for user, _ in await cases(core)] == ["U2"]


async def test_what_goes_wrong_with_one_answer_costs_no_other_its_case(core: Core, masker: Masker) -> None:
    feedback = await answered(core)
    await core.pin(await core.hold(place(2)), Pinned(model="claude-haiku-4-5", system="You help.", tools=()))
    await append(core, ANSWERED, session=session_id(place(2)))
    await feedback.say_wrong(place(2), 1, "U1", "too low", "")
    await core.sql("UPDATE session SET pin_id = 'gone' WHERE id = %s", session_id(place(2)))
    await feedback.say_wrong(place(), 1, "U2", "too high", "")
    with pytest.raises(ExceptionGroup, match="not all told"):
        await Filing(core.pool, masker).catch_up()
    assert await cases(core) == [("U2", {"wrong": "too high", "instead": ""})]


async def test_what_newer_code_wrote_is_left_to_it(core: Core, masker: Masker, caplog: pytest.LogCaptureFixture) -> None:
    feedback = await answered(core)
    await append(core, [{"kind": "sung", "tune": "la"}], len(ANSWERED))
    await feedback.say_wrong(place(), 1, "U1", "too low", "")
    await Filing(core.pool, masker).catch_up()
    assert await cases(core) == []
    assert "is left to newer code" in caplog.text
    assert len(await core.sql("SELECT 1 FROM feedback WHERE told_at IS NULL AND wrong IS NOT NULL")) == 1


async def test_a_conversation_is_read_up_to_the_answer_and_with_the_placeholders_of_the_case(core: Core, masker: Masker) -> None:
    feedback = await answered(core)
    await append(core, ANSWERED, len(ANSWERED))
    await feedback.say_wrong(place(), 1, "U1", "ask ann@example.com, not ben@example.com", "")
    await Filing(core.pool, masker).catch_up()
    assert await cases(core) == [("U1", {"wrong": "ask [EMAIL_1], not [EMAIL_2]", "instead": ""})]
    read, _ = await conversation_until(core.pool, masker, ID, 1)
    asked = CaseWords("person", "what does it cost, [EMAIL_1]?", "U1")
    assert read == Candidate((CaseTurn(1, (asked, CaseWords("assistant", "It is 49.")), answer="It is 49.", outcome="success"),))
    later, _ = await conversation_until(core.pool, masker, ID, 2)
    assert [each.number for each in later.turns] == [1, 2]
    await append(core, [{"kind": "sung", "tune": "la"}], 2 * len(ANSWERED))  # of newer code, in the second turn
    assert (await conversation_until(core.pool, masker, ID, 1))[0] == read


async def test_a_long_conversation_has_the_same_placeholders_from_its_beginning_to_its_end(masker: Masker) -> None:
    question = {"user": "U1", "text": f"ann@example.com {'y ' * BATCH_CHARACTERS}", "ts": "1.0"}
    answer = {"type": "text", "text": "Ask ben@example.com or ann@example.com."}
    bodies = [{"kind": "asked", "said": [question]}, {**ANSWERED[1], "content": [answer]}]
    steps = [(seq, NOW, STEP.validate_json(json.dumps(body))) for seq, body in enumerate(bodies, 1)]
    read, _ = await masked_candidate(masker, steps, 1)
    assert read.turns[0].answer == "Ask [EMAIL_2] or [EMAIL_1]."


@pytest.fixture
async def slow() -> AsyncIterator[Processes]:
    """What masks, and has to be loaded first, which takes seconds."""
    made = Processes(1, MEMORY_BYTES, MOST_CALLS)
    yield made
    made.end()


async def test_what_is_erased_while_it_is_masked_is_not_filed(core: Core, slow: Processes) -> None:
    await (await answered(core)).say_wrong(place(), 1, "U2", "too low", "")
    filing = Filing(core.pool, Masker(PATTERNS, limits=Limits(seconds=PATIENCE_SECONDS), processes=slow))
    under_way = asyncio.create_task(filing.catch_up())
    while not slow.pids():  # noqa: ASYNC110  # no event says that it has begun
        await asyncio.sleep(0)
    await erase(core.pool, "U2", [Conversation(ID, "T1", with_others=False)], "U9")
    assert not under_way.done()
    await under_way
    assert await cases(core) == []


@pytest.mark.hypothesis
@examples(0.1, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32))
def test_each_case_is_filed_once_whoever_is_killed_meanwhile(core_database_url: str, processes: Processes, seed: int) -> None:
    asyncio.run(file_all(core_database_url, processes, seed))


async def file_all(url: str, processes: Processes, seed: int) -> None:
    """Have people say things while those who file are killed at any point: what was not committed by then is not there."""
    chance = Random(seed)
    async with opened_core(url) as core:
        feedback = await answered(core)
        filing = Filing(core.pool, Masker(PATTERNS, limits=Limits(seconds=PATIENCE_SECONDS), processes=processes))
        last: dict[str, str] = {}
        for number in range(12):
            user = chance.choice(["U1", "U2", "U3"])
            last[user] = f"wrong {number}"
            await feedback.say_wrong(place(), 1, user, f"{last[user]} {chance.choice(PEOPLE)}", "")
            killed = asyncio.create_task(filing.catch_up())
            for _ in range(chance.randint(0, 60)):
                await asyncio.sleep(0)
            killed.cancel()
            await asyncio.gather(killed, return_exceptions=True)
        await asyncio.gather(filing.catch_up(), filing.catch_up())
        found = await cases(core)
        assert {user: words["wrong"].partition(" [")[0] for user, words in found} == last
        assert not any(person in json.dumps(found) for person in PEOPLE)
        assert await core.sql("SELECT 1 FROM feedback WHERE told_at IS NULL OR wrong IS NOT NULL") == []


@pytest.mark.hypothesis
@examples(0.25, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32))
def test_a_case_is_read_from_any_history_as_its_steps_have_it_and_masked(processes: Processes, seed: int) -> None:
    bodies = history(seed)
    opened = [number for number, body in enumerate(bodies) if body["kind"] in ("asked", "outcome_told")]
    turn = Random(seed).randint(1, len(opened))
    until = opened[turn] if turn < len(opened) else len(bodies)
    steps = [(seq, NOW, STEP.validate_json(json.dumps(body))) for seq, body in enumerate(bodies, 1)]
    masker = Masker(PATTERNS, limits=Limits(seconds=PATIENCE_SECONDS), processes=processes)
    read, _ = asyncio.run(masked_candidate(masker, steps, turn))
    assert [each.number for each in read.turns] == list(range(1, turn + 1))
    assert calls_of(read) == expected_calls(bodies[:until])
    assert decisions_of(read) == expected_decisions(bodies[:until])
    people = [said for each in read.turns for said in each.said if said.role == "person"]
    spoken = [said for body in bodies[:until] if body["kind"] == "asked" for said in body["said"]]
    assert [each.by for each in people] == [said["user"] for said in spoken]
    assert all(each.text.split()[0] == said["text"].split()[0] for each, said in zip(people, spoken, strict=True))
    assert not any(person in repr(read) for person in PEOPLE)


def calls_of(read: Candidate) -> list[tuple[str, str, str]]:
    """Each call, its tool, and what came of it."""
    return [(call.id, call.tool, call.outcome) for turn in read.turns for call in turn.calls]


def expected_calls(bodies: Sequence[Body]) -> list[tuple[str, str, str]]:
    """The same, told from the steps' JSON alone."""
    made = [
        block for body in bodies if body["kind"] == "model_replied" for block in body["content"] if block["type"] == "tool_use"
    ]
    came_to = {body["call_id"]: body["outcome"] for body in bodies if body["kind"] == "tool_returned"}
    return [(block["id"], block["name"], came_to.get(block["id"], "")) for block in made]


def decisions_of(read: Candidate) -> list[tuple[str, str, str]]:
    """What was decided of each call, and by whom."""
    made = [(call.id, each.outcome, each.by) for turn in read.turns for call in turn.calls for each in call.decisions]
    return sorted(made)


def expected_decisions(bodies: Sequence[Body]) -> list[tuple[str, str, str]]:
    """The same, told from the steps' JSON alone."""
    of = {str(body["action_id"]): str(body["call_id"]) for body in bodies if body["kind"] == "proposed_action"}
    told = [(of[str(body["action_id"])], outcome, str(body.get("by", ""))) for body in bodies if (outcome := decided(body))]
    return sorted(told)


def decided(body: Body) -> str:
    """What a step says of a card; empty: it is about something else."""
    match body["kind"]:
        case "proposed_action":
            return "asked"
        case "voted" | "action_decided":
            return str(body["decision"])
        case "outcome_told":
            return str(body["answer"])
        case "edited" | "escalated" | "granted":
            return str(body["kind"])
        case _:
            return ""
