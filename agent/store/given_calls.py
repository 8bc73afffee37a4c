"""A session that begins with a call that no model made: an operator asks for it on the command line, and people decide it."""

from typing import Any, LiteralString

from pydantic import JsonValue

from agent.session.steps import Asked, ModelReplied, ModelStarted, Step
from agent.store.fenced import Pool
from agent.store.sessions import session_id
from agent.types import Place, Said, Usage

# The log and its place in the queue, both or neither. A worker takes it up from there, as it would after a crash.
BEGIN: LiteralString = """
WITH begun AS (
    INSERT INTO session (id, team, channel, thread_ts, wake_at, woken_at, wakes)
    VALUES (%(id)s, %(team)s, %(channel)s, %(thread_ts)s, now(), now(), 1) RETURNING id),
logged AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT id, seq, 0, body::json FROM begun, unnest(%(bodies)s::text[]) WITH ORDINALITY AS log (body, seq))
SELECT pg_notify('signoff_wake', id) FROM begun
"""


async def begin_with_call(pool: Pool, place: Place, said: Said, tool: str, arguments: dict[str, JsonValue]) -> str:
    """Begin a session in a thread that has none, as if its first words had led to this call; return its id."""
    id = session_id(place)
    call: dict[str, Any] = {
        "type": "tool_use",
        "id": f"toolu_given_{said.ts.replace('.', '_')}",
        "name": tool,
        "input": arguments,
    }
    steps: tuple[Step, ...] = (
        Asked(said=(said,)),
        ModelStarted(iteration=1, reserved_tokens=0, max_tokens=0),
        ModelReplied(content=(call,), stop_reason="tool_use", usage=Usage(input_tokens=0, output_tokens=0)),
    )
    values = {**place.model_dump(), "id": id, "bodies": [step.model_dump_json() for step in steps]}
    async with pool.connection() as connection:
        await connection.execute(BEGIN, values)
    return id
