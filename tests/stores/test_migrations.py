"""The schema: forward from nothing and from every earlier revision, and the same as the tables that the code names."""

import subprocess
import sys

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlmodel import SQLModel

import migrations
from agent.cases import tables as cases
from agent.conversation_log import tables as conversations
from agent.store import memory_tables as memory
from agent.store import tables as core
from bot.stores.schema import is_newest, newest
from tools.catalog import tables as shop

__all__ = ["cases", "conversations", "core", "memory", "shop"]  # imported for the tables that they register with SQLModel

# What a schema consists of, one line a thing, in Postgres' own words. The order of columns is left out: a migration can
# only append them.
SCHEMA = r"""
    SELECT 'column', format('%s.%s.%s', c.relnamespace::regnamespace, c.relname, a.attname),
           format('%s null:%s identity:%s generated:%s default:%s', format_type(a.atttypid, a.atttypmod),
                  NOT a.attnotnull, a.attidentity, a.attgenerated,
                  regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^''(\d+)''::bigint$', '\1'))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND {ours}
  UNION ALL
    SELECT 'constraint', format('%s.%s', c.relnamespace::regnamespace, c.relname), pg_get_constraintdef(o.oid)
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid WHERE o.contype <> 'n' AND {ours}
  UNION ALL
    SELECT 'index', format('%s.%s', c.relnamespace::regnamespace, c.relname), pg_get_indexdef(c.oid)
    FROM pg_class c WHERE c.relkind = 'i' AND {ours}
  UNION ALL
    SELECT 'sequence', format('%s.%s', c.relnamespace::regnamespace, c.relname),
           format('%s from %s by %s', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE {ours}
"""
OURS = """c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
          AND c.relname NOT LIKE 'alembic_version%'"""


def schema(database_url: str) -> set[tuple[str, str, str]]:
    with psycopg.connect(database_url) as database:
        return set(database.execute(SCHEMA.format(ours=OURS).encode()).fetchall())


@pytest.fixture
def declared(empty_database_url: str) -> set[tuple[str, str, str]]:
    """The schema as SQLModel makes it from the code's tables."""
    engine = create_engine(migrations.sqlalchemy_url(empty_database_url))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION vector")
        for name in sorted({table.schema for table in SQLModel.metadata.sorted_tables if table.schema}):
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        SQLModel.metadata.create_all(connection)
    engine.dispose()
    return schema(empty_database_url)


def test_the_migrated_schema_is_the_one_that_the_code_declares(database_url: str, declared: set[object]) -> None:
    migrated = schema(database_url)
    assert migrated - declared == set(), "migrated, but not in the code's tables"
    assert declared - migrated == set(), "in the code's tables, but no migration makes it"


@pytest.mark.parametrize("revision", ["base", *migrations.revisions()])
def test_every_revision_leads_forward_to_the_newest_schema(revision: str, empty_database_url: str, database_url: str) -> None:
    if revision != "base":
        migrations.upgrade(empty_database_url, revision)
        assert migrations.applied(empty_database_url) == {revision}

    migrations.upgrade(empty_database_url)
    assert schema(empty_database_url) == schema(database_url)


def test_the_newest_revision_is_the_one_that_the_files_name() -> None:
    assert newest() == migrations.revisions()[-1]


def test_a_database_is_pending_until_it_is_migrated(empty_database_url: str) -> None:
    assert migrations.pending(empty_database_url)
    assert not is_newest(empty_database_url)
    migrations.upgrade(empty_database_url, migrations.revisions()[0])
    assert migrations.pending(empty_database_url)
    assert not is_newest(empty_database_url)
    migrations.upgrade(empty_database_url)
    assert not migrations.pending(empty_database_url)
    assert is_newest(empty_database_url)


