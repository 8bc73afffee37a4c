"""Documents in Postgres: readers see one whole version or another, and what is the same is left alone."""

import asyncio
from datetime import timedelta

from agent.memory.items import EVERYBODY, NewItem, Source, document_key
from agent.memory.terms import Terms
from agent.store.memory_audit import By
from agent.store.memory_documents import Document, Documents
from agent.store.memory_items import Embedded, Items
from agent.store.memory_search import MemorySearch
from tests.stores.core import Core

TEAM = "T1"
GUIDE = Document("C1", document_key("guide.md"))


def parts(*texts: str, of: Document = GUIDE) -> list[NewItem]:
    """The chunks of a version."""
    source = Source(key=of.key, quote="quote", link="guide.md#a")
    return [NewItem(channel=of.channel, kind="document", text=text, source=source) for text in texts]


async def texts(core: Core, channel: str = "C1") -> list[str]:
    """What is known of documents in a channel, in its order."""
    items = await Items(core.pool).listed(TEAM, [channel], kind="document", most=1_000)
    return [item.text for item in sorted(items, key=lambda item: item.id)]


async def test_a_document_that_changed_is_replaced_and_one_that_did_not_is_left_alone(core: Core) -> None:
    documents = Documents(core.pool)
    assert await documents.put(TEAM, GUIDE, parts("one", "two", "two")) == "added"
    before = await core.sql("SELECT id FROM memory")
    assert await documents.put(TEAM, GUIDE, parts("one", "two", "two")) == "unchanged"
    assert await core.sql("SELECT id FROM memory") == before
    for other in (parts("one", "Two", "two"), parts("one", "two"), parts("two", "one"), parts("onetwo")):
        assert await documents.put(TEAM, GUIDE, other) == "replaced"
        assert await texts(core) == [each.text for each in other]


async def test_a_new_link_or_quote_makes_another_version(core: Core) -> None:
    documents, [chunk] = Documents(core.pool), parts("one")
    await documents.put(TEAM, GUIDE, [chunk])
    for change in ({"link": "guide.md#b"}, {"quote": "another"}):
        other = chunk.model_copy(update={"source": chunk.source.model_copy(update=change)})
        assert await documents.put(TEAM, GUIDE, [other]) == "replaced"


async def test_who_reads_meanwhile_sees_one_whole_version(core: Core) -> None:
    documents, search = Documents(core.pool), MemorySearch(core.pool)
    versions = [[f"apple {letter} {number}" for number in range(20)] for letter in "ab"]
    await documents.put(TEAM, GUIDE, parts(*versions[0]))
    done = asyncio.Event()

    async def read() -> list[list[str]]:
        seen: list[list[str]] = []
        while not done.is_set() or not seen:
            found = await search.search(TEAM, ["C1"], "apple", None, "", 100)
            seen += [sorted(hit.item.text for hit in found), sorted(await texts(core))]
        return seen

    async def write() -> None:
        for number in range(1, 31):
            await documents.put(TEAM, GUIDE, parts(*versions[number % 2]))
        done.set()

    *seen, _ = await asyncio.gather(read(), read(), write())
    assert [each for reader in seen for each in reader if each not in [sorted(version) for version in versions]] == []


async def test_several_who_replace_one_document_at_once_leave_one_version(core: Core) -> None:
    documents = Documents(core.pool)
    versions = [[f"{letter}{number}" for number in range(10)] for letter in "abcdefgh"]
    await asyncio.gather(*(documents.put(TEAM, GUIDE, parts(*version)) for version in versions))
    assert await texts(core) in versions


async def test_a_document_is_one_of_its_channel(core: Core) -> None:
    documents, everybody = Documents(core.pool), Document(EVERYBODY, GUIDE.key)
    await documents.put(TEAM, GUIDE, parts("here"))
    await documents.put(TEAM, everybody, parts("everywhere", of=everybody))
    await documents.put("T2", GUIDE, parts("elsewhere"))
    assert set(await documents.versions(TEAM)) == {GUIDE, everybody}
    assert await documents.remove(TEAM, GUIDE, By("U2", "command")) == 1
    [*_, (actor, body)] = await core.sql("SELECT actor, body FROM audit WHERE team = %s AND kind = 'forget' ORDER BY seq", TEAM)
    assert (actor, body["from"], body["count"]) == ("U2", "command", 1)
    assert await texts(core, EVERYBODY) == ["everywhere"]
    assert set(await documents.versions("T2")) == {GUIDE}


async def test_neighbours_of_a_chunk_count_in_search(core: Core) -> None:
    await Documents(core.pool).put(TEAM, GUIDE, parts("How do I deploy?", "Press the green button", "Lunch is at noon"))
    found = await MemorySearch(core.pool).search(TEAM, ["C1"], "deploy", None, "", 10)
    assert [hit.item.text for hit in found][:2] == ["How do I deploy?", "Press the green button"]
    assert "Lunch is at noon" not in [hit.item.text for hit in found]


async def test_chunks_have_the_vectors_that_were_made_of_them(core: Core) -> None:
    made = [Embedded("m", (1.0, 0.0)), Embedded("m", (0.0, 1.0))]
    await Documents(core.pool).put(TEAM, GUIDE, parts("one", "two"), made)
    rows = await core.sql("SELECT body, model, embedding::text FROM memory ORDER BY position")
    assert rows == [("one", "m", "[1,0]"), ("two", "m", "[0,1]")]


async def test_a_document_that_is_over_can_be_added_again(core: Core) -> None:
    documents = Documents(core.pool, Terms({"document": timedelta(0)}))
    await documents.put(TEAM, GUIDE, parts("one"))
    assert await documents.versions(TEAM) == {}
    assert await Documents(core.pool).put(TEAM, GUIDE, parts("one")) == "replaced"
    assert await texts(core) == ["one"]
