"""Several verdicts on one call as one that is as strict as each of them: all that they ask holds together.

Who could settle the call under the result could have settled it under every one of the verdicts: the approvals and the time
are the strictest of theirs, and who may decide are only people whom each of them names in the same way.
"""

from collections.abc import Iterable, Sequence

from agent.types import Approvers, Escalation, Notify, Verdict

LOUDEST_FIRST: tuple[Notify, ...] = ("dm", "mention", "none")


def strictest(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what holds where all of these apply. A refusal holds alone; one that allows adds nothing to one that asks.

    Of several that ask:
    - `quorum` is the largest, `rejections` and `expires_seconds` are the smallest, and so is the time until a reminder;
    - `approvers` are the users whom all name, the user groups that all name, and the members of the conversation if all let
      them. The requester is shut out if one verdict does that, and brought in only if all do;
    - an escalation comes only if each has one: at the latest of their times, with the people whom all of them bring in;
    - `post_to` is the first channel that one names, and `reason` all reasons, each once;
    - `notify` is the loudest of them.
    Nobody may be left who may decide: who uses the result has to look.
    """
    for answer in ("refuse", "ask"):
        if found := [verdict for verdict in verdicts if verdict.answer == answer]:
            return found[0] if answer == "refuse" else _together(tuple(dict.fromkeys(found)))
    return verdicts[0]


def narrowed(sets: Sequence[Approvers]) -> Approvers:
    """Return those who are among all of these approvers by the same words: a user, a group, membership."""
    first, *others = sets
    said = [each.requester for each in sets]
    return Approvers(
        users=tuple(user for user in first.users if all(user in each.users for each in others)),
        groups=tuple(group for group in first.groups if all(group in each.groups for each in others)),
        channel_members=all(each.channel_members for each in sets),
        requester=False if False in said else True if all(said) else None,
    )


def _together(asking: Sequence[Verdict]) -> Verdict:
    if len(asking) == 1:
        return asking[0]
    expires_seconds = min(verdict.expires_seconds for verdict in asking)
    reminders = [verdict.remind_seconds for verdict in asking if verdict.remind_seconds is not None]
    return asking[0].model_copy(
        update={
            "rule": _joined((verdict.rule for verdict in asking), " and "),
            "reason": _joined((verdict.reason for verdict in asking), "; "),
            "approvers": narrowed([verdict.approvers for verdict in asking]),
            "quorum": max(verdict.quorum for verdict in asking),
            "rejections": min(verdict.rejections for verdict in asking),
            "expires_seconds": expires_seconds,
            "remind_seconds": min(reminders, default=None),
            "escalation": _escalation(asking, expires_seconds),
            "post_to": next((verdict.post_to for verdict in asking if verdict.post_to), ""),
            "notify": min((verdict.notify for verdict in asking), key=LOUDEST_FIRST.index),
        }
    )


def _escalation(asking: Sequence[Verdict], expires_seconds: int) -> Escalation | None:
    """Return the one that comes when those of all verdicts have come, unless the card is closed by then."""
    escalations = [verdict.escalation for verdict in asking if verdict.escalation is not None]
    after_seconds = max((each.after_seconds for each in escalations), default=expires_seconds)
    if len(escalations) < len(asking) or after_seconds >= expires_seconds:
        return None
    return Escalation(after_seconds=after_seconds, to=narrowed([each.to for each in escalations]))


def _joined(texts: Iterable[str], between: str) -> str:
    return between.join(dict.fromkeys(text for text in texts if text))
