"""The audit log: an append-only hash chain per workspace, written by the database itself as steps are.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE audit (
    team text NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL DEFAULT '',
    session_id text NOT NULL DEFAULT '',
    action_id text NOT NULL DEFAULT '',
    call_id text NOT NULL DEFAULT '',
    tool text NOT NULL DEFAULT '',
    digest text NOT NULL DEFAULT '',
    rule text NOT NULL DEFAULT '',
    body json NOT NULL DEFAULT '{}',
    previous_hash text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (team, seq)
);
CREATE INDEX audit_ask ON audit (action_id) WHERE kind = 'ask';
CREATE INDEX audit_call ON audit (session_id, call_id) WHERE kind = 'ask';

CREATE TABLE audit_head (
    team text PRIMARY KEY,
    seq bigint NOT NULL,
    hash text NOT NULL
);
"""

# Each field is preceded by its length, so that no two different entries have one text. `agent.reports.audit` computes the same.
CHAIN = """
CREATE FUNCTION audit_hash(entry audit) RETURNS text LANGUAGE sql AS $$
    SELECT encode(sha256(convert_to(string_agg(length(field) || ':' || field, ',' ORDER BY place), 'UTF8')), 'hex')
    FROM unnest(ARRAY[
        entry.team, entry.seq::text, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), entry.kind,
        entry.actor, entry.session_id, entry.action_id, entry.call_id, entry.tool, entry.digest, entry.rule,
        entry.body::text, entry.previous_hash]) WITH ORDINALITY AS fields (field, place)
$$;

-- Whoever inserts has no say in place, time and hashes. The head's row is locked until the transaction ends: one chain.
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_head AS head (team, seq, hash) VALUES (NEW.team, 1, '')
    ON CONFLICT (team) DO UPDATE SET seq = head.seq + 1
    RETURNING head.seq, head.hash INTO NEW.seq, NEW.previous_hash;
    NEW.at := clock_timestamp();
    NEW.hash := audit_hash(NEW);
    UPDATE audit_head SET hash = NEW.hash WHERE team = NEW.team;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_chained BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_kept BEFORE DELETE OR TRUNCATE ON audit_head EXECUTE FUNCTION audit_refuse();
"""

# Reasons and results may hold personal data: their hashes are kept, not their words. An entry about an action repeats the
# session, tool, digest and rule of its `ask`. A result names its call only; one of a call that was never asked for is not ours.
STEPS = r"""
CREATE FUNCTION audit_step(made step) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    -- A NUL in the arguments is good JSON, but Postgres takes no field out of JSON that holds one.
    said json := CASE WHEN strpos(made.body::text, '\u0000') = 0 THEN made.body
        ELSE regexp_replace(made.body::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::json END;
    concerned text := coalesce(said ->> 'action_id', (
        SELECT action_id FROM audit
        WHERE kind = 'ask' AND session_id = made.session_id AND call_id = said ->> 'call_id' ORDER BY seq DESC LIMIT 1));
    details json := json_strip_nulls(json_build_object(
        'step', made.seq,
        'epoch', made.epoch,
        'requesters', said -> 'requesters',
        'approvers', said #> '{verdict,approvers}',
        'quorum', said #> '{verdict,quorum}',
        'expires_at', said -> 'expires_at',
        'decision', said -> 'decision',
        'reason_sha256', encode(sha256(convert_to(nullif(said ->> 'reason', ''), 'UTF8')), 'hex'),
        'idempotency_key', said -> 'idempotency_key',
        'outcome', said -> 'outcome',
        'result_sha256', encode(sha256(convert_to(said ->> 'text', 'UTF8')), 'hex'),
        'answer', said -> 'answer'));
BEGIN
    IF concerned IS NULL OR said ->> 'kind' = 'card_shown' THEN
        RETURN;
    ELSIF said ->> 'kind' = 'proposed_action' THEN
        INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body)
        SELECT session.team, 'ask', coalesce(said #>> '{requesters,0}', ''), session.id, concerned, said ->> 'call_id',
               said ->> 'tool', said ->> 'digest', said #>> '{verdict,rule}', details
        FROM session WHERE session.id = made.session_id;
    ELSE
        INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body)
        SELECT ask.team, CASE said ->> 'kind' WHEN 'voted' THEN 'vote' WHEN 'action_decided' THEN 'decision'
                   WHEN 'tool_started' THEN 'claim' WHEN 'tool_returned' THEN 'outcome' ELSE said ->> 'kind' END,
               coalesce(said ->> 'by', ''), made.session_id, concerned, ask.call_id, ask.tool, ask.digest, ask.rule, details
        FROM audit AS ask WHERE ask.kind = 'ask' AND ask.action_id = concerned ORDER BY ask.seq DESC LIMIT 1;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % of session % concerns action %, which nobody asked for', made.seq, made.session_id, concerned;
    END IF;
END $$;

CREATE FUNCTION step_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_step(NEW);
    RETURN NULL;
END $$;
-- Most steps name neither and are told apart by their text, which is not parsed.
CREATE TRIGGER step_audited AFTER INSERT ON step FOR EACH ROW
    WHEN (NEW.body::text LIKE '%"action_id"%' OR NEW.body::text LIKE '%"tool_returned"%') EXECUTE FUNCTION step_audited();

-- What was there before there was an audit log: cards that wait are decided after it.
DO $$
DECLARE past step;
BEGIN
    FOR past IN SELECT * FROM step ORDER BY made_at, session_id, seq LOOP
        PERFORM audit_step(past);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(CHAIN)
    op.execute(STEPS)


def downgrade() -> None:
    op.execute("DROP TRIGGER step_audited ON step")
    op.execute("DROP FUNCTION step_audited, audit_step, audit_refuse, audit_chain, audit_hash CASCADE")
    op.execute("DROP TABLE audit, audit_head")
