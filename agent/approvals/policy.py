"""What policy says of a call. Pure: rules are data, and a call, who asked and where decide which of them speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.approvals import hosts
from agent.approvals.condition import Condition, UnclearConditionError
from agent.approvals.deciders import approvers_after, how_many, wider, without_requesters
from agent.approvals.strictest import strictest
from agent.tool.definition import Effect, Tool
from agent.types import Approvers, Asker, Escalation, Notify, Verdict

DAY_SECONDS = 24 * 3600
ANY_MEMBER = Approvers(channel_members=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: which calls it is for, and what is said of them.

    Wide because it is one rule of signoff.yaml, a field a key.
    """

    tool: str  # a tool's name; with a * at its end: how the names of its tools begin
    effect: tuple[Effect, ...] = ()  # only tools of these; none named: of every effect
    when: Condition | None = None  # None: every call
    answer: Literal["allow", "ask", "refuse"] = "ask"
    approvers: Approvers = ANY_MEMBER
    quorum: int = 1
    rejections: int = 1
    expires_seconds: int = DAY_SECONDS
    remind_seconds: int | None = None
    escalation: Escalation | None = None
    post_to: str = ""
    notify: Notify = "dm"
    reason: str = ""  # in plain words, for people
    name: str = ""  # "rule 2 of signoff.yaml, line 14"
    line: int = 0  # in the file, from 1

    def __str__(self) -> str:
        """Return it as a card shows it."""
        effects = f" ({', '.join(self.effect)})" if self.effect else ""
        condition = f" when {' '.join(self.when.text.split())}" if self.when else ""
        return f"{self.name}: {self.tool}{effects}{condition}".removeprefix(": ")

    def covers(self, tool: Tool) -> bool:
        """Return whether it is for calls of this tool, whatever their arguments."""
        return self.names(tool.name) and (not self.effect or tool.effect in self.effect)

    def names(self, tool: str) -> bool:
        """Return whether its `tool` means the one of this name, whatever its effect."""
        return tool.startswith(self.tool[:-1]) if self.tool.endswith("*") else tool == self.tool

    def held_against(self, arguments: Mapping[str, Any], requester: str, channel: str) -> "Tried":
        """Return what its condition makes of a call."""
        try:
            return Tried(self, self.when is None or self.when.holds(arguments, requester, channel))
        except UnclearConditionError as unclear:
            return Tried(self, None, str(unclear))


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was held against a call. `matched` is None where the condition could not be evaluated, for the reason `why`."""

    rule: Rule
    matched: bool | None
    why: str = ""

    @property
    def counts(self) -> bool:
        """Return whether the rule speaks: an unclear one does unless it would allow."""
        return self.rule.answer != "allow" if self.matched is None else self.matched

    def verdict(self) -> Verdict:
        """Return what the rule says of the call that it counts for."""
        rule = self.rule
        unclear = f" ({self.why}, so it counts as matched)" if self.matched is None else ""
        if rule.answer != "ask":
            return Verdict(answer=rule.answer, rule=f"{rule}{unclear}", reason=rule.reason)
        return Verdict(
            answer="ask",
            rule=f"{rule}{unclear}",
            reason=rule.reason,
            approvers=rule.approvers,
            quorum=rule.quorum,
            rejections=rule.rejections,
            expires_seconds=rule.expires_seconds,
            remind_seconds=rule.remind_seconds,
            escalation=rule.escalation,
            post_to=rule.post_to,
            notify=rule.notify,
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in their order. The first that matches a call makes the verdict; without one reads run, reads that send
    something out run for allowed hosts, and the rest asks.

    A rule whose condition is unclear never makes it laxer: one that refuses counts as matched, one that allows as not matched,
    and one that asks as both. Where it counts, what the rules behind it say holds as well. The default is no rule: it speaks
    only where none counts.
    """

    rules: tuple[Rule, ...] = ()
    allowed_hosts: tuple[str, ...] = ()  # as `hosts.host_pattern` gives them

    def judge(self, tool: Tool, arguments: Mapping[str, Any], asker: Asker) -> Verdict:
        """Return the verdict for a call of `tool` with validated arguments, with the rules that made it.

        Where several people asked together, each is judged alone and all their verdicts hold. A call that enough people
        could never approve is refused at once.
        """
        default = _default(tool, arguments, self.allowed_hosts, asker)
        verdicts = [
            verdict
            for requester in asker.users or ("",)
            for verdict in _verdicts(self.tried(tool, arguments, requester, asker.channel), default)
        ]
        if tool.effect is Effect.IRREVERSIBLE and not asker.direct:
            verdicts = [_by_somebody_else(verdict) for verdict in verdicts]
        return _with_enough_people(strictest(verdicts), asker.users)

    def tried(self, tool: Tool, arguments: Mapping[str, Any], requester: str, channel: str) -> tuple[Tried, ...]:
        """Return the tool's rules up to the first behind which nothing matters: that surely matches, or refuses."""
        tried: list[Tried] = []
        for rule in self.rules:
            if rule.covers(tool):
                tried.append(rule.held_against(arguments, requester, channel))
                if tried[-1].matched or (tried[-1].counts and rule.answer == "refuse"):
                    break
        return tuple(tried)

    def speaking(self, tool: Tool) -> tuple[Verdict, ...]:
        """Return what may be said of a call of the tool, whatever its arguments: each rule that can be reached and, where all
        of them have conditions, the default."""
        verdicts: list[Verdict] = []
        for rule in self.rules:
            if rule.covers(tool):
                verdicts.append(Verdict(answer=rule.answer, rule=str(rule), reason=rule.reason))
                if rule.when is None:
                    return tuple(verdicts)
        return (*verdicts, _default(tool, {}, self.allowed_hosts, None))


