"""What is different between a card and the one that takes its place: what people read before they decide again."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from agent.session.steps import ProposedAction
from agent.tool.bound import resolved_otherwise
from agent.types import Approvers, Change, Preview, Verdict, Wording

WORDS = {
    "effect": "Effect",
    "verb": "Button",
    "consequence": "What it does",
    "undo": "Whether it can be undone",
    "headline": "In one line",
}

TOOL_CHANGED = Change(what="What the tool is", before="as it was described then", after="described otherwise by now")


def differences(before: ProposedAction, now: ProposedAction) -> tuple[Change, ...]:
    """Return what the two cards of one call do not say alike, each with before and now; nothing where only time has passed."""
    found = (
        *resolved_otherwise(before.arguments, now.arguments),
        *_worded(before.wording, now.wording),
        *_foreseen(before.preview, now.preview),
        *_described(before, now),
        *_judged(before, now),
    )
    return tuple(dict.fromkeys(found))


def _worded(before: Wording | None, now: Wording | None) -> Iterator[Change]:
    if before is None or now is None:
        return
    for field, label in WORDS.items():
        was, is_now = getattr(before, field), getattr(now, field)
        if was != is_now:
            yield Change(what=label, before=was or "(nothing)", after=is_now or "(nothing)")


def _foreseen(before: Preview | None, now: Preview | None) -> Iterator[Change]:
    if before is None or now is None:
        return
    yield from resolved_otherwise(before.bound, now.bound)
    if before.headline != now.headline:
        yield Change(what="In one line", before=before.headline, after=now.headline)
    were = {change.what: change for change in before.changes}
    for change in now.changes:
        was = were.get(change.what)
        if was is not None and was.after != change.after:
            yield Change(what=change.what, before=was.after, after=change.after)


def _described(before: ProposedAction, now: ProposedAction) -> Iterator[Change]:
    if before.described and now.described and before.described != now.described:
        yield TOOL_CHANGED


def _judged(before: ProposedAction, now: ProposedAction) -> Iterator[Change]:
    for label, words in VERDICT.items():
        was, is_now = words(before.verdict), words(now.verdict)
        if was != is_now:
            yield Change(what=label, before=was or "(nothing)", after=is_now or "(nothing)")


def _who(approvers: Approvers) -> str:
    """Return those people by their ids; the card names them below its buttons."""
    groups = [f"group {group}" for group in approvers.groups]
    members = ["members of the conversation"] if approvers.channel_members else []
    asked = {True: ["the requester"], False: ["not the requester"], None: list[str]()}[approvers.requester]
    return ", ".join([*approvers.users, *groups, *members, *asked]) or "nobody"


def _escalates(verdict: Verdict) -> str:
    found = verdict.escalation
    return f"after {_time(found.after_seconds)} to {_who(found.to)}" if found is not None else ""


def _time(seconds: int) -> str:
    return str(timedelta(seconds=seconds))


VERDICT: Mapping[str, Callable[[Verdict], str]] = {
    "Rule": lambda verdict: verdict.rule,
    "Why people are asked": lambda verdict: verdict.reason,
    "Who may decide": lambda verdict: _who(verdict.approvers),
    "Approvals needed": lambda verdict: str(verdict.quorum),
    "Rejections needed": lambda verdict: str(verdict.rejections),
    "Time to decide": lambda verdict: _time(verdict.expires_seconds),
    "Escalation": _escalates,
}
