"""`signoff tools`: which tools there are and what policy says of them, and what is wrong with how they are described."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from agent.approvals.policy import Policy
from agent.model.tool_search import MOST_TOOLS, searches
from agent.tool.definition import Effect, Tool
from bot.agents.packs import Packs, all_tools, chosen_packs
from bot.config.file import Config


def tool_rows(packs: Packs, policy: Policy) -> Sequence[tuple[str, str, str, str]]:
    """Return of each tool: name, effect, where it comes from, and the rule that speaks first for a call of it."""
    tools = all_tools(packs)
    origins = {tool.name: pack for pack, tools in packs.items() for tool in tools}
    return [(tool.name, str(tool.effect), origins[tool.name], _rules_text(policy, tool)) for tool in tools.values()]


def listing(rows: Sequence[tuple[str, str, str, str]]) -> Sequence[str]:
    """Return a line a tool, its columns below each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [f"{name:{widths[0]}}  {effect:{widths[1]}}  {origin:{widths[2]}}  {said}" for name, effect, origin, said in rows]


def _rules_text(policy: Policy, tool: Tool) -> str:
    first, *others = policy.speaking(tool)
    return f"{first.answer}: {first.rule}" + (f", else {', '.join(each.rule for each in others)}" if others else "")


# ---------------------------------------------------------------------------------------------- descriptions


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that a description should say: words that show it, and what to do where there are none."""

    words: str
    mend: str

    def missing(self, description: str) -> bool:
        """Return whether the description lacks it, as far as words can tell."""
        return re.search(rf"\b(?:{self.words})\b", description, re.IGNORECASE) is None


SHORTEST = 40  # characters that say anything at all
WHEN = Wanted(
    "(call|use) (it|this)|whenever|when (someone|people|a|an|the|you)", "does not say when to call it: add “Call it when …”"
)
BEFORE = Wanted(
    "first|before|needs?|requires?|must|without|exactly|nothing is needed",
    "states no precondition: add “Needs …”, “First …”, or “Nothing is needed before it”",
)
RETURNS = Wanted("comes? back|returns?|answers? with|gives|result", "does not say what comes back: add “Comes back: …”")
ERRORS = Wanted(
    "errors?|fails?|not_found|invalid_input|permission_denied|timeout|unexpected",
    "does not say how errors look: add “Errors: not_found (…), …” with what to do then",
)
AGAIN = Wanted(
    "again|repeat(ed|ing)?|twice|idempotent|only once",
    "does not say whether calling it again is safe: add “Calling it again is safe” or what it would do",
)
ALL = (WHEN, BEFORE, RETURNS, ERRORS, AGAIN)


def lint(config: Config, packs: Packs, *, servers: bool = False) -> Sequence[str]:
    """Return what should be mended, a sentence each without its full stop. Words can tell only what is missing, not what is
    good.

    `servers`: also what tools of MCP servers lack, whose words the team cannot change.
    """
    all_tools(packs)
    read = [pack for pack in packs if servers or not pack.startswith("mcp:")]
    return [
        *(found for pack in read for tool in packs[pack] for found in _described(tool, _siblings(tool, packs[pack]))),
        *(found for pack in packs for tool in packs[pack] for found in _ungated(config.policy, tool)),
        *_crowded(config, packs),
    ]


def _siblings(tool: Tool, pack: Sequence[Tool]) -> Sequence[str]:
    return [other.name for other in pack if other is not tool]


def _described(tool: Tool, siblings: Sequence[str]) -> Iterator[str]:
    """Yield what a description lacks. `siblings`: what else is in its pack, and might be called by mistake."""
    description = tool.description
    if len(description) < SHORTEST:
        yield f"{tool.name} has a description of {len(description)} characters, and a model knows the tool by nothing else"
    yield from (f"{tool.name} {wanted.mend}" for wanted in ALL if wanted.missing(description))
    if siblings and "instead" not in description and not any(name in description for name in siblings):
        similar = max(siblings, key=lambda name: SequenceMatcher(None, tool.name, name).ratio())
        yield f"{tool.name} does not say when to call a similar tool: name {similar}, for example, with “instead”"
    properties: Mapping[str, Mapping[str, object]] = tool.schema()["input_schema"].get("properties", {})
    for name, schema in properties.items():
        if not schema.get("description"):
            yield f"{tool.name} does not describe its argument {name}: add `Field(description=…)` to its type"


def _ungated(policy: Policy, tool: Tool) -> Iterator[str]:
    if tool.effect is Effect.READ:
        return
    for verdict in policy.speaking(tool):
        if verdict.answer == "allow":
            yield f"{tool.name} is {_article(tool)} call that nobody is asked about: {verdict.rule}"


def _article(tool: Tool) -> str:
    return f"an {tool.effect}" if tool.effect in (Effect.EGRESS, Effect.IRREVERSIBLE) else f"a {tool.effect}"


def _crowded(config: Config, packs: Packs) -> Iterator[str]:
    for name, agent in config.agents.items():
        count = sum(len(packs[pack]) for pack in chosen_packs(name, agent, packs))
        if count > MOST_TOOLS and not searches(agent.model):
            wrong = f"over {MOST_TOOLS} a model takes the wrong one more often"
            yield f"agent {name} has {count} tools, and {wrong}: give it fewer, or a model that the API searches tools for"
