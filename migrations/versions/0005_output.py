"""Long results of tools, whole: the log and the model have their head and tail, and page through the rest.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE output (
            session_id text NOT NULL,
            id text NOT NULL,
            text text NOT NULL,
            made_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (session_id, id)
        )
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
