"""How long things are kept: by kind and channel, from when they were learnt; and what was purged is nowhere any more."""

from datetime import timedelta
from typing import Any

from redis.asyncio import Redis
from slack_sdk.web.async_client import AsyncWebClient

from agent.memory.items import NewItem, Source
from agent.memory.terms import FOR_GOOD, Terms
from agent.memory.values import NewValue
from agent.store.memory_documents import Document, Documents
from agent.store.memory_items import Embedded, Items
from agent.store.memory_search import MemorySearch
from agent.store.memory_values import Values
from bot.agents.remembering import purging, remembering
from tests.stores.core import Core
from tests.stores.test_memory_items import TEAM, learnt, said, summary, texts

DAY = timedelta(days=1)
NOW = timedelta(0)


async def lasts(core: Core) -> dict[str, Any]:
    """How long each item is kept from when it was learnt."""
    return dict(await core.sql("SELECT body, expires_at - learnt_at FROM memory"))


async def test_an_item_is_kept_as_long_as_its_kind_or_its_channel_says(core: Core) -> None:
    terms = Terms({"fact": 30 * DAY, "document": DAY}, {"C2": {"fact": DAY, "document": None}})
    items, documents = Items(core.pool, terms), Documents(core.pool, terms)
    await items.learn(TEAM, said("here"))
    await items.learn(TEAM, said("there", channel="C2"))
    await items.learn(TEAM, summary("a summary"))
    for channel in ("C1", "C2"):
        source = Source(key="document:d", quote=channel)
        chunk = NewItem(channel=channel, kind="document", text=f"document of {channel}", source=source)
        await documents.put(TEAM, Document(channel, source.key), [chunk])
    assert await lasts(core) == {
        "here": 30 * DAY,
        "there": DAY,
        "a summary": None,
        "document of C1": DAY,
        "document of C2": None,
    }


async def test_a_changed_term_holds_for_what_is_there_already(core: Core) -> None:
    await Items(core.pool, Terms({"fact": 30 * DAY, "summary": DAY})).learn(TEAM, said("here"))
    await Items(core.pool, FOR_GOOD).learn(TEAM, said("there", channel="C2"))
    await Items(core.pool, Terms({"summary": DAY})).learn(TEAM, summary("a summary"))
    await Items(core.pool, FOR_GOOD).learn("T2", said("elsewhere"))
    await core.sql("UPDATE memory SET learnt_at = learnt_at - interval '9 days', expires_at = expires_at - interval '9 days'")

    now = Items(core.pool, Terms({"fact": 10 * DAY}, {"C2": {"fact": 5 * DAY}}))
    assert await now.apply_terms(TEAM) == 3
    assert await lasts(core) == {"here": 10 * DAY, "there": 5 * DAY, "a summary": None, "elsewhere": None}
    assert await now.apply_terms(TEAM) == 0
    assert await now.purge() == 1  # what was learnt nine days ago and is kept for five
    assert set(await lasts(core)) == {"here", "a summary", "elsewhere"}


async def test_what_was_purged_is_nowhere_any_more(core: Core) -> None:
    items = Items(core.pool)
    fact = await items.learn(TEAM, said("The code is swordfish"), Embedded("m", (1.0, 0.0)))
    assert fact is not None
    await items.learn(TEAM, said("The code is swordfish", "2.0"))
    await items.learn(TEAM, said("The code is marlin", "3.0"), Embedded("m", (1.0, 0.0)), replaces=fact.id)
    await items.learn(TEAM, summary("They spoke of swordfish"))
    await items.learn(TEAM, summary("Lunch is at noon", thread="T1:C1:2.0"))

    brief = Items(core.pool, Terms({"fact": NOW}))
    await brief.apply_terms(TEAM)
    assert await brief.purge() == 3  # the summary goes with the facts of its conversation
    assert await texts(items) == ["Lunch is at noon"]
    assert await core.sql("SELECT count(*) FROM memory_said WHERE item = %s", fact.id) == [(0,)]
    assert await core.sql("SELECT FROM memory WHERE embedding IS NOT NULL") == []
    words = {word for (word,) in await core.sql("SELECT word FROM memory_word")}
    assert words == {"lunch", "noon"}
    found = await MemorySearch(core.pool).search(TEAM, ["C1"], "swordfish marlin", (1.0, 0.0), "m", 10)
    assert found == []


async def test_a_fact_that_is_over_and_said_again_is_a_new_one(core: Core) -> None:
    over = await learnt(Items(core.pool, Terms({"fact": NOW})), said("Deploys are on Tuesday"))
    again = await learnt(Items(core.pool), said("Deploys are on Tuesday", "2.0"))
    assert (again.id != over.id, again.confirmed, again.source.key) == (True, 1, "message:C1:2.0")
    assert await Items(core.pool).purge() == 0


