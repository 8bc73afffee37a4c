"""Reads a conversation up to an answer out of its steps, masked: what a case is about."""

from typing import LiteralString

from agent.cases.candidate import Candidate, masked_candidate
from agent.masking import Masker, SeenValues
from agent.session.steps import STEP
from agent.store.fenced import Pool, parse_stored, rows

STEPS: LiteralString = """
WITH opened AS (
    SELECT seq, row_number() OVER (ORDER BY seq) AS turn
    FROM step WHERE session_id = %(session_id)s AND kind IN ('asked', 'outcome_told'))
SELECT seq, made_at, body::text FROM step
WHERE session_id = %(session_id)s AND seq < coalesce((SELECT seq FROM opened WHERE turn = %(turn)s + 1), step.seq + 1)
ORDER BY seq
"""


async def conversation_until(pool: Pool, masker: Masker, session_id: str, turn: int) -> tuple[Candidate, SeenValues]:
    """Return the turns of a conversation up to this one, masked, and what has a placeholder in them. Raises UnreadableError."""
    found = await rows(pool, STEPS, {"session_id": session_id, "turn": turn})
    return await masked_candidate(masker, [(seq, at, parse_stored(STEP, body)) for seq, at, body in found], turn)
