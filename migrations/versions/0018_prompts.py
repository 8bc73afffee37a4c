"""Prompts: where their labels point, and which evals were passed.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE prompt_label (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            key text NOT NULL UNIQUE,
            prompt text NOT NULL,
            label text NOT NULL,
            version bigint,
            digest text NOT NULL DEFAULT '',
            share bigint NOT NULL,
            set_by text NOT NULL DEFAULT '',
            why text NOT NULL DEFAULT '',
            tested text NOT NULL DEFAULT '',
            at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX prompt_label_newest ON prompt_label (prompt, label, id);
        CREATE TABLE eval_run (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            key text NOT NULL,
            prompt text NOT NULL,
            digest text NOT NULL,
            model text NOT NULL,
            golden text NOT NULL,
            passed boolean NOT NULL,
            figures json NOT NULL,
            at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX eval_run_key ON eval_run (key, at);
    """)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
