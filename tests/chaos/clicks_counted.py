"""Each click of a long run counts once: a person who may decide has their word on record, and no word twice."""

import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.sandbox.slack.types import Delivery
from tests.chaos.stage import Stage

CLICKS = """
SELECT key, taken_at, body ->> 'action_id', body ->> 'user' FROM inbox WHERE body ->> 'kind' = 'click'
"""
# Whatever ended that an action waited, and when by the clock of the machine.
DECIDED = """
SELECT body ->> 'action_id', min(coalesce(body ->> 'decided_at', body ->> 'edited_at')::timestamptz)
FROM step WHERE kind IN ('action_decided', 'edited') GROUP BY 1
"""
COUNTED = """
SELECT body ->> 'action_id', body ->> 'by' FROM step
WHERE kind IN ('voted', 'action_decided') AND body ->> 'decision' IN ('approved', 'rejected')
"""


@dataclass(frozen=True, slots=True)
class Clicked:
    """One press of Approve that Slack was told "received"."""

    key: str  # in the inbox
    action_id: str
    user: str
    acked_at: float  # of the wall clock


async def in_the_votes(stage: Stage) -> AsyncGenerator[str]:
    """Yield every click that was lost, and every one that counted twice. Everybody in a long run may decide what they see."""
    decided: Mapping[str, datetime] = dict(await stage.rows(DECIDED))
    votes = set(await stage.rows('SELECT action_id, "user" FROM vote'))
    rows = await stage.rows(CLICKS)
    written = {key for key, *_ in rows}
    for delivery in stage.slack.deliveries:
        for click in clicks_in(delivery):
            over = decided.get(click.action_id)
            if click.key not in written and (over is None or over.timestamp() > click.acked_at):
                yield f"lost before it was written, though Slack was told that it is received: {click}"
    for _, taken_at, action_id, user in rows:
        over = decided.get(action_id)
        if taken_at is not None and (action_id, user) not in votes and (over is None or over > taken_at):
            yield f"a click of {user} on {action_id} was taken at {taken_at} and changed nothing; it was decided at {over}"
    times = Counter((action_id, user) for _, _, action_id, user in rows)
    for counted, often in Counter(await stage.rows(COUNTED)).items():
        if counted[1] and often > times[counted]:
            yield f"{times[counted]} clicks of {counted[1]} on {counted[0]} counted {often} times"


def clicks_in(delivery: Delivery) -> Iterator[Clicked]:
    """Yield what a delivery approves, by the keys that `bot.slack.inbound.read_clicks` gives; one that was not acked, nothing."""
    if delivery.kind != "block_actions" or delivery.acked_after_seconds is None:
        return
    [pressed], user = delivery.payload["actions"], str(delivery.payload["user"]["id"])
    name = str(pressed["action_id"])
    acked_at = time.time() - time.monotonic() + delivery.at + delivery.acked_after_seconds
    for action_id in str(pressed["value"]).split(",") if name in ("approve", "approve_all") else ():
        yield Clicked(f"click:{user}:{name}:{action_id}:{pressed['action_ts']}", action_id, user, acked_at)
