"""What policy says of a call. Pure: rules are data, and a call, who asked and where decide which of them speaks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent import hosts
from agent.condition import Condition, UnclearConditionError
from agent.tool import Effect, Tool
from agent.types import Approvers, Asker, Escalation, Verdict

DAY_SECONDS = 24 * 3600
ANY_MEMBER = Approvers(channel_members=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: which calls it is for, and what is said of them."""

    tool: str  # exact name
    when: Condition | None = None  # None: every call of the tool
    answer: Literal["allow", "ask", "refuse"] = "ask"
    approvers: Approvers = ANY_MEMBER
    quorum: int = 1
    rejections: int = 1
    expires_seconds: int = DAY_SECONDS
    remind_seconds: int | None = None
    escalation: Escalation | None = None
    post_to: str = ""
    name: str = ""  # "rule 2 of signoff.yaml, line 14"
    line: int = 0  # in the file, from 1

    def __str__(self) -> str:
        """As a card shows it."""
        condition = f" when {' '.join(self.when.text.split())}" if self.when else ""
        return f"{self.name}: {self.tool}{condition}".removeprefix(": ")


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was held against a call. `matched` is None where the condition could not be evaluated, for the reason `why`."""

    rule: Rule
    matched: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in their order. The first that matches a call makes the verdict; without one reads run, reads that send
    something out run for allowed hosts, and the rest asks."""

    rules: tuple[Rule, ...] = ()
    allowed_hosts: tuple[str, ...] = ()  # as `hosts.host_pattern` gives them

    def judge(self, tool: Tool, arguments: Mapping[str, Any], asker: Asker) -> Verdict:
        """The verdict for a call of `tool` with validated arguments, with the rule that made it.

        Where several people asked together, each is judged alone and the strictest verdict holds. A call that enough people
        could never approve is refused at once.
        """
        requesters = asker.users or ("",)
        default = _default(tool, arguments, self.allowed_hosts)
        verdicts = {
            _verdict(self.tried(tool.name, arguments, requester, asker.channel), asker.users, default): None
            for requester in requesters
        }
        return _strictest(tuple(verdicts))

    def tried(self, tool: str, arguments: Mapping[str, Any], requester: str, channel: str) -> tuple[Tried, ...]:
        """The tool's rules up to the first that matches, or whose condition cannot be evaluated, which counts as matched."""
        tried: list[Tried] = []
        for rule in self.rules:
            if rule.tool != tool:
                continue
            try:
                matched = rule.when is None or rule.when.holds(arguments, requester, channel)
                tried.append(Tried(rule, matched))
            except UnclearConditionError as unclear:
                tried.append(Tried(rule, None, str(unclear)))
            if tried[-1].matched is not False:
                break
        return tuple(tried)

    def speaking(self, tool: Tool) -> tuple[Verdict, ...]:
        """What may be said of a call of the tool, whatever its arguments: each rule that can be reached and, where all of
        them have conditions, the default."""
        verdicts: list[Verdict] = []
        for rule in self.rules:
            if rule.tool == tool.name:
                verdicts.append(Verdict(answer=rule.answer, rule=str(rule)))
                if rule.when is None:
                    return tuple(verdicts)
        return (*verdicts, _default(tool, {}, self.allowed_hosts))


def _verdict(tried: tuple[Tried, ...], requesters: tuple[str, ...], default: Verdict) -> Verdict:
    last = tried[-1] if tried else None
    if last is None or last.matched is False:
        return default
    rule = last.rule
    if last.matched is None:
        unclear = f"{rule} (this could not be evaluated, so it asks)"
        if rule.answer != "ask":
            return Verdict(answer="ask", rule=unclear)
        return _asking(rule, unclear, requesters)
    if rule.answer != "ask":
        return Verdict(answer=rule.answer, rule=str(rule))
    return _asking(rule, str(rule), requesters)


def _default(tool: Tool, arguments: Mapping[str, Any], allowed_hosts: tuple[str, ...]) -> Verdict:
    """What is said where no rule speaks. A read that sends something out runs only where every host is known and allowed."""
    if tool.effect is Effect.READ:
        return Verdict(answer="allow", rule="default (reads run)")
    asks = f"one member approves each {tool.effect} call"
    if tool.effect is not Effect.EGRESS:
        return Verdict(answer="ask", rule=f"default ({asks})")
    named = hosts.named(arguments)
    strange = [host for host in named.hosts if not hosts.is_allowed(host, allowed_hosts)]
    if strange:
        return Verdict(answer="ask", rule=f"default ({asks} to a host that is not allowed: {hosts.in_words(strange)})")
    if named.unclear or not named.hosts:
        return Verdict(answer="ask", rule=f"default ({asks} that does not clearly say to which host)")
    return Verdict(answer="allow", rule=f"default (egress runs for allowed hosts: {hosts.in_words(named.hosts)})")


