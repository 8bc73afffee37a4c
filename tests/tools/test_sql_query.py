"""NAME__query: what it reads, how it says what went wrong, and that nothing which a model can write changes anything."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent.tool.definition import Effect
from tests.patience import PATIENCE_SECONDS
from tests.tools.desk import ROLE, Desk, desk
from tests.tools.proxy import Proxy

__all__ = ["desk"]


async def one(desk: Desk, expression: str) -> Any:
    """The value of an expression, as the model reads it."""
    result = await desk.query(f"SELECT {expression}")
    assert result.ok, result
    return json.loads(result.text())["result"]["rows"][0][0]


async def test_rows_come_with_the_names_of_their_columns(desk: Desk) -> None:
    result = await desk.query("SELECT id, status AS state, status AS state FROM orders ORDER BY id DESC;")
    assert result.result == {
        "columns": ["id", "state", "state"],
        "rows": [[3, "shipped", "shipped"], [2, "placed", "placed"], [1, "placed", "placed"]],
        "more": False,
    }


async def test_more_rows_than_the_limit_are_said_and_not_read(desk: Desk) -> None:
    result = await desk.query("SELECT generate_series(1, 1000000000)")  # at once, though nobody could read them all
    assert result.result == {"columns": ["generate_series"], "rows": [[1], [2], [3]], "more": True}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NULL", None),
        ("true", True),
        ("9223372036854775807", 9223372036854775807),
        ("12.30::numeric(10, 2)", "12.30"),
        ("'NaN'::numeric", "NaN"),
        ("0.1::float8 + 0.2::float8", 0.1 + 0.2),
        ("'Infinity'::float8", "Infinity"),
        ("12345678901234567890.5", "12345678901234567890.5"),
        ("date '2026-11-25'", "2026-11-25"),
        ("date 'infinity'", "infinity"),
        ("timestamptz '2026-11-25 10:00+01' AT TIME ZONE 'UTC'", "2026-11-25T09:00:00"),
        ("interval '1 day 2 hours'", "1 day 02:00:00"),
        (r"'\x00ff'::bytea", r"\x00ff"),
        ("ARRAY[1, NULL, 3]", [1, None, 3]),
        ("""'{"a": [1, "x"]}'::jsonb""", {"a": [1, "x"]}),
        ("'" + "9" * 5000 + "'::json", "9" * 5000),
        (r"""'"\ud800"'::json""", "�"),
        ("ROW(1, 'a')", {"f1": 1, "f2": "a"}),
        ("'100%'", "100%"),
    ],
)
async def test_every_kind_of_value_reaches_the_model_as_json(desk: Desk, expression: str, value: Any) -> None:
    assert await one(desk, expression) == value


async def test_a_value_of_megabytes_is_cut_by_postgres(desk: Desk) -> None:
    async with Proxy(desk.database.url) as proxy:
        value = await one(desk.limited(url=proxy.url, seconds=PATIENCE_SECONDS), "repeat('x', 100000000)")
    assert 20_000 < proxy.answered_bytes < 100_000
    assert len(value) < 21_000
    assert value.endswith("… (cut here)")


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("SELECT nosuch FROM orders", "invalid_input", 'at character 8 (42703): column "nosuch" does not exist'),
        ("SELECT * FROM nosuch", "invalid_input", 'at character 15 (42P01): relation "nosuch" does not exist'),
        ("SELEC 1", "invalid_input", 'at character 1 (42601): syntax error at or near "SELEC"'),
        ("SELECT 1 / 0", "invalid_input", "division by zero"),
        ("SELECT FROM orders", "invalid_input", "no columns"),
        ("SELECT * FROM private", "permission_denied", "permission denied for table private"),
        ("SELECT count(*) FROM generate_series(1, 100000000000)", "timeout", "longer than 0.5 seconds"),
        (" ; ", "invalid_input", "sql: Value error, must be a statement"),
        ("SELECT '\x00'", "invalid_input", "NUL"),
    ],
)
async def test_errors_are_structured_and_say_where(desk: Desk, statement: str, kind: str, words: str) -> None:
    result = await desk.limited(seconds=0.5).query(statement)
    assert (result.ok, result.error) == (False, kind)
    assert words in str(result.detail)


async def test_a_lock_of_somebody_else_is_not_waited_for(desk: Desk) -> None:
    async with await psycopg.AsyncConnection[Any].connect(desk.admin_url) as other:
        await other.execute("LOCK TABLE orders")
        result = await desk.limited(seconds=1).query("SELECT * FROM orders")
    assert (result.error, "lock" in str(result.detail)) == ("timeout", True)


HOSTILE = [
    "SELECT 1; DELETE FROM orders",
    "SELECT 1; COMMIT; DELETE FROM orders",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "DELETE FROM orders",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
    "SELECT * FROM orders) AS query(a, b, c); DELETE FROM orders; --",
    "SELECT 1 AS x) AS query(c0); COMMIT; DELETE FROM orders; SELECT * FROM (SELECT 1",
    "SELECT * INTO stolen FROM orders",
    "CREATE TABLE stolen AS SELECT * FROM orders",
    "CREATE TEMP TABLE stolen (a int)",
    "SELECT * FROM orders FOR UPDATE",
    "DO $$ BEGIN DELETE FROM orders; END $$",
    "CALL nosuch()",
    "PREPARE later AS DELETE FROM orders",
    "LISTEN news",
    "NOTIFY news, 'x'",
    "LOCK TABLE orders",
    "VACUUM",
    "COPY orders TO PROGRAM 'touch {file}'",
    "COPY orders TO '{file}'",
    "COPY orders TO STDOUT",
    "COPY (SELECT 1) TO PROGRAM 'touch {file}'",
    "SELECT query_to_xml('COPY (SELECT 1) TO PROGRAM ''touch {file}''', true, true, '')",
    "SELECT query_to_xml('DELETE FROM orders', true, true, '')",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 99)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('statement_timeout', '0', false)",
    "SELECT pg_catalog.set_config('role', 'postgres', false)",
    "SELECT \"set_config\"('role', 'postgres', false)",
    "SELECT U&\"set\\005fconfig\"('role', 'postgres', false)",
    "SELECT set_config/* */('role', 'postgres', false)",
    "SELECT '/*' || set_config('role', 'postgres', false) || '*/'",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_export(lo_from_bytea(0, 'x'), '{file}')",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
    "SELECT pg_notify('news', 'x')",
    "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock(1)",
    "SELECT pg_sleep(60)",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT ts_rewrite('a'::tsquery, 'DELETE FROM orders')",
    "SELECT unmarked()",
    "SELECT honest()",
]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where the server could write, no matter who it runs as."""
    folder = Path(tempfile.mkdtemp(prefix="signoff-sql-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("rights", ["separate role", "superuser"])
async def test_nothing_that_a_model_can_write_changes_anything(desk: Desk, open_folder: Path, rights: str) -> None:
    file = open_folder / "written"
    await desk.seen("CREATE FUNCTION unmarked() RETURNS int LANGUAGE sql AS 'DELETE FROM orders RETURNING 1'")
    await desk.seen("CREATE FUNCTION honest() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'")  # the one that may run
    before = await desk.state()
    asked = desk.as_superuser() if rights == "superuser" else desk
    async with await psycopg.AsyncConnection[Any].connect(desk.admin_url, autocommit=True) as listener:
        await listener.execute("LISTEN news")
        ran: list[str] = []
        for statement in HOSTILE:
            result = await asked.query(statement.replace("{file}", str(file)))
            if result.ok:
                ran.append(statement)
            assert await desk.state() == before, statement
        assert [note async for note in listener.notifies(timeout=0.1)] == []  # nor was its connection ended
    assert ran == ["SELECT honest()"]
    assert os.listdir(open_folder) == []


READ_ONLY_ALONE = [  # what no name gives away, because the team has hidden it in something that looks as if it only read
    ("CREATE FUNCTION liar() RETURNS int STABLE SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN "
     "EXECUTE 'DELETE FROM orders'; RETURN 1; END $$", "SELECT liar()"),
    ("CREATE FUNCTION h() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''numbers'')'; CREATE VIEW seen AS SELECT h()",
     "SELECT * FROM seen"),
    ("CREATE VIEW opened AS SELECT set_config('transaction_read_only', 'off', false)", "SELECT * FROM opened"),
    ("CREATE VIEW big AS SELECT lo_from_bytea(0, 'x')", "SELECT * FROM big"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "statement"), READ_ONLY_ALONE)
async def test_the_transaction_is_read_only_whatever_a_view_or_function_hides(desk: Desk, made: str, statement: str) -> None:
    await desk.seen(made)
    before = await desk.state()
    result = await desk.as_superuser().query(statement)
    assert not result.ok
    assert await desk.state() == before


async def test_locks_and_settings_of_one_call_are_gone_before_the_next(desk: Desk) -> None:
    await desk.seen("CREATE VIEW held AS SELECT pg_try_advisory_lock(7), set_config('search_path', 'elsewhere', false)")
    await desk.seen("GRANT SELECT ON held TO PUBLIC")
    for _ in range(2):
        assert (await desk.query("SELECT * FROM held")).result == {
            "columns": ["pg_try_advisory_lock", "set_config"],
            "rows": [[True, "elsewhere"]],
            "more": False,
        }
        await desk.seen("SELECT set_config('lock_timeout', '5s', false), pg_advisory_lock(7)")  # it is free, or soon
    assert (await desk.query("SELECT count(*) FROM orders")).ok


async def test_a_database_that_is_not_there_is_said_without_its_address(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    gone = desk.limited(url="postgresql://reader:topsecret@127.0.0.1:1/nowhere")
    for result in (await gone.query("SELECT 1"), await gone.execute("DELETE FROM orders")):
        assert result.error == "unexpected"
        assert "reports cannot be reached" in str(result.detail)
        for place in (result.text(), caplog.text, repr(gone.database), str(await gone.preview("DELETE FROM orders"))):
            assert "topsecret" not in place
            assert "127.0.0.1" not in place
    assert "reports cannot be reached" in caplog.text


def test_what_the_tools_say_of_themselves(desk: Desk) -> None:
    query, execute = desk.tools["reports__query"], desk.tools["reports__execute"]
    assert (query.effect, execute.effect, execute.repeatable, execute.reconcile) == (Effect.READ, Effect.WRITE, False, None)
    assert query.untrusted is not None
    assert query.untrusted(None) == "database reports"
    for tool in (query, execute):
        for word in (
            "reports__query",
            "reports__execute",
            "Comes back",
            "Calling it again" if tool is execute else "calling it again",
        ):
            assert word in tool.description or word == tool.name
        assert desk.database.url not in str(tool.schema())
        assert "at most 3 rows" in tool.description


# ---------------------------------------------------------------------------------------------- many at once


OURS = f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = '{ROLE}'"


async def test_a_crowd_of_reads_leaves_the_server_to_others(desk: Desk) -> None:
    """220 at once: a few connections at a time, each call has its result, and another client of the database gets in."""
    crowd = asyncio.gather(*(desk.query("SELECT count(*) FROM generate_series(1, 20000)") for _ in range(220)))
    most = 0
    while not crowd.done():
        async with await psycopg.AsyncConnection[Any].connect(desk.admin_url, autocommit=True) as other:
            [(ours,)] = await (await other.execute(OURS)).fetchall()
            most = max(most, ours)
    assert {json.dumps(result.result) for result in await crowd} == {'{"columns": ["count"], "rows": [[20000]], "more": false}'}
    assert 0 < most <= 10  # the five, and such as were closed just now


async def test_who_waits_too_long_for_a_connection_reads_so(desk: Desk) -> None:
    narrow = desk.limited(connections=1, wait_seconds=0.01)
    async with narrow.database.free:
        refused = await narrow.query("SELECT 1")
    assert (refused.ok, refused.error) == (False, "timeout")
    assert refused.detail == (
        "The database reports gives us 1 at a time of its connections, and other calls have them. Nothing was run; "
        "try again in a minute, and read with fewer calls at a time."
    )
    assert (await narrow.query("SELECT 1")).ok
