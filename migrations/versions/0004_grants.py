"""Grants: standing permissions, each use counted; several rejections; and what of them goes into the audit log.

Since there are reminders, sessions that people wait for are told from those that the clock woke, and claimed before them.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE action ADD COLUMN rejections bigint NOT NULL DEFAULT 1;
CREATE INDEX action_decided ON action (decided_at DESC) WHERE decided_at IS NOT NULL;
CREATE INDEX action_due ON action (expires_at) WHERE status IN ('pending', 'unknown');
CREATE INDEX step_asked ON step (made_at DESC) WHERE starts_with(body::text, '{"kind":"asked"');

ALTER TABLE session ADD COLUMN woken_at timestamptz;
DROP INDEX session_due;
CREATE INDEX session_due ON session (team, woken_at, wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE "grant" (
    id text PRIMARY KEY,
    session_id text NOT NULL,
    team text NOT NULL,
    tool text NOT NULL,
    granted_by text NOT NULL,
    body json NOT NULL,
    most_uses bigint NOT NULL,
    uses bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    revoked_by text NOT NULL DEFAULT ''
);
CREATE INDEX grant_by ON "grant" (team, granted_by);

-- A run under a grant has no `ask`: its `claim` is what its outcome refers to.
DROP INDEX audit_call;
CREATE INDEX audit_call ON audit (session_id, call_id) WHERE kind IN ('ask', 'claim');
"""

STEPS = r"""
CREATE OR REPLACE FUNCTION audit_step(made step) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    -- A NUL in the arguments is good JSON, but Postgres takes no field out of JSON that holds one.
    said json := CASE WHEN strpos(made.body::text, '\u0000') = 0 THEN made.body
        ELSE regexp_replace(made.body::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::json END;
    concerned audit;
    details json := json_strip_nulls(json_build_object(
        'step', made.seq,
        'epoch', made.epoch,
        'requesters', said -> 'requesters',
        'edited_by', nullif(said ->> 'edited_by', ''),
        'approvers', said #> '{verdict,approvers}',
        'quorum', said #> '{verdict,quorum}',
        'expires_at', said -> 'expires_at',
        'decision', said -> 'decision',
        'reason_sha256', encode(sha256(convert_to(nullif(said ->> 'reason', ''), 'UTF8')), 'hex'),
        'arguments_sha256', encode(sha256(convert_to(
            CASE said ->> 'kind' WHEN 'edited' THEN (said -> 'arguments')::text END, 'UTF8')), 'hex'),
        'idempotency_key', said -> 'idempotency_key',
        'grant', said -> 'grant_id',
        'pattern_sha256', encode(sha256(convert_to((said -> 'pattern')::text, 'UTF8')), 'hex'),
        'most_uses', said -> 'most_uses',
        'outcome', said -> 'outcome',
        'result_sha256', encode(sha256(convert_to(said ->> 'text', 'UTF8')), 'hex'),
        'answer', said -> 'answer'));
BEGIN
    IF said ->> 'kind' IN ('card_shown', 'previewed') THEN
        RETURN;
    ELSIF said ->> 'kind' = 'proposed_action' THEN
        INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body)
        SELECT session.team, 'ask', coalesce(said #>> '{requesters,0}', ''), session.id, said ->> 'action_id',
               said ->> 'call_id', said ->> 'tool', said ->> 'digest', said #>> '{verdict,rule}', details
        FROM session WHERE session.id = made.session_id;
        RETURN;
    ELSIF said ->> 'kind' = 'tool_started' AND said ->> 'grant_id' IS NOT NULL THEN
        INSERT INTO audit (team, kind, actor, session_id, call_id, tool, digest, rule, body)
        SELECT team, 'claim', granted_by, session_id, said ->> 'call_id', tool, said ->> 'digest', 'grant ' || id, details
        FROM "grant" WHERE id = said ->> 'grant_id';
        RETURN;
    ELSIF said ->> 'action_id' IS NOT NULL THEN
        SELECT * INTO concerned FROM audit
        WHERE kind = 'ask' AND action_id = said ->> 'action_id' ORDER BY seq DESC LIMIT 1;
    ELSE
        SELECT * INTO concerned FROM audit
        WHERE kind IN ('ask', 'claim') AND session_id = made.session_id AND call_id = said ->> 'call_id'
        ORDER BY seq DESC LIMIT 1;
        IF NOT FOUND THEN
            RETURN;  -- a call that nobody was asked for
        END IF;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % of session % concerns action %, which nobody asked for',
            made.seq, made.session_id, said ->> 'action_id';
    END IF;
    INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body)
    VALUES (concerned.team,
            CASE said ->> 'kind' WHEN 'voted' THEN 'vote' WHEN 'action_decided' THEN 'decision' WHEN 'edited' THEN 'edit'
                WHEN 'escalated' THEN 'escalation' WHEN 'granted' THEN 'grant' WHEN 'tool_started' THEN 'claim'
                WHEN 'tool_returned' THEN 'outcome' ELSE said ->> 'kind' END,
            coalesce(said ->> 'by', ''), made.session_id, concerned.action_id, concerned.call_id, concerned.tool,
            concerned.digest, concerned.rule, details);
END $$;

CREATE FUNCTION grant_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (team, kind, actor, session_id, tool, rule, body)
    VALUES (NEW.team, 'revoke', NEW.revoked_by, NEW.session_id, NEW.tool, 'grant ' || NEW.id,
            json_build_object('grant', NEW.id, 'uses', NEW.uses));
    RETURN NULL;
END $$;
CREATE TRIGGER grant_audited AFTER UPDATE ON "grant" FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION grant_audited();
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(STEPS)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore a backup that was made before")
