"""What is remembered, on real Postgres: once, confirmed, replaced, forgotten for good."""

import asyncio
from datetime import timedelta

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from agent.memory.items import EVERYBODY, MemoryItem, NewItem, Source, message_key, session_key
from agent.memory.terms import Terms
from agent.store.memory_audit import By
from agent.store.memory_items import Items
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.stores.core import Core

TEAM, BEN = "T1", By("U2", "home")
AT_ONCE = 50  # so that nobody waits long for a connection, however busy the machine is


def said(text: str, ts: str = "1.0", *, channel: str = "C1", by: str = "U1", thread: str = "T1:C1:1.0") -> NewItem:
    """A fact that a message says."""
    source = Source(key=message_key(channel, ts), quote=text, by=by)
    return NewItem(channel=channel, kind="fact", text=text, source=source, group=thread)


def summary(text: str, *, channel: str = "C1", thread: str = "T1:C1:1.0") -> NewItem:
    """What a conversation comes to."""
    return NewItem(
        channel=channel, kind="summary", text=text, source=Source(key=session_key(thread), quote=text), group=thread, position=-1
    )


async def texts(items: Items, channel: str = "C1") -> list[str]:
    """What is true now in a channel, oldest first."""
    return [item.text for item in reversed(await items.listed(TEAM, [channel], most=2_000))]


async def learnt(items: Items, item: NewItem) -> MemoryItem:
    """Learn what can be learnt."""
    found = await items.learn(TEAM, item)
    assert found is not None
    return found


async def test_a_thousand_who_remember_one_fact_at_once_leave_one_row(core: Core) -> None:
    items = Items(core.pool)
    told = [said(["Deploys are on Tuesday", "deploys  are on TUESDAY"][number % 2], f"{number}.0") for number in range(1_000)]
    core.pool.timeout = PATIENCE_SECONDS
    await asyncio.gather(*(items.learn(TEAM, item) for item in told))
    [item] = await items.listed(TEAM, ["C1"])
    assert item.confirmed == 1_000


async def test_the_same_message_read_again_confirms_nothing(core: Core) -> None:
    items = Items(core.pool)
    for _ in range(3):
        assert (await learnt(items, said("Deploys are on Tuesday"))).confirmed == 1
    assert (await learnt(items, said("Deploys are on Tuesday", "2.0"))).confirmed == 2


async def test_what_stands_in_another_channel_is_another_fact(core: Core) -> None:
    items = Items(core.pool)
    here, there = said("The code is 1234"), said("The code is 1234", channel="C2", thread="T1:C2:1.0")
    first, second = await learnt(items, here), await learnt(items, there)
    assert first.id != second.id
    await items.forget(TEAM, ["C1"], by=BEN, ids=[first.id, second.id])
    assert await texts(items, "C2") == ["The code is 1234"]


async def test_a_replaced_fact_was_true_until_then(core: Core) -> None:
    items = Items(core.pool)
    tuesday = await learnt(items, said("Deploys are on Tuesday"))
    await items.learn(TEAM, said("Deploys are on Thursday", "2.0"), replaces=tuesday.id)
    assert await texts(items) == ["Deploys are on Thursday"]
    [(until, now)] = await core.sql("SELECT valid_until, now() FROM memory WHERE id = %s", tuesday.id)
    assert until <= now
    assert await items.learn(TEAM, said("Deploys are on Friday", "3.0"), replaces=tuesday.id) is None  # it is not true any more


