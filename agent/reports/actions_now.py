"""How actions stand at this moment, for dialogs: who voted, how it ended, what came of it. Nothing here decides anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from agent.session.step_text import is_kind, without_nul
from agent.store.action_seen import ACTION_COLUMNS, ActionSeen, action_seen
from agent.store.fenced import Pool, rows

RAN = ("succeeded", "failed", "unknown", "refused")  # an edited action has the call, and so the result, of the one after it

NOW: LiteralString = f"""
SELECT {ACTION_COLUMNS},
    ARRAY(SELECT "user" FROM vote WHERE vote.action_id = action.id AND decision = 'approved' ORDER BY voted_at),
    ARRAY(SELECT "user" FROM vote WHERE vote.action_id = action.id AND decision = 'rejected' ORDER BY voted_at),
    coalesce((SELECT reason FROM vote WHERE vote.action_id = action.id AND reason <> '' ORDER BY voted_at DESC LIMIT 1), ''),
    CASE WHEN action.status = ANY(%(ran)s) THEN coalesce((
        SELECT {without_nul("step.body")} ->> 'text' FROM step
        WHERE step.session_id = action.session_id AND {is_kind("step.body", "tool_returned")}
            AND {without_nul("step.body")} ->> 'call_id' = {without_nul("action.body")} ->> 'call_id'
        ORDER BY seq DESC LIMIT 1), '') ELSE '' END
FROM action JOIN session ON session.id = action.session_id
WHERE action.id = ANY(%(ids)s) ORDER BY array_position(%(ids)s, action.id)
"""


@dataclass(frozen=True, slots=True)
class ActionNow:
    """An action, and what people said of it."""

    seen: ActionSeen
    approved_by: tuple[str, ...] = ()
    rejected_by: tuple[str, ...] = ()
    reason: str = ""
    result: str = ""


async def actions_now(pool: Pool, ids: Sequence[str]) -> Sequence[ActionNow]:
    """Return those of these actions that there are, in this order."""
    found = await rows(pool, NOW, {"ids": list(ids), "ran": list(RAN)})
    return [_action_now(*row) for row in found]


def _action_now(*row: Any) -> ActionNow:
    *seen, approved_by, rejected_by, reason, result = row
    return ActionNow(action_seen(*seen), tuple(approved_by), tuple(rejected_by), reason, result)
