"""What people say of an answer, with the model and the prompt that made it.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE feedback (
            session_id text NOT NULL,
            turn bigint NOT NULL,
            "user" text NOT NULL,
            value text NOT NULL,
            reason text NOT NULL DEFAULT '',
            prompt text NOT NULL DEFAULT '',
            prompt_digest text NOT NULL DEFAULT '',
            model text NOT NULL DEFAULT '',
            at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (session_id, turn, "user")
        )
    """)
    op.execute("CREATE INDEX feedback_of_prompt ON feedback (prompt_digest, at)")


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
