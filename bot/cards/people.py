"""People and times in the words of a sentence, as Slack's mrkdwn: who asked, who may decide, until when."""

from collections.abc import Sequence
from datetime import datetime

from agent.approvals.deciders import Deciders, deciders_of
from agent.text import mention
from agent.types import Approvers, Verdict

MOST_NAMED = 8  # in one list; the others are counted
MEMBER, MEMBERS = "full member of this conversation", "full members of this conversation"


def people(users: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return these people, by name."""
    return _list_with_rest([mention(user) for user in users], most)


def approvers_named(approvers: Approvers, requesters: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return those people and sets of people in words."""
    deciders = deciders_of(approvers, requesters)
    anybody = _anybody(deciders, "any full member of this conversation", most)
    return f"{anybody} (but not {people(deciders.excluded, most)}, who asked)" if deciders.excluded else anybody


def _anybody(deciders: Deciders, members: str, most: int) -> str:
    """Return who may decide, without those who may not. `members`: how those of the conversation are called."""
    named = [people(deciders.users, most)] if deciders.users else []
    groups = (
        [_list_with_rest([f"a member of <!subteam^{group}>" for group in deciders.groups], most, " or ")]
        if deciders.groups
        else []
    )
    of_the_conversation = [members] if deciders.channel_members else []
    asked = [f"{people(deciders.included, most)}, who asked"] if deciders.included else []
    return " or ".join([*named, *groups, *of_the_conversation, *asked]) or "nobody"


def who_may_decide(verdict: Verdict, requesters: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return the approvers in words."""
    return approvers_named(verdict.approvers, requesters, most)


def to_be_decided(who: str, until: datetime) -> str:
    """Return the sentence below an open action, and of a notice that it waits: by whom (`approvers_named`), and until when."""
    return f"{decided_until(who, until)}; then it expires and nothing is run."


def decided_until(who: str, until: datetime) -> str:
    """Return by whom an action is to be decided, and until when, as its dialog says it too."""
    return f"To be decided by {who}, until {slack_time(until)}"


def needs(verdict: Verdict, requesters: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return how many of whom an open action needs, and how many of them end it with a no, where that is not the first one."""
    deciders, quorum = deciders_of(verdict.approvers, requesters), verdict.quorum
    only_members = deciders.channel_members and not (deciders.users or deciders.groups or deciders.included)
    if quorum == 1:
        who = _anybody(deciders, f"a {MEMBER}", most)
    elif only_members:
        who = f"{quorum} {MEMBERS}"
    else:
        who = f"{quorum} of {_anybody(deciders, MEMBERS, most)}"
    others = f" other than {people(deciders.excluded, most)}" if deciders.excluded else ""
    return f"needs {who}{others}" + (f", {verdict.rejections} to reject" if verdict.rejections > 1 else "")


def slack_time(at: datetime) -> str:
    """Return a time that Slack shows in the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def slack_clock(at: datetime) -> str:
    """Return the time of a day that Slack shows in the reader's own zone: of something that stands by its day."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{at:%H:%M} UTC>"


def _list_with_rest(names: Sequence[str], most: int, between: str = ", ") -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + rest
