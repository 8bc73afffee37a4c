"""The audit log against the rows that it is about: each entry binds its step, and the steps say what every other row must be.

Reads a few hundred sessions at a time. Entries of before migration 0010 bind nothing: they are counted, and what they are about
is not compared.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, LiteralString

from psycopg.rows import dict_row

from agent.reports.audit_shapes import ActionOf, AuditEntry, Erased, GrantOf, Older, StepLine, VoteOf
from agent.reports.audit_steps import LOADED, Demanded
from agent.store.fenced import PgConnection

SESSIONS = 200  # that are read at a time


def _moment(column: LiteralString) -> LiteralString:
    return f"""coalesce(to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '')"""


NAMES: LiteralString = """
SELECT session_id FROM audit WHERE session_id <> '' UNION SELECT session_id FROM step WHERE kind = ANY(%(kinds)s) ORDER BY 1
"""
ENTRIES: LiteralString = """
SELECT session_id, team, seq, kind, actor, action_id, call_id, tool, digest, rule, body::text AS body
FROM audit WHERE session_id = ANY(%(ids)s) ORDER BY team, seq
"""
STEPS: LiteralString = f"""
SELECT session_id, seq, epoch, kind, {_moment("made_at")} AS made_at,
       CASE kind WHEN 'model_replied' THEN '' ELSE body::text END AS body
FROM step WHERE session_id = ANY(%(ids)s) AND kind = ANY(%(kinds)s) ORDER BY session_id, seq
"""
ACTIONS: LiteralString = f"""
SELECT id, session_id, status, digest, quorum, rejections, body::text AS body, {_moment("expires_at")} AS expires_at,
       {_moment("created_at")} AS created_at, {_moment("decided_at")} AS decided_at, decided_by,
       {_moment("started_at")} AS started_at, asker, ran
FROM action WHERE id = ANY(%(ids)s)
"""
VOTES: LiteralString = f"""
SELECT action_id, "user", decision, reason, {_moment("voted_at")} AS voted_at FROM vote WHERE action_id = ANY(%(ids)s)
"""
# Rows that no entry names, and so no session.
LOOSE: LiteralString = """
SELECT 'action ' || id AS what FROM action
WHERE NOT EXISTS (SELECT FROM audit WHERE audit.action_id = action.id AND audit.kind = 'ask')
UNION ALL SELECT format('the vote of %%s on action %%s', "user", action_id) FROM vote
WHERE NOT EXISTS (SELECT FROM audit WHERE audit.action_id = vote.action_id AND audit.kind = 'ask')
UNION ALL SELECT 'grant ' || id FROM "grant"
WHERE NOT EXISTS (SELECT FROM audit WHERE audit.kind = 'grant' AND audit.body ->> 'grant' = "grant".id)
ORDER BY what
"""
GRANTS: LiteralString = f"""
SELECT id, session_id, team, tool, granted_by, body::text AS body, most_uses, uses, {_moment("expires_at")} AS expires_at,
       {_moment("granted_at")} AS granted_at, {_moment("revoked_at")} AS revoked_at, revoked_by
FROM "grant" WHERE id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """One place where the log does not hold, in words. `seq`: the entry, or the last one before what has none; 0 before all."""

    team: str
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """An entry as it is in the log."""

    team: str
    seq: int
    says: AuditEntry
    body: Mapping[str, Any]

    @property
    def binds(self) -> bool:
        """Return whether the entry holds the digest of its step."""
        return "step_sha256" in self.body


@dataclass(slots=True)
class SessionRows:
    """Everything that is stored of one session."""

    session_id: str
    entries: list[WrittenEntry] = field(default_factory=list[WrittenEntry])
    steps: list[StepLine] = field(default_factory=list[StepLine])
    actions: dict[str, ActionOf] = field(default_factory=dict[str, ActionOf])
    votes: dict[tuple[str, str], VoteOf] = field(default_factory=dict[tuple[str, str], VoteOf])
    grants: dict[str, GrantOf] = field(default_factory=dict[str, GrantOf])
    revoked: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])  # grant to (by, at)
    erased: bool = False  # what earlier entries are about is gone, as an entry says

    @property
    def team(self) -> str:
        """Return the workspace that the entries say, else the one in the session's name."""
        return self.entries[0].team if self.entries else self.session_id.partition(":")[0]