def test_a_failed_migration_leaves_nothing_behind(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as database:
        database.execute("CREATE TABLE vote (in_the_way text)")
    before = schema(empty_database_url)

    with pytest.raises(Exception, match='relation "vote" already exists'):
        migrations.upgrade(empty_database_url)
    assert schema(empty_database_url) == before
    assert migrations.applied(empty_database_url) == set()


def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    program = "import sys, migrations; migrations.upgrade(sys.argv[1])"
    together = [subprocess.Popen([sys.executable, "-c", program, empty_database_url]) for _ in range(4)]
    assert [process.wait() for process in together] == [0] * 4
    assert not migrations.pending(empty_database_url)


def test_the_revisions_are_one_line_without_branches() -> None:
    assert migrations.revisions() == sorted(migrations.revisions())


def test_model_calls_of_before_there_were_rows_for_them_are_taken_over(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, "0005")
    asked = '{"kind":"asked","said":[{"user":"U1","text":"hi","ts":"1.0"}],"budget_tokens":0}'
    started = '{"kind":"model_started","iteration":1,"reserved_tokens":900,"max_tokens":50}'
    usage = '"usage":{"input_tokens":10,"output_tokens":5,"cache_creation_input_tokens":2,"cache_read_input_tokens":11}'
    reply = (
        '{"kind":"model_replied","content":[{"type":"text","text":"\\"usage\\":{\\u0000}"}],"stop_reason":"end_turn",'
        + usage
        + "}"
    )
    halted = '{"kind":"halted","error":"Stopped","sentence":"x","offer_continue":false}'
    # Answered; found after a crash and made again; given up; under way.
    log = [asked, started, reply, asked, started, started, reply, asked, started, halted, asked, started]
    with psycopg.connect(empty_database_url) as database:
        database.execute('INSERT INTO pin VALUES (\'P1\', \'{"model": "m", "agent": "a"}\')')
        database.execute("INSERT INTO session (id, team, channel, thread_ts, pin_id) VALUES ('S1', 'T1', 'C1', '1.0', 'P1')")
        for seq, body in enumerate(log, 1):
            database.execute("INSERT INTO step (session_id, seq, epoch, body) VALUES ('S1', %s, 1, %s)", (seq, body))

    migrations.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as database:
        rows = database.execute("""
            SELECT seq, team, payer, agent, model, reserved_tokens, settled_at IS NULL, tokens, nano_usd, cache_read_input_tokens
            FROM usage ORDER BY seq
        """).fetchall()
    who = ("T1", "U1", "a", "m", 900)
    assert rows == [
        (2, *who, False, 19, 0, 11),
        (5, *who, False, 900, 0, None),
        (6, *who, False, 19, 0, 11),
        (9, *who, False, 900, 0, None),
        (12, *who, False, 900, 0, None),
    ]


def test_what_was_remembered_before_it_could_be_searched_has_its_words(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, "0013")
    with psycopg.connect(empty_database_url) as database:
        database.execute("""
            INSERT INTO memory (team, channel, kind, body, digest, source, quote, valid_until)
            VALUES ('T1', 'C1', 'fact', 'a green lamp', '1', 'S', '', NULL), ('T1', 'C1', 'fact', 'a desk', '2', 'S', '', now())
        """)

    migrations.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as database:
        assert database.execute("SELECT word, times FROM memory_word ORDER BY word").fetchall() == [("green", 1), ("lamp", 1)]
        assert database.execute("SELECT channel, items, words FROM memory_scope").fetchall() == [("C1", 1, 2)]


def test_what_was_remembered_before_there_were_narrow_rows_is_in_them(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, "0019")
    with psycopg.connect(empty_database_url) as database:
        database.execute("""
            INSERT INTO memory
                (team, channel, kind, body, digest, source, quote, grouped, position, model, embedding, valid_until, expires_at)
            VALUES ('T1', 'C1', 'document', 'a green lamp', '1', 'S', '', 'D', 1, 'm', '[1,0]', NULL, '2030-01-01'),
                ('T1', 'C1', 'document', 'a lamp', '2', 'S', '', 'D', 3, '', NULL, NULL, NULL),
                ('T1', 'C1', 'fact', 'a desk', '3', 'S', '', '', 0, 'm', '[1,0]', now(), NULL)
        """)

    migrations.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as database:
        rows = database.execute("""
            SELECT item, place - min(place) OVER (), expires_at = '2030-01-01', expires_at = 'infinity', length, model,
                embedding::text
            FROM memory_narrow WHERE scope = (SELECT id FROM memory_scope) ORDER BY item
        """).fetchall()
        assert rows == [(1, 0, True, False, 2, "m", "[1,0]"), (2, 2, False, True, 1, "", None)]
        words = database.execute("""
            SELECT word, item, times, word.expires_at = narrow.expires_at, word.scope = narrow.scope, word.place = narrow.place
            FROM memory_word AS word JOIN memory_narrow AS narrow USING (item) ORDER BY word, item
        """).fetchall()
        assert words == [("green", 1, 1, True, True, True), ("lamp", 1, 1, True, True, True), ("lamp", 2, 1, True, True, True)]
