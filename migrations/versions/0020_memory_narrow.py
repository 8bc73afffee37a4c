"""What a look at all items needs, in narrow rows beside the wide ones of `memory`, and where each word stands in its group.

A row of `memory` is of a dozen texts; what a look at thousands of them needs is a vector, a length and a place. A place is a
number: items of one group are as far apart there as their positions are, and all others are nowhere near. So neighbours are found
by one number instead of by a channel, a group and a position.

What is remembered already is carried over in one go, since nobody may write meanwhile: Postgres reads each item once, and holds
none. For 1,000,000 items that takes a minute or two, once.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NARROW = """
    SELECT memory.id, scope.id, memory_place(memory.id, channel, grouped, position), coalesce(memory.expires_at, 'infinity'),
        length(memory.words), embedding, model
    FROM memory JOIN memory_scope AS scope USING (team, channel)
"""


def upgrade() -> None:
    op.execute("LOCK TABLE memory IN SHARE ROW EXCLUSIVE MODE")
    # The hash of a channel and a group has 62 bits, so that a position can be added to it. Should two groups lie within reach of
    # each other, which happens to one of many millions, an item counts as a neighbour of another one that may be seen as well.
    op.execute("""
        CREATE FUNCTION memory_place(item bigint, channel text, grouped text, place_in_group bigint) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT CASE WHEN grouped = '' THEN -3 * item
                ELSE (hashtextextended(channel || ' ' || grouped, 0) & 4611686018427387903) + place_in_group END
        $$
    """)
    # What is read of every row comes first, and is of fixed length.
    op.execute("""
        CREATE TABLE memory_narrow (
            item bigint PRIMARY KEY,
            scope bigint NOT NULL,
            place bigint NOT NULL,
            expires_at timestamptz NOT NULL,
            length integer NOT NULL,
            embedding vector,
            model text NOT NULL
        )
    """)
    op.execute("ALTER TABLE memory_narrow ALTER embedding SET STORAGE MAIN")
    op.execute(f"INSERT INTO memory_narrow {NARROW} WHERE valid_until IS NULL ORDER BY memory.id")
    op.execute("CREATE INDEX memory_narrow_place ON memory_narrow (scope, place)")
    # The index holds all that is read of a word: its rows lie wherever their items were written.
    op.execute("ALTER TABLE memory_word RENAME TO memory_word_before")
    op.execute("""
        CREATE TABLE memory_word (
            word text COLLATE "C" NOT NULL,
            scope bigint NOT NULL,
            item bigint NOT NULL,
            expires_at timestamptz NOT NULL,
            times bigint NOT NULL,
            place bigint NOT NULL
        )
    """)
    op.execute("""
        INSERT INTO memory_word SELECT word, before.scope, item, before.expires_at, times, place
        FROM memory_word_before AS before JOIN memory_narrow USING (item)
    """)
    op.execute("DROP TABLE memory_word_before")
    op.execute("""
        ALTER TABLE memory_word
            ADD CONSTRAINT memory_word_pkey PRIMARY KEY (word, scope, item) INCLUDE (expires_at, times, place)
    """)
    # Only what is true by now counts. Scopes are locked in one order, so that two writers never wait for each other.
    op.execute(f"""
        CREATE OR REPLACE FUNCTION memory_indexed() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE changes memory_change[];
        BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                TRUNCATE memory_narrow, memory_word, memory_scope;
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
                UPDATE memory_narrow SET embedding = come.embedding, model = come.model
                    FROM gone JOIN come USING (id)
                    WHERE item = id AND come.valid_until IS NULL
                        AND (gone.model, gone.embedding) IS DISTINCT FROM (come.model, come.embedding);
                changes := ARRAY(
                    SELECT one.change FROM gone JOIN come USING (id) CROSS JOIN LATERAL (VALUES
                        (gone.valid_until, row(-1, id, gone.team, gone.channel, gone.words, coalesce(gone.expires_at, 'infinity'))
                            ::memory_change),
                        (come.valid_until, row(1, id, come.team, come.channel, come.words, coalesce(come.expires_at, 'infinity'))
                            ::memory_change)
                    ) AS one (valid_until, change)
                    WHERE one.valid_until IS NULL
                        AND (gone.team, gone.channel, gone.grouped, gone.position, gone.words, gone.expires_at,
                            gone.valid_until IS NULL) IS DISTINCT FROM (come.team, come.channel, come.grouped, come.position,
                            come.words, come.expires_at, come.valid_until IS NULL)
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
            DELETE FROM memory_narrow USING unnest(changes) AS change
                WHERE change.sign < 0 AND memory_narrow.item = change.item;
            INSERT INTO memory_narrow {NARROW}
                WHERE memory.id = ANY(ARRAY(SELECT item FROM unnest(changes) WHERE sign > 0));
            INSERT INTO memory_word (word, scope, item, expires_at, times, place)
                SELECT said.lexeme, narrow.scope, change.item, change.expires_at, cardinality(said.positions), narrow.place
                FROM unnest(changes) AS change
                JOIN memory_narrow AS narrow USING (item) CROSS JOIN unnest(change.words) AS said
                WHERE change.sign > 0;
            RETURN NULL;
        END $$
    """)
    op.execute("ANALYZE memory_narrow, memory_word")


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
