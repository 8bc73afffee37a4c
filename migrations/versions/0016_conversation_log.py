"""The conversation log: a row a message, and up to which step each session's are written.

Revision ID: 0016
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE conversation_message (
            session_id text NOT NULL,
            seq bigint NOT NULL,
            part bigint NOT NULL,
            at timestamptz NOT NULL,
            turn bigint NOT NULL,
            trace_id text NOT NULL,
            agent text NOT NULL DEFAULT '',
            prompt text NOT NULL DEFAULT '',
            prompt_digest text NOT NULL DEFAULT '',
            role text NOT NULL,
            tool text NOT NULL DEFAULT '',
            outcome text NOT NULL DEFAULT '',
            ids json NOT NULL,
            words json NOT NULL,
            PRIMARY KEY (session_id, seq, part)
        );
        CREATE INDEX conversation_message_agent ON conversation_message (agent, at);
        CREATE INDEX conversation_message_at ON conversation_message (at);
        CREATE INDEX conversation_message_trace ON conversation_message (trace_id);
        CREATE TABLE conversation_position (session_id text PRIMARY KEY, seq bigint NOT NULL);
        CREATE INDEX step_made ON step USING brin (made_at);
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
