"""People and times in the words of a sentence, as Slack's mrkdwn: who asked, who may decide, until when."""

from collections.abc import Sequence
from datetime import datetime

from agent.types import Approvers, Verdict

MOST_NAMED = 8  # in one list; the others are counted


def people(users: Sequence[str], most: int = MOST_NAMED) -> str:
    """These people, by name."""
    return _listed([f"<@{user}>" for user in users], most)


def approvers_named(approvers: Approvers, requesters: Sequence[str], most: int = MOST_NAMED) -> str:
    """Those people and sets of people in words."""
    named = [people(approvers.users, most)] if approvers.users else []
    groups = (
        [_listed([f"a member of <!subteam^{group}>" for group in approvers.groups], most, " or ")] if approvers.groups else []
    )
    members = ["any member of this conversation"] if approvers.channel_members else []
    asked = [f"{people(requesters, most)}, who asked"] if approvers.requester else []
    anybody = " or ".join([*named, *groups, *members, *asked]) or "nobody"
    return f"{anybody} (but not {people(requesters, most)}, who asked)" if approvers.requester is False else anybody


def who_may_decide(verdict: Verdict, requesters: Sequence[str], most: int = MOST_NAMED) -> str:
    """The approvers in words."""
    return approvers_named(verdict.approvers, requesters, most)


def moment(at: datetime) -> str:
    """A time that Slack shows in the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def _listed(names: Sequence[str], most: int, between: str = ", ") -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + rest
