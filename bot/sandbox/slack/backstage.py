"""What the page shows of the bot behind the workspace, where somebody runs one: Slack itself has none of this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.sandbox.slack.wire import Json


@dataclass(frozen=True)
class Backstage:
    """The ways behind the scene, as the one who runs the bot gives them.

    tour: where the page opens, and what there is to try: {"channel", "steps"}; see `bot.sandbox.story`.
    process: the bot's process, as it is now: {"pid", "kills", "killed_pid"}.
    kill: ends that process as `kill -9` does. False where none was running.
    log: what the bot has said last, line by line.
    audit: the audit log, read back: {"command", "whole", "findings", "entries"}.
    """

    tour: Callable[[], Json]
    process: Callable[[], Json]
    kill: Callable[[], bool]
    log: Callable[[], Json]
    audit: Callable[[], Awaitable[Json]]
