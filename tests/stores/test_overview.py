"""What one person sees of a workspace, on real Postgres: only what concerns them, in the order in which it matters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.reports.home_overview import Overview, SpentOfBudget
from agent.session.post_keys import PostKey
from agent.session.steps import Asked, Granted, Posted, PostStarted, Step
from agent.types import Allowed, Place, Said
from tests.stores.core import Core, place
from tests.stores.desk import Desk, proposal

SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def overview(core: Core) -> Overview:
    """The reads, on the same database."""
    return Overview(core.pool)


async def write(desk: Desk, *steps: Step) -> None:
    """Steps of the session, and the actions that they propose."""
    await desk.core.store.append(desk.lease, desk.seq, steps)
    desk.seq += len(steps)


async def propose(desk: Desk, action_id: str, **fields: Any) -> None:
    """An action that differs from the others in these fields."""
    await write(desk, proposal(action_id).model_copy(update=fields))


async def other(desk: Desk, number: int, team: str = "T1") -> Desk:
    """Another session, held as well."""
    at = place(number, team)
    return Desk(desk.core, await desk.core.hold(at), at)


# ---------------------------------------------------------------------------------------------- what waits


async def test_what_waits_comes_in_the_order_of_its_deadlines(desk: Desk, overview: Overview) -> None:
    for action_id, hours in (("late", 3), ("soon", 1), ("next", 2)):
        await desk.propose(action_id, lasts=timedelta(hours=hours))
    pending = await overview.pending("T1", 10)
    assert [waiting.seen.proposed.action_id for waiting in pending] == ["soon", "next", "late"]
    assert [waiting.seen.proposed.action_id for waiting in await overview.pending("T1", 2)] == ["soon", "next"]
    assert pending[0].seen.place == desk.place
    assert pending[0].seen.proposed.digest == proposal("soon").digest


async def test_only_what_can_still_be_decided_waits(desk: Desk, overview: Overview) -> None:
    await desk.propose("open")
    await desk.propose("decided")
    await desk.votes("decided", "U2")
    await desk.propose("over", lasts=timedelta(seconds=-1))  # its worker has not closed it yet
    await desk.propose("lost")
    await desk.loses("lost")
    await desk.age("lost", "expires_at", 7200)  # a question about an outcome has no deadline
    pending = await overview.pending("T1", 10)
    assert [(waiting.seen.proposed.action_id, waiting.seen.status) for waiting in pending] == [
        ("lost", "unknown"),
        ("open", "pending"),
    ]


async def test_what_waits_names_those_who_voted(desk: Desk, overview: Overview) -> None:
    await desk.propose("A1", quorum=3)
    for user in ("U2", "U3"):
        await desk.votes("A1", user)
    [waiting] = await overview.pending("T1", 10)
    assert waiting.voters == ("U2", "U3")


async def test_a_workspace_sees_nothing_of_another(desk: Desk, overview: Overview) -> None:
    theirs = await other(desk, 1, "T2")
    await theirs.propose("A1")
    await theirs.votes("A1", "U1")
    await theirs.propose("A2")
    await give(theirs, "G1")
    await write(theirs, asked("U1"))
    assert [len(await read) for read in everything(overview, "T2")] == [1, 1, 1, 1]
    assert [len(await read) for read in everything(overview, "T1")] == [0, 0, 0, 0]


def everything(overview: Overview, team: str) -> list[Any]:
    """Every list that a person sees."""
    return [
        overview.pending(team, 9),
        overview.recent(team, "U1", (), 9),
        overview.grants(team, "U1"),
        overview.spent(team, "U1", 9),
    ]


# ---------------------------------------------------------------------------------------------- what came of it


async def test_who_asked_voted_or_decided_sees_what_came_of_it(desk: Desk, overview: Overview) -> None:
    await desk.propose("A1", quorum=2)
    for user in ("U2", "U3"):
        await desk.votes("A1", user)
    for user in ("U1", "U2", "U3"):
        [seen] = await overview.recent("T1", user, (), 10)
        assert (seen.proposed.action_id, seen.status, seen.decided_by, seen.place) == ("A1", "approved", "U3", desk.place)
        assert seen.decided_at is not None
    assert await overview.recent("T1", "U4", (), 10) == []


async def test_who_reads_a_channel_sees_what_was_decided_there_and_nowhere_else(desk: Desk, overview: Overview) -> None:
    await desk.propose("A1")
    await desk.votes("A1", "U2")
    theirs = await other(desk, 1, "T2")
    await theirs.propose("A2")
    await theirs.votes("A2", "U2")
    assert [seen.proposed.action_id for seen in await overview.recent("T1", "U4", ("C0", "C1"), 10)] == ["A1"]
    assert await overview.recent("T1", "U4", ("C0", "D1"), 10) == []


async def test_messages_are_found_by_their_session_and_key(desk: Desk, overview: Overview) -> None:
    second = await other(desk, 2)
    for one, ts in ((desk, "1.1"), (second, "2.1")):
        await one.propose("A1" if one is desk else "A2")
        key = PostKey("card", "A1" if one is desk else "A2")
        await write(one, PostStarted(key=key), Posted(key=key, ts=ts), PostStarted(key=PostKey("answer", 1, 0)))
    assert await overview.messages([desk.lease.session_id]) == {(desk.lease.session_id, "card:A1"): "1.1"}
    assert len(await overview.messages([desk.lease.session_id, second.lease.session_id])) == 2


async def test_an_action_awaits_everybody_who_has_not_given_their_word(desk: Desk, overview: Overview) -> None:
    await desk.propose("A1", quorum=2)
    await desk.votes("A1", "U2")
    assert [await overview.awaits("A1", user) for user in ("U2", "U3")] == [False, True]
    await desk.votes("A1", "U3")
    assert not await overview.awaits("A1", "U4")


async def test_outcomes_come_newest_first_and_no_more_than_asked_for(desk: Desk, overview: Overview) -> None:
    for action_id in ("A1", "A2", "A3"):
        await desk.propose(action_id)
        await desk.votes(action_id, "U2", "rejected")
    assert [seen.proposed.action_id for seen in await overview.recent("T1", "U1", (), 2)] == ["A3", "A2"]


async def test_what_waits_is_no_outcome_and_neither_is_what_is_long_past(desk: Desk, overview: Overview) -> None:
    await desk.propose("waits")
    await desk.propose("lost")
    await desk.loses("lost")
    await desk.propose("past")
    await desk.votes("past", "U2")
    await desk.age("past", "decided_at", 31 * 24 * 3600)
    assert await overview.recent("T1", "U1", (), 10) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"arguments": {"requesters": ["U9"], "owner": "U9"}},
        {"arguments": {"note": '"requesters":["U9"]'}},
        {"said": '"U9"'},
        {"requesters": ("U99", "U")},
    ],
)
async def test_somebody_who_is_only_named_in_it_did_not_ask(desk: Desk, overview: Overview, fields: dict[str, Any]) -> None:
    await propose(desk, "A1", **fields)
    await desk.votes("A1", "U2")
    assert await overview.recent("T1", "U9", (), 10) == []


@pytest.mark.parametrize("note", ["a NUL \0 and \0\0 more", "no NUL: \\u0000 \\\\u0000", "\\\0"])
async def test_any_argument_may_have_been_asked_for(desk: Desk, overview: Overview, note: str) -> None:
    await propose(desk, "A1", arguments={"note": note})
    await desk.votes("A1", "U2")
    [seen] = await overview.recent("T1", "U1", (), 10)
    assert seen.proposed.arguments == {"note": note}


# ---------------------------------------------------------------------------------------------- grants


async def give(desk: Desk, grant_id: str, by: str = "U1", **columns: Any) -> None:
    """A standing permission as the statement of a grant writes it."""
    granted = Granted(
        grant_id=grant_id,
        action_id="A1",
        tool="create_order",
        pattern=(Allowed(argument="quantity", to_be="at_most", value=3),),
        verdict=proposal("A1").verdict,
        by=by,
        expires_at=SOON,
        most_uses=5,
    )
    row = {"uses": 0, "expires_at": SOON, **columns}
    await desk.core.sql(
        'INSERT INTO "grant" (id, session_id, team, tool, granted_by, body, most_uses, uses, expires_at)'
        " VALUES (%(id)s, %(session)s, %(team)s, %(tool)s, %(by)s, %(body)s, 5, %(uses)s, %(expires_at)s)",
        **{"id": grant_id, "session": desk.lease.session_id, "team": desk.place.team, "tool": granted.tool, "by": by},
        **{"body": granted.model_dump_json(), **row},
    )


async def test_a_person_sees_the_permissions_that_they_gave_and_that_still_hold(desk: Desk, overview: Overview) -> None:
    await give(desk, "holds", uses=4)
    await give(desk, "used up", uses=5)
    await give(desk, "over", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await give(desk, "another's", by="U2")
    [seen] = await overview.grants("T1", "U1")
    assert (seen.granted.grant_id, seen.uses, seen.most_uses, seen.expires_at) == ("holds", 4, 5, SOON)
    assert (seen.place, seen.granted.pattern[0].to_be) == (desk.place, "at_most")
    assert len(await overview.grants("T1", "U2", limit=0)) == 0


async def test_only_its_giver_revokes_a_permission_and_only_once(desk: Desk, overview: Overview) -> None:
    await give(desk, "G1", uses=2)
    await give(desk, "G2")
    before = datetime.now(UTC)
    assert not await overview.revoke("G1", "U2")
    assert not await overview.revoke("G9", "U1")
    assert len(await overview.grants("T1", "U1")) == 2
    assert await overview.revoke("G1", "U1")
    assert not await overview.revoke("G1", "U1")
    assert [seen.granted.grant_id for seen in await overview.grants("T1", "U1")] == ["G2"]
    told = await desk.core.sql("SELECT actor, rule, body FROM audit WHERE kind = 'revoke' AND at >= %s", before)
    [(actor, rule, body)] = told
    assert (actor, rule, body["grant"], body["uses"]) == ("U1", "grant G1", "G1", 2)
    assert body["revoked_at"]


# ---------------------------------------------------------------------------------------------- tokens


def asked(*users: str, text: str = "Hello", budget_tokens: int = 0) -> Asked:
    """These people said something."""
    return Asked(said=tuple(Said(user=user, text=text, ts="1.0") for user in users), budget_tokens=budget_tokens)


async def used(desk: Desk, *tokens: int) -> None:
    """Model calls that were charged so much."""
    for seq, each in enumerate(tokens, 1):
        await desk.core.sql(
            """
            INSERT INTO usage (session_id, seq, team, payer, agent, model, started_at, reserved_tokens, settled_at, tokens)
            VALUES (%s, %s, 'T1', 'U1', 'a', 'm', now(), 0, now(), %s)
            """,
            desk.lease.session_id,
            seq,
            each,
        )


async def test_a_conversation_has_used_what_its_calls_are_charged(desk: Desk, overview: Overview) -> None:
    await write(desk, asked("U1", text="a NUL \0"), asked("U1", budget_tokens=500))
    await used(desk, 100, 20)
    await desk.core.sql(
        """
        INSERT INTO usage (session_id, seq, team, payer, agent, model, started_at, reserved_tokens)
        VALUES (%s, 9, 'T1', 'U1', 'a', 'm', now(), 3)
        """,
        desk.lease.session_id,
    )
    assert await overview.spent("T1", "U1", 10) == [SpentOfBudget(desk.place, 123, 500)]


async def test_a_person_sees_conversations_that_they_asked_something_in(desk: Desk, overview: Overview) -> None:
    second, third = await other(desk, 2), await other(desk, 3)
    await write(desk, asked("U1"))
    await write(second, asked("U2", text='"user":"U1"'), asked("U2", text="U1"))
    await used(second, 5)
    await write(third, asked("U2", "U1"))
    await used(third, 7)
    assert await overview.spent("T1", "U1", 10) == [SpentOfBudget(third.place, 7), SpentOfBudget(desk.place, 0)]
    assert await overview.spent("T1", "U1", 1) == [SpentOfBudget(third.place, 7)]
    await write(desk, asked("U1"))  # it goes on
    assert [spent.place for spent in await overview.spent("T1", "U1", 10)] == [desk.place, third.place]


async def test_ids_that_begin_alike_are_different_people(desk: Desk, overview: Overview) -> None:
    await write(desk, asked("U11"))
    assert await overview.spent("T1", "U1", 10) == []
    assert [spent.place for spent in await overview.spent("T1", "U11", 10)] == [Place(team="T1", channel="C1", thread_ts="1.0")]
