"""What memory is searched by: the words of each item, where each word stands, and how much there is in each channel.

The database keeps this up by itself, whoever writes to `memory`: an item that is gone or no longer true has no word left here.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # English endings and words that tell nothing are taken off; words of other languages are compared as good as plain.
    # The embedding is read of all items and the rest of a row of few: it is the rest that may be stored elsewhere.
    op.execute("""
        ALTER TABLE memory
            ADD words tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('english'::regconfig, body)) STORED,
            ALTER embedding SET STORAGE MAIN
    """)
    op.execute("CREATE INDEX memory_model ON memory (model) WHERE valid_until IS NULL")
    op.execute("""
        CREATE TABLE memory_scope (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            team text NOT NULL,
            channel text NOT NULL,
            items bigint NOT NULL DEFAULT 0,
            words bigint NOT NULL DEFAULT 0
        )
    """)
    op.execute("CREATE UNIQUE INDEX memory_scope_once ON memory_scope (team, channel)")
    op.execute("""
        CREATE TABLE memory_word (
            word text COLLATE "C" NOT NULL,
            scope bigint NOT NULL,
            item bigint NOT NULL,
            expires_at timestamptz NOT NULL,
            times bigint NOT NULL,
            CONSTRAINT memory_word_pkey PRIMARY KEY (word, scope, item, expires_at)
        )
    """)
    op.execute("""
        CREATE TYPE memory_change AS (
            sign integer, item bigint, team text, channel text, words tsvector, expires_at timestamptz
        )
    """)
    # Only what is true by now counts. Scopes are locked in one order, so that two writers never wait for each other.
    op.execute("""
        CREATE FUNCTION memory_indexed() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE changes memory_change[];
        BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                TRUNCATE memory_word, memory_scope;
                RETURN NULL;
            ELSIF TG_OP = 'INSERT' THEN
                changes := ARRAY(
                    SELECT row(1, id, team, channel, words, coalesce(expires_at, 'infinity'))::memory_change
                    FROM come WHERE valid_until IS NULL
                );
            ELSIF TG_OP = 'DELETE' THEN
                changes := ARRAY(
                    SELECT row(-1, id, team, channel, words, coalesce(expires_at, 'infinity'))::memory_change
                    FROM gone WHERE valid_until IS NULL
                );
            ELSE
                changes := ARRAY(
                    SELECT one.change FROM gone JOIN come USING (id) CROSS JOIN LATERAL (VALUES
                        (gone.valid_until, row(-1, id, gone.team, gone.channel, gone.words, coalesce(gone.expires_at, 'infinity'))
                            ::memory_change),
                        (come.valid_until, row(1, id, come.team, come.channel, come.words, coalesce(come.expires_at, 'infinity'))
                            ::memory_change)
                    ) AS one (valid_until, change)
                    WHERE one.valid_until IS NULL
                        AND (gone.team, gone.channel, gone.words, gone.expires_at, gone.valid_until IS NULL)
                        IS DISTINCT FROM (come.team, come.channel, come.words, come.expires_at, come.valid_until IS NULL)
                );
            END IF;
            IF cardinality(changes) = 0 THEN
                RETURN NULL;
            END IF;
            INSERT INTO memory_scope AS scope (team, channel, items, words)
                SELECT team, channel, sum(sign), sum(sign * length(words)) FROM unnest(changes)
                GROUP BY team, channel ORDER BY team, channel
                ON CONFLICT (team, channel) DO UPDATE
                    SET items = scope.items + excluded.items, words = scope.words + excluded.words;
            DELETE FROM memory_word USING unnest(changes) AS change
                JOIN memory_scope AS scope USING (team, channel) CROSS JOIN unnest(change.words) AS said
                WHERE change.sign < 0 AND memory_word.word = said.lexeme AND memory_word.scope = scope.id
                    AND memory_word.item = change.item;
            INSERT INTO memory_word (word, scope, item, expires_at, times)
                SELECT said.lexeme, scope.id, change.item, change.expires_at, cardinality(said.positions)
                FROM unnest(changes) AS change
                JOIN memory_scope AS scope USING (team, channel) CROSS JOIN unnest(change.words) AS said
                WHERE change.sign > 0;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER memory_learnt AFTER INSERT ON memory REFERENCING NEW TABLE AS come
        FOR EACH STATEMENT EXECUTE FUNCTION memory_indexed()
    """)
    op.execute("""
        CREATE TRIGGER memory_changed AFTER UPDATE ON memory REFERENCING OLD TABLE AS gone NEW TABLE AS come
        FOR EACH STATEMENT EXECUTE FUNCTION memory_indexed()
    """)
    op.execute("""
        CREATE TRIGGER memory_forgotten AFTER DELETE ON memory REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION memory_indexed()
    """)
    op.execute("CREATE TRIGGER memory_emptied AFTER TRUNCATE ON memory EXECUTE FUNCTION memory_indexed()")
    # What is remembered already.
    op.execute("""
        INSERT INTO memory_scope (team, channel, items, words)
        SELECT team, channel, count(*), sum(length(words)) FROM memory WHERE valid_until IS NULL GROUP BY team, channel
    """)
    op.execute("""
        INSERT INTO memory_word (word, scope, item, expires_at, times)
        SELECT said.lexeme, scope.id, memory.id, coalesce(memory.expires_at, 'infinity'), cardinality(said.positions) FROM memory
        JOIN memory_scope AS scope USING (team, channel) CROSS JOIN unnest(memory.words) AS said
        WHERE memory.valid_until IS NULL
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
