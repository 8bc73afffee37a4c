"""What people of a channel want the agent to do there, a row a version.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE channel_instruction (
            team text NOT NULL,
            channel text NOT NULL,
            version bigint NOT NULL,
            text text NOT NULL,
            digest text NOT NULL,
            set_by text NOT NULL,
            set_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (team, channel, version)
        )
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