async def test_a_thousand_forgotten_or_corrected_facts_do_not_come_back_from_their_sources(core: Core) -> None:
    items = Items(core.pool)
    facts = [said(f"Order {number} is late", f"{number}.0", thread=f"T1:C1:{number}.0") for number in range(1_000)]
    known = [
        item
        for some in range(0, len(facts), AT_ONCE)
        for item in await asyncio.gather(*(learnt(items, fact) for fact in facts[some : some + AT_ONCE]))
    ]
    for number, fact in enumerate(facts[:100]):  # said twice: both messages are read again
        await learnt(items, fact.model_copy(update={"source": Source(key=message_key("C1", f"9{number}.5"), quote=fact.text)}))
    await items.forget(TEAM, ["C1"], by=BEN, ids=[item.id for item in known[:500]])
    for number, item in enumerate(known[500:], 500):
        right = said(f"Order {number} is on time", f"7{number}.0", thread="")
        assert await items.correct(TEAM, item.id, right, by=BEN) is not None

    again = [
        *facts,
        *(fact.model_copy(update={"text": f"{fact.text}, somebody says"}) for fact in facts),  # in other words
        *(said(fact.text, f"9{number}.5") for number, fact in enumerate(facts[:100])),
    ]
    for _ in range(10):
        for some in range(0, len(again), AT_ONCE):
            assert set(await asyncio.gather(*(items.learn(TEAM, fact) for fact in again[some : some + AT_ONCE]))) == {None}
    assert await texts(items) == [f"Order {number} is on time" for number in range(500, 1_000)]


async def test_who_learns_and_who_forgets_at_once_leave_nothing_behind(core: Core) -> None:
    items = Items(core.pool)
    for number in range(30):
        fact = said(f"Fact {number}", f"{number}.0")
        await learnt(items, fact)
        await asyncio.gather(
            *(items.learn(TEAM, fact) for _ in range(4)), items.forget(TEAM, ["C1"], by=BEN, sources=[fact.source.key])
        )
    assert await texts(items) == []


async def test_the_summary_of_a_conversation_goes_with_what_is_forgotten_of_it(core: Core) -> None:
    items = Items(core.pool)
    fact = await learnt(items, said("Ada's salary is 90,000"))
    await learnt(items, summary("They spoke of Ada's salary of 90,000"))
    await learnt(items, summary("Lunch is at noon", thread="T1:C1:2.0"))
    await items.forget(TEAM, ["C1"], by=BEN, ids=[fact.id])
    assert await texts(items) == ["Lunch is at noon"]
    assert await items.learn(TEAM, summary("They spoke of salaries")) is None


async def test_no_summary_is_made_later_of_a_conversation_of_which_something_was_forgotten(core: Core) -> None:
    items = Items(core.pool)
    fact = await learnt(items, said("Ada's salary is 90,000"))
    await items.forget(TEAM, ["C1"], by=BEN, ids=[fact.id])
    assert await items.learn(TEAM, summary("They spoke of Ada's salary of 90,000")) is None


async def test_a_message_that_is_deleted_takes_along_what_came_of_it(core: Core) -> None:
    items = Items(core.pool)
    await learnt(items, said("The launch is in May"))
    await learnt(items, said("Lunch is at noon", "2.0"))
    await learnt(items, summary("They spoke of May"))
    await items.message_gone(TEAM, message_key("C1", "1.0"), "T1:C1:1.0")
    assert await texts(items) == ["Lunch is at noon"]
    assert await items.learn(TEAM, said("The launch is in May")) is None


async def test_a_message_that_is_deleted_takes_along_what_was_made_known_elsewhere(core: Core) -> None:
    items = Items(core.pool)
    for channel in (EVERYBODY, "C2"):  # told to everybody, and a correction of what another channel said
        await learnt(items, said(f"The launch is in May, in {channel}").model_copy(update={"channel": channel}))
    await items.message_gone(TEAM, message_key("C1", "1.0"), "T1:C1:1.0")
    assert await texts(items, EVERYBODY) == await texts(items, "C2") == []


async def test_what_everybody_was_told_takes_along_the_summary_of_where_it_was_said(core: Core) -> None:
    items = Items(core.pool)
    fact = await learnt(items, said("The launch is in May").model_copy(update={"channel": EVERYBODY}))
    await learnt(items, summary("They spoke of May"))
    await items.forget(TEAM, [EVERYBODY], by=BEN, ids=[fact.id])
    assert await texts(items) == []


async def test_what_has_outlived_its_term_is_neither_listed_nor_there(core: Core) -> None:
    items = Items(core.pool, Terms({"fact": timedelta(0)}))
    await learnt(items, said("Soon over"))
    assert await texts(items) == []
    assert await items.purge() == 1
    assert await core.sql("SELECT FROM memory") == []


TEXTS = st.sampled_from(["a", "b", "c", "A", " b ", "dé", "DÉ"])
ACTS = st.lists(st.tuples(st.sampled_from(["learn", "forget", "gone"]), TEXTS, st.integers(1, 4)), max_size=25)


