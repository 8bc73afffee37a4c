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
            times bigint NOT NULL,
            CONSTRAINT memory_word_pkey PRIMARY KEY (word, scope, item)
        )
    """)
    op.execute("CREATE TYPE memory_change AS (sign integer, item bigint, team text, channel text, words tsvector)")
    # Only what is true by now counts. Scopes are locked in one order, so that two writers never wait for each other.
    op.execute("""
        CREATE FUNCTION memory_indexed() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE changes memory_change[];
        BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                TRUNCATE memory_word, memory_scope;
                RETURN NULL;
            ELSIF TG_OP = 'INSERT' THEN
                changes := ARRAY(SELECT row(1, id, team, channel, words)::memory_change FROM come WHERE valid_until IS NULL);
            ELSIF TG_OP = 'DELETE' THEN
                changes := ARRAY(SELECT row(-1, id, team, channel, words)::memory_change FROM gone WHERE valid_until IS NULL);
            ELSE
                changes := ARRAY(
                    SELECT row(-1, gone.id, gone.team, gone.channel, gone.words)::memory_change
                    FROM gone JOIN come USING (id)
                    WHERE gone.valid_until IS NULL AND (gone.team, gone.channel, gone.words, NULL::timestamptz)
                        IS DISTINCT FROM (come.team, come.channel, come.words, come.valid_until)
                    UNION ALL
                    SELECT row(1, come.id, come.team, come.channel, come.words)::memory_change
                    FROM come JOIN gone USING (id)
                    WHERE come.valid_until IS NULL AND (come.team, come.channel, come.words, NULL::timestamptz)
                        IS DISTINCT FROM (gone.team, gone.channel, gone.words, gone.valid_until)
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
            INSERT INTO memory_word (word, scope, item, times)
                SELECT said.lexeme, scope.id, change.item, cardinality(said.positions) FROM unnest(changes) AS change
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
        INSERT INTO memory_word (word, scope, item, times)
        SELECT said.lexeme, scope.id, memory.id, cardinality(said.positions) FROM memory
        JOIN memory_scope AS scope USING (team, channel) CROSS JOIN unnest(memory.words) AS said
        WHERE memory.valid_until IS NULL
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
