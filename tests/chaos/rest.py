"""What must hold of the rows and the logs of a long run, once everything is at rest."""

import re
from collections.abc import AsyncGenerator, Iterator

from agent.reports.audit import verify
from agent.reports.audit_rows import Broken
from tests.chaos.crowd import Crowd
from tests.chaos.stage import Stage


async def in_the_rows(stage: Stage, crowd: Crowd, log: str) -> AsyncGenerator[str]:
    """No session is stuck, nothing that was taken in is left lying, the audit log verifies, and the model refused nothing."""
    for (id,) in await stage.rows("SELECT id FROM session WHERE aside_at IS NOT NULL"):
        yield f"{id} is set aside"
    for row in await stage.rows("SELECT session_id, key FROM inbox WHERE taken_at IS NULL"):
        yield f"{row} was taken in, and is left lying"
    for row in await stage.rows("SELECT id, status FROM action WHERE status IN ('pending', 'approved', 'running')"):
        yield f"action {row} is not over"
    for (channel, thread_ts), status in stage.slack.workspace.statuses.items():
        if status == "processing" and f"Status in {channel} {thread_ts} was not done" not in log:  # best effort, and no promise
            yield f"Slack shows {channel} {thread_ts} as {status}"
    for channel, thread_ts in await stage.rows("SELECT channel, thread_ts FROM session"):
        if (channel, thread_ts) not in crowd.threads:
            yield f"a session of {channel} {thread_ts}, where nobody asked"
    for (team,) in await stage.rows("SELECT DISTINCT team FROM session"):
        if team != stage.slack.team_id:
            yield f"sessions of the workspace {team}"
    async for one in verify(stage.database):
        if isinstance(one, Broken):
            yield f"the audit log: {one}"
    for refused in stage.model.refusals:
        yield f"the model refused a request: {refused.message}"


def in_the_log(log: str) -> Iterator[str]:
    """No exception of ours is in a log. Bolt logs that a delivery could not be acknowledged, since its socket was cut."""
    for found in re.finditer(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)+(.*)", log):
        if "Cannot write to closing transport" not in found[1]:
            yield f"in a log: {found[1]}"
