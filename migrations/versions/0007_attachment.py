"""The bytes of files that people attach: the log names them, and they are sent to the model with every request that shows them.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE attachment (
            session_id text NOT NULL,
            id text NOT NULL,
            data bytea NOT NULL,
            made_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (session_id, id)
        )
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
