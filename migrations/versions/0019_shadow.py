"""Hidden runs of prompts that are tried in shadow: figures, and nobody's words.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE shadow_run (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            session_id text NOT NULL,
            turn bigint NOT NULL,
            prompt text NOT NULL,
            version bigint NOT NULL,
            digest text NOT NULL,
            status text NOT NULL,
            tries bigint NOT NULL DEFAULT 1,
            lease_until timestamptz NOT NULL,
            charged_tokens bigint NOT NULL DEFAULT 0,
            why text NOT NULL DEFAULT '',
            figures json NOT NULL DEFAULT '{}',
            begun_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE UNIQUE INDEX shadow_run_once ON shadow_run (session_id, turn, digest);
        CREATE UNIQUE INDEX shadow_run_alone ON shadow_run (status) WHERE status = 'running';
        CREATE INDEX shadow_run_begun ON shadow_run (begun_at);
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
