"""A change of the audit log behind the database's back is found."""

import json
from typing import Any, LiteralString

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.profiles import examples
from tests.stores.audit_log import Log

ON_A_REAL_DATABASE = examples(0.6, HealthCheck.function_scoped_fixture)


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TEXTS = ("kind", "actor", "session_id", "action_id", "call_id", "tool", "digest", "rule")


@ON_A_REAL_DATABASE
@given(fields=st.lists(st.tuples(*[WORDS] * len(TEXTS)), min_size=1, max_size=5), words=WORDS)
async def test_both_sides_compute_one_hash_whatever_the_words(log: Log, fields: list[tuple[str, ...]], words: str) -> None:
    for values in fields:
        await log.sql(
            "INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body)"
            " VALUES ('T' || %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(words, *values, json.dumps({"said": words}, ensure_ascii=False)),
        )
    assert await log.broken() == []


TEAMS = {"T1": 5, "T2": 3}
ENTRIES = st.sampled_from([(team, seq) for team, count in TEAMS.items() for seq in range(1, count + 1)])
CHANGES: dict[str, LiteralString] = {
    **{name: f"UPDATE audit SET {name} = {name} || 'x' WHERE (team, seq) = (%s, %s)" for name in ("kind", "actor", "rule")},
    **{name: f"UPDATE audit SET {name} = {name} || 'x' WHERE (team, seq) = (%s, %s)" for name in ("tool", "digest")},
    **{name: f"UPDATE audit SET {name} = {name} || 'x' WHERE (team, seq) = (%s, %s)" for name in ("session_id", "action_id")},
    **{name: f"UPDATE audit SET {name} = {name} || 'x' WHERE (team, seq) = (%s, %s)" for name in ("previous_hash", "hash")},
    "call_id": "UPDATE audit SET call_id = tool, tool = call_id WHERE (team, seq) = (%s, %s)",
    "at": "UPDATE audit SET at = at + interval '1 microsecond' WHERE (team, seq) = (%s, %s)",
    "body": """UPDATE audit SET body = '{ }' WHERE (team, seq) = (%s, %s)""",
    "team": "UPDATE audit SET team = team || 'x' WHERE (team, seq) = (%s, %s)",
    "seq": "UPDATE audit SET seq = seq + 100 WHERE (team, seq) = (%s, %s)",
    "removed": "DELETE FROM audit WHERE (team, seq) = (%s, %s)",
    # A forger knows how entries are hashed, and makes one that fits itself.
    "rehashed": """
        WITH forged AS (SELECT * FROM audit WHERE (team, seq) = (%s, %s))
        UPDATE audit SET actor = 'U9', hash = audit_hash(ROW(
            forged.team, forged.seq, forged.at, forged.kind, 'U9', forged.session_id, forged.action_id, forged.call_id,
            forged.tool, forged.digest, forged.rule, forged.body, forged.previous_hash, '')::audit)
        FROM forged WHERE (audit.team, audit.seq) = (forged.team, forged.seq)""",
    "added at the end": """
        INSERT INTO audit SELECT team, 1 + (SELECT max(seq) FROM audit AS others WHERE others.team = audit.team), at, kind, actor,
            session_id, action_id, call_id, tool, digest, rule, body, hash, hash FROM audit WHERE (team, seq) = (%s, %s)""",
    "added before": """
        INSERT INTO audit SELECT team, 0, at, kind, actor, session_id, action_id, call_id, tool, digest, rule, body, '', hash
        FROM audit WHERE (team, seq) = (%s, %s) ON CONFLICT DO NOTHING""",
}
SWAPS = st.tuples(st.just("swapped"), ENTRIES, ENTRIES).filter(lambda swap: swap[1] != swap[2])
TAMPERINGS = st.lists(st.one_of(st.tuples(st.sampled_from(list(CHANGES)), ENTRIES), SWAPS), min_size=1, max_size=4)


async def swap(log: Log, one: tuple[str, int], other: tuple[str, int]) -> None:
    """Two entries take each other's place, with everything but their place itself."""
    await log.tamper(
        (
            """
            UPDATE audit SET at = o.at, kind = o.kind, actor = o.actor, session_id = o.session_id, action_id = o.action_id,
                call_id = o.call_id, tool = o.tool, digest = o.digest, rule = o.rule, body = o.body,
                previous_hash = o.previous_hash, hash = o.hash
            FROM audit AS o
            WHERE (audit.team, audit.seq, o.team, o.seq) IN ((%s, %s, %s, %s), (%s, %s, %s, %s))
            """,
            (*one, *other, *other, *one),
        )
    )


async def fill(log: Log) -> None:
    """The same entries, however often."""
    await log.tamper(("TRUNCATE audit, audit_head", ()))
    for team, count in TEAMS.items():
        await log.write(team, *(f"tool {number}" for number in range(count)))
    assert await log.broken() == []


@pytest.mark.parametrize("what", CHANGES)
async def test_each_change_alone_is_found(log: Log, what: str) -> None:
    for entry in [("T1", 1), ("T1", 2), ("T1", TEAMS["T1"])]:
        await fill(log)
        await log.tamper((CHANGES[what], entry))
        assert await log.broken() != [], entry


@ON_A_REAL_DATABASE
@given(tamperings=TAMPERINGS)
async def test_whatever_is_tampered_with_is_found(log: Log, tamperings: list[tuple[Any, ...]]) -> None:
    await fill(log)
    before = await log.rows()
    for what, entry, *other in tamperings:
        if other:
            await swap(log, entry, other[0])
        else:
            await log.tamper((CHANGES[what], entry))
    assert bool(await log.broken()) == (await log.rows() != before)


async def test_each_break_has_its_line(log: Log) -> None:
    await log.write("T1", *"abcdefgh")
    await log.tamper(
        ("UPDATE audit SET tool = 'z' WHERE seq = 2", ()),
        ("DELETE FROM audit WHERE seq IN (4, 5)", ()),
        ("DELETE FROM audit WHERE seq = 8", ()),
    )
    broken, [head] = await log.verified()
    assert [(each.seq, each.what) for each in broken] == [
        (2, "was changed: its hash is not that of its fields"),
        (6, "comes right after entry 3: those in between are missing"),
        (8, "the end is missing: only 7 of 8 entries are there"),
    ]
    assert head.count == 7


async def test_a_head_that_was_kept_finds_a_chain_that_was_written_anew(log: Log) -> None:
    await log.write("T1", "one", "two", "three")
    _, [kept] = await log.verified()
    await log.write("T1", "four")
    assert await log.broken(kept) == []

    await log.tamper(("TRUNCATE audit, audit_head", ()))
    assert await log.broken(kept) == [("T1", 3)]  # nothing is left
    await log.write("T1", "one", "two")
    assert await log.broken() == []
    assert await log.broken(kept) == [("T1", 3)]  # the end is missing
    await log.write("T1", "three", "four")
    assert await log.broken() == []
    assert await log.broken(kept) == [("T1", 3)]  # another entry stands there