def _asking(rule: Rule, words: str, requesters: tuple[str, ...]) -> Verdict:
    """The rule's question, or a refusal where those whom it names are too few once the people who asked are left out.

    Where fewer are left than must reject, all of them are enough: nobody should be able to say yes only.
    """
    verdict = Verdict(
        answer="ask",
        rule=words,
        approvers=rule.approvers,
        quorum=rule.quorum,
        rejections=rule.rejections,
        expires_seconds=rule.expires_seconds,
        remind_seconds=rule.remind_seconds,
        escalation=rule.escalation,
        post_to=rule.post_to,
    )
    left = how_many(deciders(verdict, verdict.expires_seconds - 1), requesters)
    if left is None:
        return verdict
    if left < rule.quorum:
        return Verdict(answer="refuse", rule=f"{words}; fewer than {rule.quorum} of those who may approve it are left")
    return verdict.model_copy(update={"rejections": min(rule.rejections, left)})


def _strictest(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The one whose approval satisfies all the others. Where there is none nobody could approve for all: it is refused."""
    for answer in ("refuse", "ask", "allow"):
        candidates = [verdict for verdict in verdicts if verdict.answer == answer]
        for strict in candidates:
            if answer == "refuse" or all(suffices(strict, other) for other in verdicts):
                return strict
        if candidates:
            break
    rules = " and ".join(dict.fromkeys(verdict.rule for verdict in verdicts))
    return Verdict(answer="refuse", rule=f"{rules}: no approval could satisfy all of these for the people who asked together")


def suffices(approved: Verdict, now: Verdict) -> bool:
    """Whether what was approved still satisfies policy as it is now: only a stricter outcome asks anew.

    Stricter is what some approval that counted would not have passed: more approvals, fewer rejections (one may have been
    cast), an earlier end, or somebody who could decide at some moment and could not at that moment now, be it because an
    escalation comes later or brings in fewer people. Reminders and where the card stands change nothing.
    """
    if now.answer == "refuse":
        return False
    if now.answer == "allow":
        return True
    if approved.answer != "ask":
        return False  # nobody was asked
    if approved.quorum < now.quorum or approved.rejections > now.rejections or approved.expires_seconds > now.expires_seconds:
        return False
    escalations = [verdict.escalation.after_seconds for verdict in (approved, now) if verdict.escalation]
    moments = [0, *(seconds for seconds in escalations if seconds < approved.expires_seconds)]
    return not any(wider(deciders(approved, moment), deciders(now, moment)) for moment in moments)


# ------------------------------------------------------------------------------------------------ who may decide


def widened(approvers: Approvers, to: Approvers) -> Approvers:
    """Who may decide after an escalation: both sets. What a rule says of those who asked stands; `to` says it only where
    the rule says nothing."""
    return Approvers(
        users=tuple(dict.fromkeys((*approvers.users, *to.users))),
        groups=tuple(dict.fromkeys((*approvers.groups, *to.groups))),
        channel_members=approvers.channel_members or to.channel_members,
        requester=to.requester if approvers.requester is None else approvers.requester,
    )


def wider(approvers: Approvers, than: Approvers) -> bool:
    """Whether somebody may be among the approvers and not among those of `than`, whoever is in a group or asks."""
    if than.requester is False and approvers.requester is not False:
        return True
    if approvers.requester and not than.requester:
        return True
    beyond = set(approvers.users) - set(than.users) or set(approvers.groups) - set(than.groups)
    return bool(beyond) or (approvers.channel_members and not than.channel_members)


def how_many(approvers: Approvers, requesters: Collection[str]) -> int | None:
    """How many people these are where `requesters` asked. None: that depends on who is in a group or in the conversation."""
    if approvers.groups or approvers.channel_members:
        return None
    named = set(approvers.users)
    if approvers.requester is not None:
        named = named | set(requesters) if approvers.requester else named - set(requesters)
    return len(named)


def deciders(verdict: Verdict, seconds: int) -> Approvers:
    """Who may decide when the action has waited so long."""
    escalation = verdict.escalation
    if escalation is None or seconds < escalation.after_seconds:
        return verdict.approvers
    return widened(verdict.approvers, escalation.to)
