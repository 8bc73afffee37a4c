"""Sessions and their queue, pins, inbox, steps, actions and votes.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE session (
    id text PRIMARY KEY,
    team text NOT NULL,
    channel text NOT NULL,
    thread_ts text NOT NULL,
    pin_id text,
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    wake_at timestamptz,
    wakes bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX session_due ON session (team, wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE pin (
    id text PRIMARY KEY,
    body json NOT NULL
);

CREATE TABLE inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    session_id text NOT NULL,
    body json NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    taken_at timestamptz
);
CREATE INDEX inbox_open ON inbox (session_id, id) WHERE taken_at IS NULL;

CREATE TABLE step (
    session_id text NOT NULL,
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    body json NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, seq)
);

CREATE TABLE action (
    id text PRIMARY KEY,
    session_id text NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    digest text NOT NULL,
    quorum bigint NOT NULL DEFAULT 1,
    body json NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text NOT NULL DEFAULT '',
    started_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX action_open ON action (session_id) WHERE status = 'pending';

CREATE TABLE vote (
    action_id text NOT NULL,
    "user" text NOT NULL,
    decision text NOT NULL,
    reason text NOT NULL DEFAULT '',
    voted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (action_id, "user")
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE vote, action, step, inbox, pin, session")
