"""Claims are fair between channels: sessions that people wait for, by their channel.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX session_woken ON session (team, channel, woken_at, wake_at) WHERE woken_at IS NOT NULL")


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
