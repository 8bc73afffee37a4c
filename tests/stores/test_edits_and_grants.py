"""Edits of an action, and grants that are given with a yes, on real Postgres."""

import pytest

from tests.stores.desk import HOUR, Desk


async def test_an_edit_ends_the_action_and_no_click_on_it_counts_any_more(desk: Desk) -> None:
    await desk.propose("open", quorum=2)
    await desk.votes("open", "U3")
    edited = await desk.edits("open", quantity=5)
    assert edited is not None
    assert (edited.by, edited.arguments) == ("U2", {"quantity": 5})
    assert await desk.status("open") == "edited"
    assert await desk.votes("open", "U4") is None
    assert not await desk.starts("open")
    assert await desk.edits("open", quantity=6) is None
    assert await desk.kinds() == ["proposed_action", "voted", "edited"]


@pytest.mark.parametrize("note", ["a NUL \0", "half a character \ud83e", "\\u0000", "Zoë 🦊"])
async def test_any_text_can_be_edited_in(desk: Desk, note: str) -> None:
    await desk.propose("open")
    edited = await desk.edits("open", note=note)
    assert edited is not None
    assert edited.arguments["note"] == note.replace("\ud83e", "\ufffd")
    [*_, last] = await desk.core.store.load(desk.lease)
    assert last.step == edited


@pytest.mark.parametrize("status", ["late", "rejected", "approved"])
async def test_what_is_over_is_not_edited(desk: Desk, status: str) -> None:
    await desk.propose("open", lasts=-HOUR if status == "late" else HOUR)
    if status != "late":
        await desk.votes("open", "U2", status)
    before = await desk.status("open")
    assert await desk.edits("open", quantity=5) is None
    assert await desk.status("open") == before


async def test_a_grant_comes_with_the_approval_that_settles_the_action(desk: Desk) -> None:
    await desk.propose("open")
    assert await desk.grants("open") == ["action_decided", "granted"]
    assert await desk.core.sql('SELECT granted_by, tool, most_uses, uses FROM "grant"') == [("U2", "create_order", 2, 0)]


@pytest.mark.parametrize("ended", ["needs two", "late", "decided"])
async def test_a_click_that_does_not_settle_the_action_gives_no_grant(desk: Desk, ended: str) -> None:
    await desk.propose("open", quorum=2 if ended == "needs two" else 1, lasts=-HOUR if ended == "late" else HOUR)
    if ended == "decided":
        await desk.votes("open", "U3", "rejected")
    assert "granted" not in await desk.grants("open")
    assert await desk.core.sql('SELECT id FROM "grant"') == []
    if ended == "needs two":  # nor does the second of two approvals: policy wants two for each call
        assert await desk.grants("open", "U3") == ["action_decided"]


async def test_each_use_of_a_grant_is_counted_and_none_is_too_many(desk: Desk) -> None:
    await desk.propose("open")
    await desk.grants("open", most_uses=2)
    assert [await desk.runs_under("G-open", f"call-{number}") for number in range(3)] == [True, True, False]
    assert await desk.core.sql('SELECT uses FROM "grant"') == [(2,)]
    assert (await desk.kinds()).count("tool_started") == 2


async def test_a_grant_that_was_revoked_or_is_over_lets_nothing_run(desk: Desk) -> None:
    for name in ("revoked", "over"):
        await desk.propose(name)
        await desk.grants(name, lasts=-HOUR if name == "over" else HOUR)
    await desk.core.sql("""UPDATE "grant" SET revoked_at = now(), revoked_by = 'U2' WHERE id = 'G-revoked'""")
    assert not await desk.runs_under("G-revoked")
    assert not await desk.runs_under("G-over")
    assert "tool_started" not in await desk.kinds()


async def test_a_grant_of_another_session_lets_nothing_run(desk: Desk) -> None:
    await desk.propose("open")
    await desk.grants("open")
    await desk.core.sql("""UPDATE "grant" SET session_id = 'T1:C1:77.0'""")
    assert not await desk.runs_under("G-open")