async def test_a_changed_term_reaches_values_and_their_copies_in_redis(core: Core, redis_url: str) -> None:
    before = Values(core.pool, redis_url)
    for key, kind, channel in (("tone", "preference", "C1"), ("far", "checkpoint", "C1"), ("on", "flag", "C2")):
        value = True if kind == "flag" else "swordfish"
        await before.set(
            TEAM,
            "user:U1",
            NewValue.model_validate({"kind": kind, "key": key, "value": value, "channel": channel, "set_by": "U1"}),
        )
    assert {value.key for value in (await before.kept(TEAM, ["user:U1"]))["user:U1"]} == {"tone", "far", "on"}

    now = Values(core.pool, redis_url, Terms({"preference": NOW}, {"C2": {"flag": DAY}}))
    assert await now.apply_terms(TEAM) == 1
    assert await now.apply_terms(TEAM) == 0
    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]  # redis leaves kwargs untyped
        assert "tone" not in str(await redis.get("memory:{T1:user:U1}"))
    assert {value.key for value in (await before.kept(TEAM, ["user:U1"]))["user:U1"]} == {"far", "on"}
    assert await core.sql("SELECT key, expires_at - set_at FROM memory_value ORDER BY key") == [
        ("far", 30 * DAY),
        ("on", DAY),
        ("tone", NOW),
    ]
    assert await now.purge() == 1
    await before.close()
    await now.close()


async def test_what_outlives_its_term_is_in_the_audit_log_by_count_kind_and_scope_without_its_words(
    core: Core, redis_url: str
) -> None:
    items, values = Items(core.pool, Terms({"fact": NOW})), Values(core.pool, redis_url, Terms({"preference": NOW}))
    for text, ts, channel in (("The code is swordfish", "1.0", "C1"), ("The code is marlin", "2.0", "C1"), ("tuna", "3.0", "C2")):
        await items.learn(TEAM, said(text, ts, channel=channel, thread=f"T1:{channel}:1.0"))
    await items.learn(TEAM, summary("They spoke of swordfish"))
    await items.learn("T2", said("elsewhere"))
    new = NewValue(kind="preference", key="swordfish", value="marlin", channel="C1", set_by="U1")
    await values.set(TEAM, "user:U1", new)
    before = await core.sql("SELECT team, seq FROM audit_head")

    memory = remembering(core.pool, redis_url, AsyncWebClient(), TEAM, None, Terms({"fact": NOW, "preference": NOW}))
    for _ in range(2):  # the second time nothing is over
        await purging(memory, TEAM).work(0.0)
    new_entries = [entry for team in (TEAM, "T2") for entry in await purges(core, team, dict(before).get(team, 0))]
    facts = [{"channel": "C1", "kind": "fact", "count": 2}, {"channel": "C1", "kind": "summary", "count": 1}]
    assert new_entries == [
        ("", "memory", {"from": "term", "count": 4, "gone": [*facts, {"channel": "C2", "kind": "fact", "count": 1}]}),
        ("", "memory", {"from": "term", "count": 1, "gone": [{"owner": "user:U1", "kind": "preference", "count": 1}]}),
        ("", "memory", {"from": "term", "count": 1, "gone": [{"channel": "C1", "kind": "fact", "count": 1}]}),
    ]
    await values.close()
    await memory.long_term.values.close()


async def test_a_fact_that_is_over_and_said_again_leaves_an_entry_too(core: Core) -> None:
    await learnt(Items(core.pool, Terms({"fact": NOW})), said("Deploys are on Tuesday"))
    [(before,)] = await core.sql("SELECT coalesce(max(seq), 0) FROM audit WHERE team = %s", TEAM)
    for ts in ("2.0", "3.0"):  # the second time it is not over
        await learnt(Items(core.pool), said("Deploys are on Tuesday", ts))
    gone = [{"channel": "C1", "kind": "fact", "count": 1}]
    assert await purges(core, TEAM, before) == [("", "memory", {"from": "term", "count": 1, "gone": gone})]


async def purges(core: Core, team: str, after: int) -> list[tuple[Any, ...]]:
    """What the audit log of a workspace says of what was over, after an entry."""
    found = "SELECT actor, rule, body FROM audit WHERE team = %s AND seq > %s AND kind = 'purge' ORDER BY seq"
    return await core.sql(found, team, after)


async def test_the_chore_holds_what_is_there_to_the_terms_that_its_process_began_with(core: Core, redis_url: str) -> None:
    await Items(core.pool).learn(TEAM, said("The code is swordfish"))
    await Items(core.pool).learn("T2", said("elsewhere"))
    memory = remembering(core.pool, redis_url, AsyncWebClient(), TEAM, None, Terms({"fact": NOW}))
    await purging(memory, TEAM).work(0.0)
    assert await core.sql("SELECT body FROM memory") == [("elsewhere",)]
    await memory.long_term.values.close()
