"""A session that ends whatever claims it is set aside: how many claims in a row ended without a step is on its row.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE session ADD COLUMN failures bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE session ADD COLUMN claimed_seq bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE session ADD COLUMN aside_at timestamptz")
    op.execute("CREATE INDEX session_failing ON session (id) WHERE failures > 0")


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
