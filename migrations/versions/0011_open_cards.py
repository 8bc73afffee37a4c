"""Who asked for an action is a column, so that the cards of one person that wait can be counted; and whether it ran without a
card, so that figures of cards leave it out.

Actions of before have nobody in it: those that still wait do not count.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


# `ran` was the last field of an action's text.
RAN = """
ALTER TABLE action ADD COLUMN ran boolean NOT NULL DEFAULT false;
UPDATE action SET ran = true WHERE right(body::text, 11) = '"ran":true}';
"""


def upgrade() -> None:
    op.execute("ALTER TABLE action ADD COLUMN asker text NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX action_asker ON action (asker) WHERE status = 'pending'")
    op.get_bind().exec_driver_sql(RAN)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
