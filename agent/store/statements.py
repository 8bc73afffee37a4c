"""The SQL of the store: one statement a transaction, fenced by the holder's epoch. `agent.store.sessions` gives the values."""

from typing import LiteralString

from agent.session.step_text import SINCE, is_kind

# Where the log of the session stands.
LAST_SEQ: LiteralString = "(SELECT coalesce(max(seq), 0) FROM step WHERE step.session_id = session.id)"
# FOR SHARE: a claim of the same session waits for this write, or has come first and then nothing is held.
HELD: LiteralString = """
held AS MATERIALIZED (SELECT id, lease_until, team, wakes FROM session WHERE id = %(session_id)s AND epoch = %(epoch)s FOR SHARE)
"""
# How long the hold lasts if nobody renews it: an effect does not begin after that.
LEFT: LiteralString = "(SELECT extract(epoch FROM coalesce(lease_until, now()) - now())::float8 FROM held)"
TAKEN: LiteralString = """
taken AS (UPDATE inbox SET taken_at = now() FROM held WHERE inbox.id = ANY(%(inbox_ids)s) RETURNING inbox.id)
"""

# Let go: due again at `due_at`, or at once where somebody woke the session since `wakes` was read.
RELEASED: LiteralString = """
lease_until = NULL, wake_at = CASE WHEN session.wakes <> %(wakes)s THEN now() ELSE %(due_at)s END,
woken_at = CASE WHEN session.wakes <> %(wakes)s THEN now() WHEN %(unfinished)s THEN woken_at END
"""
# One statement settles a click: session held, action undecided, deadline not passed, vote not cast before, quorum reached.
# A grant that was asked for with it is given only by an approval that settles the action alone. Where nothing stands between the
# approval and its run, the run starts with it: `started` is its step, and the digest is checked as at the last gate.
SETTLE: LiteralString = f"""
WITH {HELD}, {TAKEN},
open AS MATERIALIZED (
    SELECT action.id, CASE %(decision)s WHEN 'approved' THEN action.quorum ELSE action.rejections END AS needed,
        %(started)s::text IS NOT NULL AND %(decision)s = 'approved' AND action.digest = %(digest)s AS starts
    FROM action JOIN held ON held.id = action.session_id
    WHERE action.id = %(action_id)s AND action.status = 'pending' AND action.expires_at > now() FOR UPDATE OF action),
voted AS (
    INSERT INTO vote (action_id, "user", decision, reason)
    SELECT open.id, %(user)s, %(decision)s, %(reason)s FROM open
    ON CONFLICT (action_id, "user") DO UPDATE SET decision = EXCLUDED.decision, reason = EXCLUDED.reason, voted_at = now()
    WHERE vote.decision <> EXCLUDED.decision  -- a word can be taken back until it is settled
    RETURNING action_id),
settled AS (
    UPDATE action SET status = CASE WHEN open.starts THEN 'running' ELSE %(decision)s END, decided_at = now(),
        decided_by = %(user)s, started_at = CASE WHEN open.starts THEN now() ELSE started_at END
    FROM open JOIN voted ON voted.action_id = open.id
    WHERE action.id = open.id AND open.needed <= 1 + (
        SELECT count(*) FROM vote WHERE vote.action_id = open.id AND vote.decision = %(decision)s AND vote."user" <> %(user)s)
    RETURNING action.decided_at, open.starts),
granted AS (
    INSERT INTO "grant" (id, session_id, team, tool, granted_by, body, most_uses, expires_at)
    SELECT %(grant_id)s, held.id, session.team, %(tool)s, %(user)s, %(grant)s::json, %(most_uses)s, %(grant_expires_at)s
    FROM held JOIN session ON session.id = held.id CROSS JOIN open CROSS JOIN settled
    WHERE %(grant_id)s::text IS NOT NULL AND open.needed = 1
    RETURNING body),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s + further.nth, %(epoch)s, further.body FROM held CROSS JOIN (
        SELECT 0 AS nth, CASE WHEN settled.decided_at IS NULL
            THEN json_build_object('kind', 'voted', 'action_id', %(action_id)s::text, 'by', %(user)s::text,
                                   'decision', %(decision)s::text, 'reason', %(reason)s::text)
            ELSE json_build_object('kind', 'action_decided', 'action_id', %(action_id)s::text, 'decision', %(decision)s::text,
                                   'by', %(user)s::text, 'reason', %(reason)s::text, 'decided_at', settled.decided_at) END AS body
        FROM voted LEFT JOIN settled ON true
        UNION ALL SELECT 1, granted.body FROM granted
        UNION ALL SELECT 1, %(started)s::json FROM settled WHERE settled.starts) AS further
    ORDER BY further.nth RETURNING seq, body)
SELECT (SELECT count(*) FROM held), {LEFT}, ARRAY(SELECT body::text FROM appended ORDER BY seq)
"""

