"""The doctor's look at policy: what the policy check finds, and people whom Slack does not have."""

from collections.abc import Iterator, Mapping, Sequence

from psycopg_pool import AsyncConnectionPool

from agent.approvals.deciders import approvers_after
from agent.approvals.policy import Policy, Rule, Tried
from agent.tool.definition import Tool, registry
from bot.agents.databases import look_at_sql
from bot.agents.packs import BUILT_IN, all_tools, tool_packs
from bot.agents.policy_check import lint, unknown_packs
from bot.commands.finding import Finding
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.slack.enough import EVERYBODY, NOT_SAID, Directory, absent, too_few

CHECK = "`signoff policy check` says the same, and explains single calls."


def rules(config: Config, offered: Mapping[str, Sequence[Tool]], unseen: Sequence[str]) -> Iterator[Finding]:
    """Yield what the policy check finds. `offered`: the packs of MCP servers; `unseen`: how tools of silent ones begin."""
    try:
        packs = tool_packs(AsyncConnectionPool(open=False), config, look_at_sql(config.databases))
        own = all_tools(packs)
    except Refusal:
        return  # which is a finding about the tool files
    known = {**{tool.name: tool for pack in offered.values() for tool in pack}, **own}
    for _, wrong in unknown_packs(config, [*(pack for pack in packs if pack != BUILT_IN), *offered]):
        yield Finding("fail", f"Tools: {wrong}.", "Correct its name in signoff.yaml.")
    for problem in lint(config.policy, registry(list(known.values())), unseen):
        yield Finding("warn", f"Policy: line {problem.line}: {problem.wrong}.", CHECK)


async def approvers(policy: Policy, directory: Directory) -> Sequence[Finding]:
    """Return which rules name people who cannot approve, or ask more people than there are. Nothing where Slack does not say."""
    asking = [rule for rule in policy.rules if rule.answer == "ask"]
    try:
        everybody = await directory.listed(EVERYBODY) if asking else frozenset[str]()
        return [finding for rule in asking for finding in await _of(rule, everybody, directory)]
    except NOT_SAID as error:
        return [Finding("warn", f"Policy: whether its approvers are there could not be looked up ({error}).")]


async def _of(rule: Rule, everybody: frozenset[str], directory: Directory) -> Sequence[Finding]:
    verdict = Tried(rule, matched=True).verdict()
    named = approvers_after(verdict, verdict.expires_seconds - 1)
    gone = [each.sentence(each.id) for each in await absent(named, directory)]
    requester = sorted(everybody - set(named.users) or everybody)[:1]  # somebody else, if there is anybody
    few = await too_few(verdict, requester, EVERYBODY, directory)
    where, mend = f"Policy: line {rule.line}", "Name others in signoff.yaml, or ask fewer."
    if few is not None:
        able, lacking = few
        why = ", ".join(dict.fromkeys([*(each.sentence(each.id) for each in lacking), *gone]))
        return [Finding("warn", f"{where}: {able} of the {rule.quorum} people whom it takes can approve ({why}).", mend)]
    return [Finding("warn", f"{where}: {', '.join(gone)}.", mend)] if gone else []
