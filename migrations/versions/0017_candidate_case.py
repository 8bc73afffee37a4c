"""Answers that people call wrong: a row a case, and what of people's ratings has not been told on yet.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE candidate_case (
            session_id text NOT NULL,
            turn bigint NOT NULL,
            filed_by text NOT NULL,
            team text NOT NULL,
            trace_id text NOT NULL,
            at timestamptz NOT NULL,
            agent text NOT NULL DEFAULT '',
            prompt text NOT NULL DEFAULT '',
            prompt_digest text NOT NULL DEFAULT '',
            model text NOT NULL DEFAULT '',
            words json NOT NULL,
            state text NOT NULL DEFAULT 'new',
            PRIMARY KEY (session_id, turn, filed_by)
        );
        CREATE INDEX candidate_case_state ON candidate_case (state, at);
        CREATE INDEX candidate_case_trace ON candidate_case (trace_id);
        ALTER TABLE feedback ADD COLUMN wrong json, ADD COLUMN told_at timestamptz;
        UPDATE feedback SET told_at = at;
        CREATE INDEX feedback_untold ON feedback (at) WHERE told_at IS NULL;
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
