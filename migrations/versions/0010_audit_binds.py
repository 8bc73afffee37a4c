"""Audit entries bind their steps, and runs that nobody was asked about have entries, too.

A step's kind is a column, so that the trigger looks at it and not at the text of the JSON. The column is computed: no statement
can forget it, and a step whose kind is not its first field is refused instead of being left out of the log.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMN = r"""
ALTER TABLE step ADD COLUMN kind text NOT NULL
    GENERATED ALWAYS AS ("substring"(body::text, '^\s*\{\s*"kind"\s*:\s*"([a-z_]+)"')) STORED;
-- `verify` reads a session's entries together; the trigger looks for those of a call.
DROP INDEX audit_call;
CREATE INDEX audit_call ON audit (session_id, call_id);
"""

# `agent.reports.audit_steps` says the same of each kind of step; a test compares the two. What an entry binds: the SHA-256 of the
# step's very text, its epoch and when it was made.
STEPS = r"""
CREATE OR REPLACE FUNCTION audit_step(made step) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    -- A NUL in the arguments is good JSON, but Postgres takes no field out of JSON that holds one.
    said json := CASE WHEN strpos(made.body::text, '\u0000') = 0 THEN made.body
        ELSE regexp_replace(made.body::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::json END;
    unasked json := said -> 'unasked';
    concerned audit;
    details json := json_strip_nulls(json_build_object(
        'step', made.seq,
        'epoch', made.epoch,
        'made_at', to_char(made.made_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'step_sha256', encode(sha256(convert_to(made.body::text, 'UTF8')), 'hex'),
        'requesters', coalesce(said -> 'requesters', unasked -> 'requesters'),
        'edited_by', nullif(said ->> 'edited_by', ''),
        'approvers', said #> '{verdict,approvers}',
        'quorum', said #> '{verdict,quorum}',
        'expires_at', said -> 'expires_at',
        'decision', said -> 'decision',
        'reason_sha256', encode(sha256(convert_to(nullif(said ->> 'reason', ''), 'UTF8')), 'hex'),
        'arguments_sha256', encode(sha256(convert_to(
            CASE made.kind WHEN 'edited' THEN (said -> 'arguments')::text END, 'UTF8')), 'hex'),
        'idempotency_key', said -> 'idempotency_key',
        'effect', unasked -> 'effect',
        'grant', said -> 'grant_id',
        'pattern_sha256', encode(sha256(convert_to((said -> 'pattern')::text, 'UTF8')), 'hex'),
        'most_uses', said -> 'most_uses',
        'outcome', CASE made.kind WHEN 'found_changed' THEN to_json('changed'::text) ELSE said -> 'outcome' END,
        'reconciled', CASE said ->> 'reconciled' WHEN 'true' THEN true END,
        'result_sha256', encode(sha256(convert_to(said ->> 'text', 'UTF8')), 'hex'),
        'answer', said -> 'answer'));
BEGIN
    IF made.kind = 'proposed_action' THEN
        INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body)
        SELECT session.team, 'ask', coalesce(said #>> '{requesters,0}', ''), session.id, said ->> 'action_id',
               said ->> 'call_id', said ->> 'tool', said ->> 'digest', said #>> '{verdict,rule}', details
        FROM session WHERE session.id = made.session_id;
        RETURN;
    ELSIF made.kind = 'tool_started' AND said ->> 'grant_id' IS NOT NULL THEN
        INSERT INTO audit (team, kind, actor, session_id, call_id, tool, digest, rule, body)
        SELECT team, 'claim', granted_by, session_id, said ->> 'call_id', tool, said ->> 'digest', 'grant ' || id, details
        FROM "grant" WHERE id = said ->> 'grant_id';
        RETURN;
    ELSIF made.kind = 'tool_started' AND json_typeof(unasked) = 'object' THEN
        INSERT INTO audit (team, kind, actor, session_id, call_id, tool, digest, rule, body)
        SELECT session.team, 'claim', coalesce(unasked #>> '{requesters,0}', ''), session.id, said ->> 'call_id',
               unasked ->> 'tool', unasked ->> 'digest', unasked ->> 'rule', details
        FROM session WHERE session.id = made.session_id;
        RETURN;
    ELSIF said ->> 'action_id' IS NOT NULL THEN
        SELECT * INTO concerned FROM audit
        WHERE kind = 'ask' AND action_id = said ->> 'action_id' ORDER BY seq DESC LIMIT 1;
    ELSE
        SELECT * INTO concerned FROM audit
        WHERE kind IN ('ask', 'claim') AND session_id = made.session_id AND call_id = said ->> 'call_id'
        ORDER BY seq DESC LIMIT 1;
        IF NOT FOUND THEN
            RETURN;  -- a read, or a call that never ran and that nobody was asked for
        END IF;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % of session % concerns action %, which nobody asked for',
            made.seq, made.session_id, said ->> 'action_id';
    END IF;
    INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body)
    VALUES (concerned.team,
            CASE made.kind WHEN 'voted' THEN 'vote' WHEN 'action_decided' THEN 'decision' WHEN 'edited' THEN 'edit'
                WHEN 'escalated' THEN 'escalation' WHEN 'granted' THEN 'grant' WHEN 'tool_started' THEN 'claim'
                WHEN 'tool_returned' THEN 'outcome' WHEN 'found_changed' THEN 'outcome' ELSE made.kind END,
            coalesce(said ->> 'by', ''), made.session_id, concerned.action_id, concerned.call_id, concerned.tool,
            concerned.digest, concerned.rule, details);
END $$;

DROP TRIGGER step_audited ON step;
CREATE TRIGGER step_audited AFTER INSERT ON step FOR EACH ROW
    WHEN (NEW.kind IN ('proposed_action', 'voted', 'edited', 'escalated', 'action_decided', 'granted', 'tool_started',
                       'tool_returned', 'found_changed', 'outcome_told')) EXECUTE FUNCTION step_audited();

CREATE OR REPLACE FUNCTION grant_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (team, kind, actor, session_id, tool, rule, body)
    VALUES (NEW.team, 'revoke', NEW.revoked_by, NEW.session_id, NEW.tool, 'grant ' || NEW.id,
            json_build_object('grant', NEW.id, 'uses', NEW.uses,
                'revoked_at', to_char(NEW.revoked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute(COLUMN)
    op.execute(STEPS)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
