"""The conversation log equals the steps: whatever happens to those who write it, each message is there once, and masked."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from agent.bounded import Limits, Processes
from agent.conversation_log.kept_words import TAIL_CHARACTERS, TEXT_CHARACTERS
from agent.conversation_log.reading import Logged, Wanted, logged
from agent.conversation_log.writing import ConversationLog
from agent.masking import NOTHING_SEEN, Masker, mask_json
from agent.masking import WantedMasks as WantedMasks
from agent.masking.finders import patterns
from agent.masking.masker import MEMORY_BYTES, MOST_CALLS
from agent.session.inbox import Message
from agent.store.sessions import session_id
from agent.trace_ids import spelled, trace_id
from agent.types import Pinned, Said
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.stores.core import Core, opened_core, place
from tests.unit.simulated import Simulation

PATTERNS = WantedMasks()
PEOPLE = ("ann@example.com", "ben@example.com", "+49 30 901 820 14", "4111 1111 1111 1111")
ID = session_id(place())


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    """What masks: one process for all tests here, since it takes seconds to load."""
    made = Processes(1, MEMORY_BYTES, MOST_CALLS)
    yield made
    made.end()


@pytest.fixture
def masker(processes: Processes) -> Masker:
    return Masker(PATTERNS, limits=Limits(seconds=PATIENCE_SECONDS), processes=processes)


def history(seed: int) -> Sequence[Mapping[str, Any]]:
    """The steps of a random session, as its log holds them; people name personal data in it."""
    simulation, chance = Simulation(seed), Random(seed)
    simulation.receive(Message(said=Said(user="U1", text="hello", ts="0.0")))
    for _ in range(chance.randint(20, 120)):
        simulation.play()
    simulation.settle_down()
    bodies = [json.loads(step.model_dump_json()) for step in simulation.steps]
    for body in bodies:
        for said in body.get("said", ()) if body["kind"] == "asked" else ():
            said["text"] += f" {chance.choice(PEOPLE)}"
    return bodies


async def append(core: Core, bodies: Sequence[Mapping[str, Any]], after: int = 0, session: str = ID) -> None:
    """Write steps, as the holder of the session does."""
    for seq, body in enumerate(bodies, after + 1):
        await core.sql("INSERT INTO step (session_id, seq, epoch, body) VALUES (%s, %s, 1, %s)", session, seq, json.dumps(body))


async def with_pins(core: Core, bodies: Sequence[Mapping[str, Any]]) -> None:
    """Have what a session was run with again, once its model was gone."""
    pinned = Pinned(model="claude-sonnet-5-5", system="You help.", tools=()).model_dump_json()
    for pin in {body["pin_id"] for body in bodies if body["kind"] == "repinned"}:
        await core.sql("INSERT INTO pin (id, body) VALUES (%s, %s)", pin, pinned)


async def in_the_log(core: Core, wanted: Wanted = Wanted()) -> list[Logged]:  # noqa: B008  # frozen
    async with core.pool.connection() as connection:
        return [each async for each in logged(connection, wanted)]


def expected(bodies: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, Any]]:
    """What the log has to hold of these steps, told from their JSON alone: step, role, and its text."""
    for seq, body in enumerate(bodies, 1):
        match body["kind"]:
            case "asked":
                yield from ((seq, "person", said["text"]) for said in body["said"])
            case "attached":
                yield seq, "file", "\n".join(block["text"] for block in body["blocks"] if block["type"] == "text")
            case "recalled" if body["text"]:
                yield seq, "memory", body["text"]
            case "model_replied":
                yield seq, "assistant", "\n".join(block["text"] for block in body["content"] if block["type"] == "text")
            case "compacted":
                yield seq, "summary", body["head"]
            case "tool_returned":
                yield seq, "tool", body["text"]
            case "halted":
                yield seq, "signoff", body["sentence"]
            case "found_changed":
                yield seq, "tool", ""
            case "posted" if body["error"]:
                yield seq, "signoff", ""
            case "model_failed" | "window_exceeded" | "stopped" | "resumed" | "left_out" | "repinned":
                yield seq, "signoff", ""
            case (
                "proposed_action"
                | "voted"
                | "edited"
                | "escalated"
                | "action_decided"
                | "outcome_told"
                | "granted"
                | "grant_ended"
            ):
                yield seq, "approval", ""
            case "posted" | "recalled" | "model_started" | "learnt" | "previewed" | "tool_started":
                pass
            case "post_started" | "card_shown" | "direct_shown" | "notice_shown" | "nudged":
                pass
            case other:
                raise AssertionError(other)


async def killed_somewhere(log: ConversationLog, chance: Random) -> None:
    """Catch up, and be ended at any point of it, as by kill -9: what was not committed by then is not there."""
    writing = asyncio.create_task(log.catch_up(PATIENCE_SECONDS))
    for _ in range(chance.randint(0, 60)):
        await asyncio.sleep(0)
        if writing.done():
            break
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


@pytest.mark.hypothesis
@examples(0.25, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32))
def test_each_message_of_any_history_is_written_once_whoever_is_killed_meanwhile(
    core_database_url: str, processes: Processes, seed: int
) -> None:
    asyncio.run(write_history(core_database_url, processes, seed))


async def write_history(url: str, processes: Processes, seed: int) -> None:
    """Write a history piece by piece, while two writers are killed and begin anew."""
    chance, bodies = Random(seed), history(seed)
    async with opened_core(url) as core:
        await core.hold(place())
        await with_pins(core, bodies)
        masker = Masker(PATTERNS, limits=Limits(seconds=PATIENCE_SECONDS), processes=processes)
        writers = [ConversationLog(core.pool, masker) for _ in range(2)]
        at = 0
        while at < len(bodies):
            until = min(len(bodies), at + chance.randint(1, 20))
            await append(core, bodies[at:until], at)
            at = until
            for _ in range(chance.randint(0, 2)):
                await killed_somewhere(chance.choice(writers), chance)
            if chance.random() < 0.3:
                writers[0] = ConversationLog(core.pool, masker)  # a process that knows nothing yet
            if chance.random() < 0.3:
                await asyncio.gather(*(each.catch_up(PATIENCE_SECONDS) for each in writers))
        await chance.choice(writers).catch_up(PATIENCE_SECONDS)
        found = await in_the_log(core)
    assert [(each.seq, each.role) for each in found] == [(seq, role) for seq, role, _ in expected(bodies)]
    seen, find = NOTHING_SEEN, patterns(PATTERNS)
    for each, (_, _, text) in zip(found, expected(bodies), strict=True):
        if text:
            masked = mask_json(text, seen, find)
            seen = masked.seen
            assert each.words["text"] == masked.value  # the same placeholder for the same person, in the whole conversation
    assert not any(person in json.dumps([each.words for each in found]) for person in PEOPLE)


async def test_a_long_text_is_kept_without_its_end_and_nothing_of_what_was_cut_in_two(core: Core, masker: Masker) -> None:
    await core.hold(place())
    text = "x " * (TEXT_CHARACTERS // 2) + " ann@example.com" * (TAIL_CHARACTERS // 16) + "ben@example.com"
    for seq, said in enumerate(
        (text, "ann@example.com " * (TEXT_CHARACTERS // 16) + "y" * (TAIL_CHARACTERS - 11) + " 4111 1111 1111 1111"), 1
    ):
        await append(core, [{"kind": "asked", "said": [{"user": "U1", "text": said, "ts": "1.0"}]}], seq - 1)
    await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)
    first, second = [each.words["text"] for each in await in_the_log(core)]
    assert "example.com" not in first
    assert "4111" not in second
    assert all(len(each) <= TEXT_CHARACTERS + 1 and each.endswith("…") for each in (first, second))


async def test_what_postgres_cannot_hold_is_replaced(core: Core, masker: Masker) -> None:
    await core.hold(place())
    await append(core, [{"kind": "asked", "said": [{"user": "U1", "text": "a\0b", "ts": "1.0"}]}])
    await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)
    [message] = await in_the_log(core)
    assert message.words["text"] == "a\ufffdb"


async def test_a_message_names_its_turn_trace_and_what_it_was_run_with(core: Core, masker: Masker) -> None:
    lease = await core.hold(place())
    pinned = Pinned(model="claude-sonnet-5-5", system="You help.", tools=(), agent="ops", prompt="ops@3", prompt_digest="abc")
    await core.pin(lease, pinned)
    await append(core, [{"kind": "asked", "said": [{"user": "U1", "text": "hi", "ts": "1.0"}]}] * 2)
    await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)
    first, second = await in_the_log(core)
    assert [(each.turn, each.trace_id) for each in (first, second)] == [(n, spelled(trace_id(ID, n))) for n in (1, 2)]
    assert (first.agent, first.prompt, first.prompt_digest) == ("ops", "ops@3", "abc")


async def test_messages_are_found_by_what_they_are(core: Core, masker: Masker) -> None:
    pinned = Pinned(model="claude-sonnet-5-5", system="You help.", tools=({"name": "look"},))
    await core.pin(await core.hold(place()), pinned)
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"q": "Widgets"}}
    usage = {"input_tokens": 1, "output_tokens": 1}
    returned = {"kind": "tool_returned", "call_id": "toolu_1", "outcome": "failed", "text": "it is away"}
    replied = {"kind": "model_replied", "content": [call], "stop_reason": "tool_use", "usage": usage}
    await append(core, [{"kind": "asked", "said": [{"user": "U1", "text": "find it", "ts": "1.0"}]}, replied, returned])
    await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)

    async def roles(**wanted: Any) -> list[str]:
        return [each.role for each in await in_the_log(core, Wanted(**wanted))]

    assert await roles() == ["person", "assistant", "tool"]
    assert await roles(tool="look") == await roles(outcome="failed") == await roles(text="IT IS AWAY") == ["tool"]
    assert await roles(text="widgets") == ["assistant"]
    assert await roles(agent="another") == await roles(session_id="T1:C1:9.0") == []
    [(_, at)] = await core.sql("SELECT max(seq), max(at) + interval '1 second' FROM conversation_message")
    assert await roles(since=at) == []


async def test_what_has_outlived_its_term_is_deleted_and_not_written_again(core: Core, masker: Masker) -> None:
    await core.hold(place())
    await append(core, [{"kind": "asked", "said": [{"user": "U1", "text": "old", "ts": "1.0"}]}] * 2)
    log = ConversationLog(core.pool, masker)
    await log.catch_up(PATIENCE_SECONDS)
    await core.sql("UPDATE conversation_message SET at = now() - interval '91 days' WHERE seq = 1")
    await log.purging(90).work(0.0)
    await log.catch_up(PATIENCE_SECONDS)
    await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)
    assert [each.seq for each in await in_the_log(core)] == [2]


async def test_what_newer_code_wrote_is_left_to_it(core: Core, masker: Masker, caplog: pytest.LogCaptureFixture) -> None:
    await core.hold(place())
    await append(core, [{"kind": "sung", "tune": "la"}])
    await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)
    assert await in_the_log(core) == []
    assert "is left to newer code" in caplog.text
    assert await core.sql("SELECT FROM conversation_position") == []


async def test_what_goes_wrong_with_one_conversation_costs_no_other_its_messages(core: Core, masker: Masker) -> None:
    await core.hold(place())
    await core.hold(place(2))
    await append(core, [{"kind": "repinned", "pin_id": "gone", "model": "a", "model_before": "b"}])
    await core.sql(
        "INSERT INTO step (session_id, seq, epoch, body) VALUES (%s, 1, 1, %s)",
        session_id(place(2)),
        json.dumps({"kind": "asked", "said": [{"user": "U1", "text": "hi", "ts": "1.0"}]}),
    )
    with pytest.raises(ExceptionGroup, match="behind"):
        await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)
    assert [each.session_id for each in await in_the_log(core)] == [session_id(place(2))]


async def test_nothing_is_written_of_a_conversation_that_is_erased_meanwhile(core: Core, masker: Masker) -> None:
    await core.hold(place())
    await append(core, [{"kind": "asked", "said": [{"user": "U1", "text": "hi", "ts": "1.0"}]}])
    await core.sql("DELETE FROM session")  # as an erasure begins, which deletes the steps next
    await ConversationLog(core.pool, masker).catch_up(PATIENCE_SECONDS)
    assert await in_the_log(core) == []
    assert await core.sql("SELECT FROM conversation_position") == []
