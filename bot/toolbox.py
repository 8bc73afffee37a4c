"""The tools that there are right now, and the agents that have them: MCP servers come and go while the bot runs."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import prompts
from agent import prompts as registry_of_prompts
from agent import windows
from agent.patience import PATIENCE, Patience
from agent.policy import Policy
from agent.rules import Rules
from agent.runner import Agent
from agent.tool import Effect, Tool, Tools, registry
from agent.tool_search import rendered
from agent.types import Pinned, Place
from bot.config import Config
from bot.packs import all_tools, chosen_packs
from bot.policy_check import unkeepable
from bot.refusal import Refusal
from tools.mcp import Bridge, Server

log = logging.getLogger(__name__)

PROMPTS = Path(prompts.__file__).parent


class Toolbox(Mapping[str, Tool]):
    """All tools by name: those of the packs, and those that MCP servers offer at the moment it is looked at."""

    def __init__(self, packs: Mapping[str, Sequence[Tool]], bridge: Bridge, policy: Policy) -> None:
        self._own = dict(packs)
        self._bridge = bridge
        self._policy = policy
        self._version = -1
        self._packs: dict[str, Sequence[Tool]] = {}
        self._tools: Tools = {}

    @property
    def version(self) -> int:
        """Another one whenever there are other tools."""
        return self._bridge.version

    def packs(self) -> Mapping[str, Sequence[Tool]]:
        """The tools by the packs that signoff.yaml names."""
        if self._version != self._bridge.version:
            self._version = self._bridge.version
            tools = dict(all_tools(self._own))
            self._packs = dict(self._own)
            for name, pack in self._bridge.packs().items():
                self._packs[name] = [tool for tool in pack if self._fits(tool, tools)]
                tools |= {tool.name: tool for tool in self._packs[name]}
            self._tools = registry(list(tools.values()))
        return self._packs

    def _fits(self, tool: Tool, others: Tools) -> bool:
        """A server may change what it says of a tool at any time: where that cannot be, it costs that tool alone."""
        if tool.name in others:
            log.error("%s is left out: there is another tool of this name", tool.name)
            return False
        rule = next((rule for rule in self._policy.rules if rule.tool == tool.name and unkeepable(rule, tool)), None)
        if rule is not None:
            log.error("signoff.yaml, line %d: %s is left out: %s", rule.line, tool.name, unkeepable(rule, tool))
        return rule is None

    def _now(self) -> Tools:
        self.packs()
        return self._tools

    def __getitem__(self, name: str) -> Tool:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


async def offered(servers: Sequence[Server]) -> Mapping[str, Sequence[Tool]]:
    """The packs of MCP servers, which are started for that and ended again."""
    async with Bridge(servers) as bridge:
        return bridge.packs()


async def known_tools(packs: Mapping[str, Sequence[Tool]], servers: Sequence[Server]) -> tuple[Tools, Sequence[str]]:
    """Every tool there is, the servers being started for that and ended again; and how the names of those begin whose servers
    did not answer."""
    async with Bridge(servers) as bridge:
        offered = {tool.name: tool for pack in bridge.packs().values() for tool in pack}
        return registry(list({**offered, **all_tools(packs)}.values())), bridge.unseen()


class Agents:
    """The agents of signoff.yaml, each with the tools that there are when it is asked for.

    Raises Refusal for one that cannot be.
    """

    def __init__(self, config: Config, toolbox: Toolbox, patience: Patience = PATIENCE) -> None:
        self._config = config
        self._outage_time = patience.outage_time
        self._toolbox = toolbox
        self._made: dict[str, tuple[int, Agent]] = {}
        for name in config.agents:
            self._agent(name)

    def for_place(self, place: Place) -> Agent:
        """The agent of a session's channel."""
        return self._agent(self._config.agent_for(place.channel)[0])

    def _agent(self, name: str) -> Agent:
        packs = self._toolbox.packs()
        version, agent = self._made.get(name, (-1, None))
        if agent is None or version != self._toolbox.version:
            agent = _agent(name, self._config, packs)
            agent = replace(agent, rules=replace(agent.rules, outage_time=self._outage_time))
            self._made[name] = self._toolbox.version, agent
        return agent


def _agent(name: str, config: Config, packs: Mapping[str, Sequence[Tool]]) -> Agent:
    """An agent of signoff.yaml with its prompt and tools. Raises Refusal for one that does not exist."""
    settings = config.agents[name]
    chosen = chosen_packs(name, settings, packs)
    try:
        prompt = registry_of_prompts.load(PROMPTS, settings.prompt)
    except LookupError as error:
        raise Refusal(f"Agent {name}: {error.args[0]}.") from None
    tools = registry([tool for pack in chosen for tool in packs[pack]])
    pinned = Pinned(
        model=settings.model,
        system=prompt.text,
        tools=rendered(settings.model, [packs[pack] for pack in chosen]),
        agent=name,
        prompt=prompt.reference,
        prompt_digest=prompt.digest,
    )
    rules = Rules(
        tools,
        settings.max_iterations,
        settings.budget.session_tokens,
        config.policy.judge,
        settings.cards_per_hour,
        config.limits(name),
        {model: price.price() for model, price in config.prices.items()},
        windows.context_tokens(settings.model, settings.budget.session_tokens, settings.context_tokens),
        _people_wait(tools, config.policy),
    )
    return Agent(pinned, rules)


def _people_wait(tools: Tools, policy: Policy) -> bool:
    """Whether a call of one of these tools may have to wait for a person."""
    return any(tool.effect is not Effect.READ for tool in tools.values()) or any(
        rule.answer == "ask" and rule.tool in tools for rule in policy.rules
    )
