"""What is remembered beyond a conversation: items, tombstones, and values of people, channels and the workspace.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute("""
        CREATE TABLE memory (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            team text NOT NULL,
            channel text NOT NULL,
            kind text NOT NULL,
            subject text NOT NULL DEFAULT '',
            body text NOT NULL,
            digest text NOT NULL,
            source text NOT NULL,
            quote text NOT NULL,
            said_by text NOT NULL DEFAULT '',
            link text NOT NULL DEFAULT '',
            grouped text NOT NULL DEFAULT '',
            position bigint NOT NULL DEFAULT 0,
            confirmed bigint NOT NULL DEFAULT 1,
            learnt_at timestamptz NOT NULL DEFAULT now(),
            valid_until timestamptz,
            expires_at timestamptz,
            model text NOT NULL DEFAULT '',
            embedding vector
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX memory_once ON memory (team, channel, kind, digest) WHERE valid_until IS NULL AND kind = 'fact'
    """)
    op.execute("CREATE INDEX memory_source ON memory (team, source)")
    op.execute("CREATE INDEX memory_neighbours ON memory (team, channel, grouped, position)")
    op.execute("CREATE INDEX memory_expires ON memory (expires_at) WHERE expires_at IS NOT NULL")
    op.execute("""
        CREATE TABLE memory_said (
            item bigint NOT NULL REFERENCES memory (id) ON DELETE CASCADE,
            source text NOT NULL,
            PRIMARY KEY (item, source)
        )
    """)
    op.execute("""
        CREATE TABLE memory_gone (
            team text NOT NULL,
            source text NOT NULL,
            gone_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (team, source)
        )
    """)
    op.execute("""
        CREATE TABLE memory_value (
            team text NOT NULL,
            owner text NOT NULL,
            key text NOT NULL,
            kind text NOT NULL,
            channel text NOT NULL,
            value json NOT NULL,
            set_by text NOT NULL,
            set_at timestamptz NOT NULL DEFAULT now(),
            expires_at timestamptz,
            PRIMARY KEY (team, owner, key)
        )
    """)
    op.execute("CREATE INDEX memory_value_expires ON memory_value (expires_at) WHERE expires_at IS NOT NULL")


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
