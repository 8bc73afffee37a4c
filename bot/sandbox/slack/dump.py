"""The workspace as text, for the message of a test that waited in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from bot.sandbox.slack.types import ApiCall, Delivery
from bot.sandbox.slack.workspace import Workspace

_MESSAGES, _CALLS, _DELIVERIES = 15, 15, 10


def dump(workspace: Workspace, calls: Sequence[ApiCall], deliveries: Sequence[Delivery]) -> str:
    """Return the last messages of each channel, ephemerals, modals, statuses, and the last calls and deliveries."""
    return "\n".join(_dump_lines(workspace, calls, deliveries))


def _dump_lines(workspace: Workspace, calls: Sequence[ApiCall], deliveries: Sequence[Delivery]) -> Iterator[str]:
    for channel_id, there in workspace.messages.items():
        if there:
            yield f"#{workspace.channels[channel_id].name} ({len(there)} messages)"
        for message in reversed(list(islice(reversed(there.values()), _MESSAGES))):
            in_thread = f" in {message.thread_ts}" if message.thread_ts else ""
            yield f"  {message.ts}{in_thread} {workspace.names.get(message.user, message.user)}:"
            yield from (f"    {line}" for line in message.seen_text.splitlines())
    for user, only in workspace.ephemerals.items():
        for message in only.values():
            yield f"only for {workspace.names[user]}: {message.seen_text}"
    for user, stack in workspace.modals.items():
        for view in stack:
            yield f"modal of {workspace.names[user]}: {view.seen_text}"
    for (_, thread_ts), status in workspace.statuses.items():
        yield f"session {thread_ts}: {status}"
    for user, sentences in workspace.failures.items():
        yield f"{workspace.names[user]} was told: {sentences}"
    yield f"the last of {len(calls)} calls:"
    for call in calls[-_CALLS:]:
        yield f"  {call.method} -> {call.status} {call.error or ''}"
    yield f"the last of {len(deliveries)} deliveries:"
    for one in deliveries[-_DELIVERIES:]:
        acked = "waiting" if one.acked_after_seconds is None else f"acked after {one.acked_after_seconds:.3f} s"
        yield f"  {one.kind} {one.event_id or ''} try {one.try_number}: {one.failure or acked}"