async def compared(connection: PgConnection) -> AsyncGenerator[Broken | Older | Erased]:
    """Compare the rows of every session with the log, in the transaction that the caller has opened."""
    older: defaultdict[str, int] = defaultdict(int)
    erased: defaultdict[str, int] = defaultdict(int)
    async with connection.cursor(name="sessions") as names:
        await names.execute(NAMES, {"kinds": list(LOADED)})
        while found := await names.fetchmany(SESSIONS):
            for rows in await _load_sessions(connection, [name for (name,) in found]):
                for broken in findings(rows):
                    yield broken
                erased[rows.team] += rows.erased
                for written in rows.entries:
                    older[written.team] += "step" in written.body and not written.binds
    for row in await _select(connection, LOOSE):
        yield Broken("-", 0, f"{row['what']} is in the table, and no entry names it")
    for team, count in sorted(older.items()):
        if count:
            yield Older(team, count)
    for team, count in sorted(erased.items()):
        if count:
            yield Erased(team, count)


async def _select(connection: PgConnection, statement: LiteralString, **values: Any) -> Sequence[Mapping[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


async def _load_sessions(connection: PgConnection, ids: Sequence[str]) -> Sequence[SessionRows]:
    sessions = {id: SessionRows(id) for id in ids}
    for row in await _select(connection, ENTRIES, ids=ids):
        says, rows = AuditEntry(**{each.name: row[each.name] for each in fields(AuditEntry)}), sessions[row["session_id"]]
        if says.kind == "erase":
            rows.entries.clear()
            rows.erased = True
        else:
            rows.entries.append(WrittenEntry(row["team"], row["seq"], says, json.loads(row["body"])))
    for row in await _select(connection, STEPS, ids=ids, kinds=list(LOADED)):
        sessions[row["session_id"]].steps.append(StepLine(**{each.name: row[each.name] for each in fields(StepLine)}))
    asked_in = {written.says.action_id: rows for rows in sessions.values() for written in rows.entries if written.says.action_id}
    for row in await _select(connection, ACTIONS, ids=list(asked_in)):
        asked_in[row["id"]].actions[row["id"]] = ActionOf(**{each.name: row[each.name] for each in fields(ActionOf)})
    for row in await _select(connection, VOTES, ids=list(asked_in)):
        vote = VoteOf(row["decision"], row["reason"], row["voted_at"])
        asked_in[row["action_id"]].votes[row["action_id"], row["user"]] = vote
    given_in = {
        str(written.body["grant"]): rows for rows in sessions.values() for written in rows.entries if "grant" in written.body
    }
    for row in await _select(connection, GRANTS, ids=list(given_in)):
        rows = given_in[row["id"]]
        rows.grants[row["id"]] = GrantOf(**{each.name: row[each.name] for each in fields(GrantOf)})
        rows.revoked[row["id"]] = (row["revoked_by"], row["revoked_at"])
    return list(sessions.values())


# ---------------------------------------------------------------------------------------------- one session


def findings(rows: SessionRows) -> Iterator[Broken]:
    """Yield what does not fit together in one session."""
    demanded = Demanded(rows.session_id, rows.team)
    for line in rows.steps:
        demanded.take(line)
    yield from _entries(rows, demanded)
    yield from _actions(rows, demanded)
    yield from _votes(rows, demanded)
    yield from _grants(rows, demanded)


def _entries(rows: SessionRows, demanded: Demanded) -> Iterator[Broken]:
    steps = {line.seq: line for line in rows.steps}
    by_step: dict[int, WrittenEntry] = {}
    for written in rows.entries:
        if (seq := written.body.get("step")) is None:
            continue
        if seq in by_step:
            yield Broken(written.team, written.seq, f"is about the same step as entry {by_step[seq].seq}")
        by_step[seq] = written
        if seq not in steps:
            yield Broken(written.team, written.seq, f"its step {seq} of session {rows.session_id} is not there")
        elif written.binds:
            yield from _differences_from_entry(rows, written, steps[seq], demanded)
    last = 0
    for line in rows.steps:
        if line.seq in by_step:
            last = by_step[line.seq].seq
        elif line.seq in demanded.entries:
            kind = demanded.entries[line.seq].kind
            what = f"no entry after this one is about step {line.seq} of session {rows.session_id}, which is a {kind}"
            yield Broken(rows.team, last, what)
        elif line.seq in demanded.unreadable:
            what = f"step {line.seq} of session {rows.session_id}: {demanded.unreadable[line.seq]}"
            yield Broken(rows.team, last, what)


def _differences_from_entry(rows: SessionRows, written: WrittenEntry, line: StepLine, demanded: Demanded) -> Iterator[Broken]:
    """Yield how a step differs from what was there when its entry was written."""
    where = f"step {line.seq} of session {rows.session_id}"
    sha256 = hashlib.sha256(line.body.encode()).hexdigest()
    changed = [
        name
        for name, now, then in (
            ("content", sha256, written.body["step_sha256"]),
            ("epoch", line.epoch, written.body["epoch"]),
            ("time", line.made_at, written.body["made_at"]),
        )
        if now != then
    ]
    if changed:
        yield Broken(written.team, written.seq, f"{where} was changed after this entry was made: its {' and '.join(changed)}")
    elif line.seq not in demanded.unreadable:
        says = demanded.entries.get(line.seq)
        differ = [
            each.name for each in fields(AuditEntry) if says and getattr(says, each.name) != getattr(written.says, each.name)
        ]
        if says is None or differ:
            yield Broken(written.team, written.seq, f"does not say what {where} says: {', '.join(differ) or 'it needs no entry'}")


@dataclass(frozen=True, slots=True)
class _About:
    """The entries about one action or grant."""

    first: WrittenEntry  # its ask, or the entry that gave it
    last: WrittenEntry


def _first_and_last(rows: SessionRows, kind: str, name: str) -> _About | None:
    """Return the first and last entry of an action (`ask`) or a grant (`grant`)."""
    if kind == "ask":
        those = [written for written in rows.entries if written.says.action_id == name]
    else:
        those = [written for written in rows.entries if written.body.get("grant") == name]
    first = next((written for written in those if written.says.kind == kind), None)
    return _About(first, those[-1]) if first else None


def _unlike(now: Any, then: Any) -> str:
    """Return the columns in which two rows differ."""
    return " and ".join(each.name for each in fields(now) if getattr(now, each.name) != getattr(then, each.name))


def _actions(rows: SessionRows, demanded: Demanded) -> Iterator[Broken]:
    for id in sorted({*rows.actions, *demanded.actions}):
        about = _first_and_last(rows, "ask", id)
        now, then = rows.actions.get(id), demanded.actions.get(id)
        if about is None or not about.first.binds:
            continue  # its step has no entry, which was said, or is one of before
        elif now is None:
            yield Broken(rows.team, about.first.seq, f"action {id}, which this entry asks for, is not there")
        elif then is not None and (unlike := _unlike(now, then)):
            what = f"the row of action {id} is not what the log up to this entry makes of it: {unlike}"
            yield Broken(rows.team, about.last.seq, what)


def _votes(rows: SessionRows, demanded: Demanded) -> Iterator[Broken]:
    for action_id, user in sorted({*rows.votes, *demanded.votes}):
        about = _first_and_last(rows, "ask", action_id)
        if about is None or not about.first.binds:
            continue  # what is wrong with it was said of its action
        now, then = rows.votes.get((action_id, user)), demanded.votes.get((action_id, user))
        seq = about.last.seq
        if now is None:
            yield Broken(rows.team, seq, f"the vote of {user} on action {action_id} is in the log, and not in the table")
        elif then is None:
            yield Broken(rows.team, seq, f"the vote of {user} on action {action_id} is in the table, and not in the log")
        elif unlike := _unlike(now, then):
            yield Broken(rows.team, seq, f"the vote of {user} on action {action_id} is not what the log says: {unlike}")


def _grants(rows: SessionRows, demanded: Demanded) -> Iterator[Broken]:
    for id in sorted({*rows.grants, *demanded.grants}):
        about = _first_and_last(rows, "grant", id)
        now, then = rows.grants.get(id), demanded.grants.get(id)
        if about is None or not about.first.binds:
            continue
        if now is None:
            yield Broken(rows.team, about.first.seq, f"grant {id}, which this entry gives, is not there")
            continue
        if then is not None and (unlike := _unlike(now, then)):
            what = f"the row of grant {id} is not what the log up to this entry makes of it: {unlike}"
            yield Broken(rows.team, about.last.seq, what)
        ends = [written for written in rows.entries if written.says.kind == "revoke" and written.body.get("grant") == id]
        ended = (ends[-1].says.actor, ends[-1].body.get("revoked_at", "")) if ends else ("", "")
        if rows.revoked[id] != ended:
            yield Broken(rows.team, about.last.seq, f"when and by whom grant {id} was revoked is not what the log says")