# An edit ends the action that was shown; what is proposed instead has new votes, digest and deadline.
EDIT: LiteralString = f"""
WITH {HELD}, {TAKEN},
edited AS (
    UPDATE action SET status = 'edited', decided_at = now(), decided_by = %(user)s FROM held
    WHERE action.id = %(action_id)s AND action.session_id = held.id AND action.status = 'pending' AND action.expires_at > now()
    RETURNING action.decided_at),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s,
           json_build_object('kind', 'edited', 'action_id', %(action_id)s::text, 'by', %(user)s::text,
                             'arguments', %(arguments)s::json, 'edited_at', edited.decided_at)
    FROM held, edited RETURNING body)
SELECT (SELECT count(*) FROM held), (SELECT body::text FROM appended)
"""

CLOSE: LiteralString = f"""
WITH {HELD},
closed AS (
    UPDATE action SET status = %(decision)s, decided_at = now(), decided_by = %(user)s FROM held
    WHERE action.id = %(action_id)s AND action.session_id = held.id
      AND (action.status = 'pending' OR action.status = 'approved' AND %(decision)s = 'withdrawn')
      AND (%(decision)s <> 'expired' OR action.expires_at <= now())
    RETURNING action.decided_at),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s,
           json_build_object('kind', 'action_decided', 'action_id', %(action_id)s::text, 'decision', %(decision)s::text,
                             'by', %(user)s::text, 'reason', %(reason)s::text, 'decided_at', closed.decided_at)
    FROM held, closed RETURNING body)
SELECT (SELECT count(*) FROM held), (SELECT body::text FROM appended)
"""

# The last gate before an approved call: approved, recently, with this very digest; and nobody passes it twice.
START_ACTION: LiteralString = f"""
WITH {HELD},
started AS (
    UPDATE action SET status = 'running', started_at = now() FROM held
    WHERE action.id = %(action_id)s AND action.session_id = held.id AND action.status = 'approved'
      AND action.digest = %(digest)s AND action.decided_at > now() - interval '15 minutes'
    RETURNING action.id),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s, %(body)s::json FROM held, started RETURNING seq)
SELECT (SELECT count(*) FROM held), (SELECT seq FROM appended), {LEFT}
"""

# The same gate for a call under a grant: it is there, not revoked, not over, and each use is counted before it begins.
START_GRANTED: LiteralString = f"""
WITH {HELD},
used AS (
    UPDATE "grant" SET uses = uses + 1 FROM held
    WHERE "grant".id = %(grant_id)s AND "grant".session_id = held.id AND "grant".revoked_at IS NULL
      AND "grant".expires_at > now() AND "grant".uses < "grant".most_uses
    RETURNING "grant".id),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s, %(body)s::json FROM held, used RETURNING seq)
SELECT (SELECT count(*) FROM held), (SELECT seq FROM appended), {LEFT}
"""

# Revoked by nobody in particular: its giver may not decide any more. The audit log has it (migration 0004).
END_GRANT: LiteralString = """
UPDATE "grant" SET revoked_at = now() WHERE id = %(grant_id)s AND revoked_at IS NULL RETURNING id
"""

# `run_again` takes as many people as the approval did, everything else one. It waits until the first run cannot be under way any
# more: its process may only be frozen (docs/concepts.md, The window that remains).
TELL: LiteralString = f"""
WITH {HELD}, {TAKEN},
open AS MATERIALIZED (
    SELECT action.id, action.started_at, CASE %(answer)s WHEN 'run_again' THEN action.quorum ELSE 1 END AS needed
    FROM action JOIN held ON held.id = action.session_id
    WHERE action.id = %(action_id)s AND action.status = 'unknown'
      AND (%(answer)s <> 'run_again' OR action.started_at + make_interval(secs => %(limit_seconds)s) < now())
    FOR UPDATE OF action),
heard AS (  -- words on a run before this one are over
    SELECT open.id, open.started_at, open.needed, (
        SELECT count(*) FROM vote WHERE vote.action_id = open.id AND vote.decision = 'run_again'
          AND vote.voted_at > open.started_at AND vote."user" <> %(user)s) + 1 AS said
    FROM open),
voted AS (
    INSERT INTO vote (action_id, "user", decision)
    SELECT heard.id, %(user)s, 'run_again' FROM heard WHERE heard.said < heard.needed
    ON CONFLICT (action_id, "user") DO UPDATE SET decision = 'run_again', reason = '', voted_at = now()
    WHERE vote.decision <> 'run_again' OR vote.voted_at <= (SELECT started_at FROM heard)
    RETURNING action_id),
told AS (
    UPDATE action SET decided_at = now(), decided_by = %(user)s,
        status = CASE %(answer)s WHEN 'run_again' THEN 'approved' WHEN 'happened' THEN 'succeeded' ELSE 'refused' END
    FROM heard WHERE action.id = heard.id AND heard.said >= heard.needed
    RETURNING action.decided_at),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s, said.body FROM held, (
        SELECT json_build_object('kind', 'voted', 'action_id', %(action_id)s::text, 'by', %(user)s::text,
            'decision', 'run_again') AS body FROM voted
        UNION ALL SELECT json_build_object('kind', 'outcome_told', 'action_id', %(action_id)s::text, 'by', %(user)s::text,
            'answer', %(answer)s::text, 'told_at', told.decided_at) FROM told) AS said
    RETURNING body)
SELECT (SELECT count(*) FROM held), (SELECT body::text FROM appended)
"""