def _verdicts(tried: tuple[Tried, ...], default: Verdict) -> tuple[Verdict, ...]:
    """Return what all the rules say that count, or the default; the first also says which would have allowed the call."""
    first, *others = [each.verdict() for each in tried if each.counts] or [default]
    passed = [
        f"{each.rule.name or each.rule} does not allow it, since {each.why}" for each in tried if not each.counts and each.why
    ]
    return (first.model_copy(update={"rule": "; ".join([first.rule, *passed])}), *others)


def _default(tool: Tool, arguments: Mapping[str, Any], allowed_hosts: tuple[str, ...], asker: Asker | None) -> Verdict:
    """Return the verdict where no rule speaks. A read that sends something out runs only if every host is known and allowed.

    `asker`: None where it is not about one call. A harmless write runs, but not after something from outside was read: that may
    have asked for it.
    """
    if tool.effect is Effect.READ:
        return Verdict(answer="allow", rule="default (reads run)")
    if tool.harmless is not None and asker is not None and not asker.read_outside and tool.harmless(arguments):
        return Verdict(answer="allow", rule="default (what is remembered for here runs while nothing from outside was read)")
    asks = f"one member approves each {tool.effect} call"
    if tool.effect is not Effect.EGRESS:
        return Verdict(answer="ask", rule=f"default ({asks})")
    named = hosts.hosts_named(arguments)
    strange = [host for host in named.hosts if not hosts.is_allowed(host, allowed_hosts)]
    if strange:
        return Verdict(answer="ask", rule=f"default ({asks} to a host that is not allowed: {hosts.hosts_in_words(strange)})")
    if named.unclear:
        return Verdict(answer="ask", rule=f"default ({asks} that does not clearly say to which host)")
    if not named.hosts:
        return Verdict(answer="ask", rule=f"default ({asks}: what it is asked may leave the tool's own server)")
    return Verdict(answer="allow", rule=f"default (egress runs for allowed hosts: {hosts.hosts_in_words(named.hosts)})")


def _by_somebody_else(verdict: Verdict) -> Verdict:
    """Return the verdict on what cannot be undone: those who asked are not enough, unless the rule says that they are."""
    return verdict.model_copy(update={"approvers": without_requesters(verdict.approvers)})


def _with_enough_people(verdict: Verdict, requesters: tuple[str, ...]) -> Verdict:
    """Return the verdict, or a refusal where those whom it names are too few once the people who asked are left out.

    Where fewer are left than must reject, all of them are enough: nobody should be able to say yes only.
    """
    left = how_many(approvers_after(verdict, verdict.expires_seconds - 1), requesters) if verdict.answer == "ask" else None
    if left is None:
        return verdict
    if left < verdict.quorum:
        few = f"fewer than {verdict.quorum} of those who may approve it are left" if left else "nobody is left who may approve it"
        return Verdict(answer="refuse", rule=f"{verdict.rule}; {few}", reason=verdict.reason)
    return verdict.model_copy(update={"rejections": min(verdict.rejections, left)})


def suffices(approved: Verdict, now: Verdict) -> bool:
    """Return whether what was approved still satisfies policy as it is now: only a stricter outcome asks anew.

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
    return not any(wider(approvers_after(approved, moment), approvers_after(now, moment)) for moment in moments)