@examples(0.3, HealthCheck.function_scoped_fixture)
@given(acts=ACTS)
async def test_any_course_leaves_what_a_dictionary_would_hold(core: Core, acts: list[tuple[str, str, int]]) -> None:
    await core.sql("TRUNCATE memory, memory_said, memory_gone")
    items = Items(core.pool)
    known: dict[str, list[str]] = {}  # the digest of a text -> its sources, the first first
    gone: set[str] = set()
    for what, text, number in acts:
        item = said(text, f"{number}.0")
        match what:
            case "learn":
                await items.learn(TEAM, item)
                if item.source.key not in gone and item.source.key not in known.setdefault(item.digest, []):
                    known[item.digest].append(item.source.key)
                known = {digest: sources for digest, sources in known.items() if sources}
            case "forget":
                ids = [one.id for one in await items.listed(TEAM, ["C1"]) if said(one.text).digest == item.digest]
                await items.forget(TEAM, ["C1"], by=BEN, ids=ids)
                gone |= set(known.pop(item.digest, []))
            case _:
                await items.forget(TEAM, ["C1"], by=BEN, sources=[item.source.key])
                for digest in [digest for digest, sources in known.items() if sources[0] == item.source.key]:
                    gone |= set(known.pop(digest))
                gone.add(item.source.key)
    found = {said(one.text).digest: one.confirmed for one in await items.listed(TEAM, ["C1"])}
    assert found == {digest: len(sources) for digest, sources in known.items()}
    assert await items.gone(TEAM, [message_key("C1", f"{number}.0") for number in range(1, 5)]) == gone


async def test_a_correction_that_cannot_be_learnt_changes_nothing(core: Core) -> None:
    items = Items(core.pool)
    fact = await learnt(items, said("Deploys are on Tuesday"))
    taken_back = said("Deploys are on Thursday", "2.0")
    await items.forget(TEAM, ["C1"], by=BEN, sources=[taken_back.source.key])
    assert await items.correct(TEAM, fact.id, taken_back, by=BEN) is None
    assert await texts(items) == ["Deploys are on Tuesday"]
    assert await items.learn(TEAM, said("Deploys are on Tuesday")) is not None  # nor is its source taken back


async def test_whatever_is_forgotten_or_corrected_is_in_the_audit_log_without_its_words(core: Core) -> None:
    items = Items(core.pool)
    first, second = await learnt(items, said("Ada earns 90,000")), await learnt(items, said("Bob earns 80,000", "2.0"))
    await items.forget(TEAM, ["C1"], by=BEN, ids=[first.id, 999])
    await items.forget(TEAM, ["C1"], by=BEN, ids=[first.id])  # it is gone already
    right = await items.correct(TEAM, second.id, said("Bob earns 85,000", "3.0"), by=By("U1", "tool", "T1:C1:1.0"))
    assert right is not None
    await items.message_gone(TEAM, message_key("C1", "3.0"), "T1:C1:1.0")
    entries = await core.sql("SELECT kind, actor, session_id, rule, body FROM audit WHERE team = %s ORDER BY seq", TEAM)
    of = {"channels": ["C1"], "count": 1}
    assert entries[-3:] == [
        ("forget", "U2", "", "memory", {"from": "home", "items": [first.id], **of}),
        ("correct", "U1", "T1:C1:1.0", "memory", {"from": "tool", "items": [second.id], **of, "instead": right.id}),
        ("forget", "", "", "memory", {"from": "slack", "items": [right.id], **of}),
    ]


async def test_a_correction_that_cannot_be_learnt_leaves_no_entry(core: Core) -> None:
    items = Items(core.pool)
    fact = await learnt(items, said("The launch is in May"))
    taken_back = said("The launch is in June", "2.0")
    await items.forget(TEAM, ["C1"], by=BEN, sources=[taken_back.source.key])
    before = await core.sql("SELECT seq FROM audit_head WHERE team = %s", TEAM)
    assert await items.correct(TEAM, fact.id, taken_back, by=BEN) is None
    assert await core.sql("SELECT seq FROM audit_head WHERE team = %s", TEAM) == before
