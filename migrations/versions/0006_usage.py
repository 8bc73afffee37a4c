"""Usage: a row for each model call, and budgets that admins raised; what the log says of calls before is taken over.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE usage (
    session_id text NOT NULL,
    seq bigint NOT NULL,
    team text NOT NULL,
    payer text NOT NULL,
    agent text NOT NULL,
    model text NOT NULL,
    purpose text NOT NULL DEFAULT 'reply',
    iteration bigint NOT NULL DEFAULT 1,
    started_at timestamptz NOT NULL,
    reserved_tokens bigint NOT NULL,
    reserved_nano_usd bigint NOT NULL DEFAULT 0,
    settled_at timestamptz,
    tokens bigint,
    nano_usd bigint,
    input_tokens bigint,
    output_tokens bigint,
    cache_creation_input_tokens bigint,
    cache_read_input_tokens bigint,
    notes text[] NOT NULL DEFAULT '{}',
    capped boolean NOT NULL DEFAULT false,
    PRIMARY KEY (session_id, seq)
);
CREATE INDEX usage_team ON usage (team, started_at);
CREATE INDEX usage_payer ON usage (team, payer, started_at);
CREATE INDEX usage_settled ON usage (settled_at);

CREATE TABLE budget_raise (
    key text PRIMARY KEY,
    team text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    period text NOT NULL,
    tokens bigint NOT NULL DEFAULT 0,
    nano_usd bigint NOT NULL DEFAULT 0,
    raised_by text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX budget_raise_period ON budget_raise (team, period, kind, subject);

CREATE TABLE chore (
    key text PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz
);
"""

AUDIT = """
CREATE FUNCTION budget_raise_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (team, kind, actor, rule, body)
    VALUES (NEW.team, 'raise', NEW.raised_by, 'budget ' || NEW.kind,
            json_build_object('subject', NEW.subject, 'period', NEW.period,
                              'tokens', NEW.tokens, 'nano_usd', NEW.nano_usd));
    RETURN NULL;
END $$;
CREATE TRIGGER budget_raise_audited AFTER INSERT ON budget_raise FOR EACH ROW EXECUTE FUNCTION budget_raise_audited();
"""

# Model calls of before, from the log: one that no reply follows is charged as it was reserved, also one that is under way just
# now: its start names no bill, so nobody would settle it. Who paid: whoever asked last before it. What those calls cost in money
# is not known.
BEFORE = r"""
WITH told AS (
    SELECT session_id, seq, made_at, body,
           lead(body) OVER w AS after_body, lead(made_at) OVER w AS after_at
    FROM step
    WHERE starts_with(body::text, '{"kind":"model_started"') OR starts_with(body::text, '{"kind":"model_replied"')
       OR starts_with(body::text, '{"kind":"halted"')
    WINDOW w AS (PARTITION BY session_id ORDER BY seq)),
started AS (
    SELECT told.*, CASE WHEN starts_with(after_body::text, '{"kind":"model_replied"')
        THEN regexp_replace(after_body::text, '.*,"usage":(\{[^{}]*\})\}$', '\1')::json END AS usage
    FROM told WHERE starts_with(body::text, '{"kind":"model_started"'))
INSERT INTO usage (session_id, seq, team, payer, agent, model, iteration, started_at, reserved_tokens, settled_at, tokens,
                   nano_usd, input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens)
SELECT started.session_id, started.seq, session.team, coalesce(asked.payer, ''), coalesce(pin.body ->> 'agent', ''),
       coalesce(pin.body ->> 'model', ''), (started.body ->> 'iteration')::bigint, made_at,
       (started.body ->> 'reserved_tokens')::bigint, coalesce(after_at, made_at),
       CASE WHEN usage IS NULL THEN (started.body ->> 'reserved_tokens')::bigint
           ELSE (usage ->> 'input_tokens')::bigint + (usage ->> 'output_tokens')::bigint
                + coalesce((usage ->> 'cache_creation_input_tokens')::bigint, 0)
                + (coalesce((usage ->> 'cache_read_input_tokens')::bigint, 0) + 9) / 10 END,
       0,
       (usage ->> 'input_tokens')::bigint, (usage ->> 'output_tokens')::bigint,
       (usage ->> 'cache_creation_input_tokens')::bigint, (usage ->> 'cache_read_input_tokens')::bigint
FROM started JOIN session ON session.id = started.session_id
LEFT JOIN LATERAL (SELECT body FROM pin WHERE pin.id = session.pin_id) AS pin ON true
LEFT JOIN LATERAL (
    SELECT substring(asked.body::text FROM '"user":"([^"\\]*)"') AS payer FROM step AS asked
    WHERE asked.session_id = started.session_id AND asked.seq < started.seq
      AND starts_with(asked.body::text, '{"kind":"asked"') ORDER BY asked.seq DESC LIMIT 1) AS asked ON true
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(AUDIT)
    op.get_bind().exec_driver_sql(BEFORE)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