# A run that is repeated after a crash writes its result over the one that nobody was told of.
KEEP: LiteralString = f"""
WITH {HELD},
kept AS (
    INSERT INTO output (session_id, id, text) SELECT held.id, %(handle)s, %(text)b::text FROM held
    ON CONFLICT (session_id, id) DO UPDATE SET text = EXCLUDED.text, made_at = now())
SELECT count(*) FROM held
"""
FORGET: LiteralString = """
WITH forgotten AS (DELETE FROM output WHERE made_at < now() - make_interval(days => %(days)s) RETURNING 1)
SELECT count(*) FROM forgotten
"""
# As above: a file that is fetched again after a crash is written over what no step names yet.
KEEP_FILE: LiteralString = f"""
WITH {HELD},
kept AS (
    INSERT INTO attachment (session_id, id, data) SELECT held.id, %(handle)s, %(data)b::bytea FROM held
    ON CONFLICT (session_id, id) DO UPDATE SET data = EXCLUDED.data, made_at = now())
SELECT count(*) FROM held
"""
FILES: LiteralString = "SELECT id, data FROM attachment WHERE session_id = %(session_id)s AND id = ANY(%(handles)s)"
OUTPUT: LiteralString = """
SELECT substr(text, %(offset)s + 1, %(length)s), length(text) FROM output WHERE session_id = %(session_id)s AND id = %(handle)s
"""
# A result that the log itself holds.
STEP_OUTPUT: LiteralString = f"""
SELECT substr(body ->> 'text', %(offset)s + 1, %(length)s), length(body ->> 'text') FROM step
WHERE session_id = %(session_id)s AND seq = %(seq)s AND {is_kind("body", "tool_returned")}
"""

# What a session is run with changes at a turn boundary only, together with the step that says so.
REPIN: LiteralString = f"""
WITH {HELD},
kept AS (INSERT INTO pin (id, body) SELECT %(pin_id)s, %(pinned)s::json FROM held ON CONFLICT DO NOTHING),
moved AS (UPDATE session SET pin_id = %(pin_id)s FROM held WHERE session.id = held.id),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body) SELECT held.id, %(seq)s, %(epoch)s, %(body)s::json FROM held)
SELECT count(*) FROM held
"""

# From where the last context begins: looking for it backwards reads no step that is not loaded anyway.
LOAD_STEPS: LiteralString = f"""
WITH context AS MATERIALIZED (
    SELECT substring(body::text FROM '{SINCE}')::bigint AS since FROM step
    WHERE session_id = %(session_id)s AND {is_kind("body", "compacted")} AND NOT %(whole)s
    ORDER BY seq DESC LIMIT 1)
SELECT seq, epoch, body::text FROM step
WHERE session_id = %(session_id)s AND seq >= coalesce((SELECT since FROM context), 0) ORDER BY seq
"""
LOAD_INBOX: LiteralString = """
SELECT session.wakes, inbox.id, inbox.body::text FROM session
LEFT JOIN inbox ON inbox.session_id = session.id AND inbox.taken_at IS NULL
WHERE session.id = %s ORDER BY inbox.id
"""

# What a session's last answer is found in: whatever opens or ends a turn comes after it.
LAST_WORD: LiteralString = """
SELECT body::text FROM step
WHERE session_id = %(session_id)s AND kind IN ('asked', 'outcome_told', 'model_replied', 'left_out', 'stopped', 'halted')
ORDER BY seq DESC LIMIT 1
"""

OPEN_CARDS: LiteralString = """
SELECT count(*) FROM action WHERE asker = %(user)s AND status = 'pending' AND expires_at > now() AND session_id <> %(session_id)s
"""

# The audit entry of what leaves no step. Its place in the chain, its time and its hashes are the database's (migration 0003).
VIEWED: LiteralString = """
INSERT INTO audit (team, kind, actor, session_id, action_id, call_id, tool, digest, rule)
SELECT team, 'view', %(user)s, session_id, action_id, call_id, tool, digest, rule FROM audit
WHERE kind = 'ask' AND action_id = %(action_id)s ORDER BY seq DESC LIMIT 1 RETURNING seq
"""
