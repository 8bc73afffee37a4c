"""People and times in the words of a sentence, as Slack's mrkdwn: who asked, who may decide, until when."""

from collections.abc import Sequence
from datetime import datetime

from agent.approvals.deciders import Deciders, deciders_of
from agent.decide.for_approvers import MOST_TOLD
from agent.decide.moves import Card
from agent.text import mention
from agent.types import Approvers, Place, Verdict

MOST_NAMED = 8  # in one list; the others are counted
MOST_MENTIONED = 40  # in a text that is to notify them: who is not named is not notified
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


def called_upon(cards: Sequence[Card], place: Place) -> str:
    """Return the end of a card's text that notifies those who may decide and get no direct message; empty where nobody is
    mentioned. Blocks alone notify nobody, and only a new message does."""
    whom: dict[str, None] = {}
    for card in cards:
        deciders, notify = deciders_of(card.verdict.approvers, card.requesters), card.verdict.notify
        if card.look != "pending" or notify == "none":
            continue
        if notify == "mention" or len(deciders.users) > MOST_TOLD:
            said = (*deciders.excluded, *card.voters, *card.rejecters)
            whom |= dict.fromkeys(mention(user) for user in deciders.users if user not in said)
        whom |= dict.fromkeys(f"<!subteam^{group}>" for group in deciders.groups)
        members_read_it = not place.direct and place.channel != card.verdict.post_to
        if notify == "mention" and deciders.channel_members and members_read_it:
            whom["<!here>"] = None
    named = list(whom)[:MOST_MENTIONED]
    return f". For {', '.join(named)}." if named else ""


def decided_until(who: str, until: datetime) -> str:
    """Return by whom an action is to be decided (`approvers_named`), and until when."""
    return f"To be decided by {who}, until {slack_time(until)}"


def by_whom(card: Card, most: int = MOST_NAMED) -> str:
    """Return who ended an action, with a space before it: all whose words counted, else who did it alone; empty for nobody."""
    voted = {"rejected": card.rejecters, "expired": (), "withdrawn": (), "edited": ()}.get(card.look, card.voters)
    ended_by = voted or tuple(filter(None, [card.decided_by]))
    return f" by {people(ended_by, most)}" if ended_by else ""


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


def names_somebody(verdict: Verdict) -> bool:
    """Return whether a rule names people who can be told again, and wants them told."""
    return verdict.notify != "none" and bool(verdict.approvers.users or verdict.approvers.groups)
