"""The rows that a history leaves, as a judge reads them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.session.steps import ProposedAction, Step


@dataclass(frozen=True)
class Logged:
    """A step as it stands in the log, and when it was written."""

    seq: int
    epoch: int
    at: datetime
    step: Step


@dataclass(frozen=True)
class Vote:
    """One person's last word on an action."""

    user: str
    decision: str
    at: datetime


@dataclass(frozen=True)
class Records:
    """The rows of a history."""

    logs: dict[str, list[Logged]]  # by session
    votes: dict[str, list[Vote]]  # by action
    revoked: dict[str, datetime]  # by grant
    audited: frozenset[tuple[str, str]] = frozenset()  # session and call of each run in the audit log

    def steps(self, session_id: str, kind: type[Any]) -> list[Any]:
        """Return a session's steps of one kind, each as `Logged`."""
        return [item for item in self.logs.get(session_id, []) if isinstance(item.step, kind)]

    def proposal(self, session_id: str, action_id: str) -> ProposedAction:
        """Return what was brought before people."""
        return next(item.step for item in self.steps(session_id, ProposedAction) if item.step.action_id == action_id)

    def claimed_after(self, session_id: str, item: Logged) -> datetime:
        """Return a moment before which the holder who wrote this cannot have taken the session over."""
        before = [other.at for other in self.logs[session_id] if other.epoch < item.epoch]
        return max(before) if before else datetime.min.replace(tzinfo=item.at.tzinfo)
