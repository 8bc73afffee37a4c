"""The tools that there are right now, and the agents that have them: MCP servers come and go while the bot runs."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.approvals.policy import Policy
from agent.approvals.policy import Rule as PolicyRule
from agent.model import windows
from agent.model.limits import PATIENCE, Patience
from agent.model.tool_search import rendered
from agent.prompts.eval_key import EvalKey, eval_key
from agent.prompts.labels import Labelled, Live, live_version
from agent.prompts.versions import PROMPTS, Registry, Version
from agent.run.runner import Agent
from agent.session.rules import Rules
from agent.store.sessions import session_id
from agent.tool.definition import Effect, Tool, Tools, registry
from agent.types import Pinned, Place
from bot.agents.packs import MEMORY, all_tools, chosen_packs
from bot.cards.review import can_show
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.sections import AgentSection
from tools.mcp import Bridge, Connection, Server
from tools.mcp.names import prefix

log = logging.getLogger(__name__)

MOST_NAMED = 5  # tools in a sentence
SERVER = "mcp:"  # begins the name of a pack that an MCP server offers


async def nothing_promoted(prompt: str) -> Live:
    """Return no label: what comes with the code is in use."""
    return {}


class Toolbox(Mapping[str, Tool]):
    """All tools by name: those of the packs, and those that MCP servers offer at the moment it is looked at."""

    def __init__(self, packs: Mapping[str, Sequence[Tool]], bridge: Bridge) -> None:
        self._own = dict(packs)
        self._bridge = bridge
        self._version = -1
        self._packs: dict[str, Sequence[Tool]] = {}
        self._tools: Tools = {}

    @property
    def version(self) -> int:
        """Return a number that is another one whenever there are other tools."""
        return self._bridge.version

    def packs(self) -> Mapping[str, Sequence[Tool]]:
        """Return the tools by the packs that signoff.yaml names."""
        if self._version != self._bridge.version:
            self._version = self._bridge.version
            tools = dict(all_tools(self._own))
            self._packs = dict(self._own)
            for name, pack in self._bridge.packs().items():
                self._packs[name] = [tool for tool in pack if self._is_new_name(tool, tools)]
                tools |= {tool.name: tool for tool in self._packs[name]}
            self._tools = registry(list(tools.values()))
        return self._packs

    def _is_new_name(self, tool: Tool, others: Tools) -> bool:
        """Return whether a tool's name is new; if not, it is left out. A server may change its tools at any time."""
        if tool.name in others:
            log.error("%s is left out: there is another tool of this name", tool.name)
        return tool.name not in others

    def _current_tools(self) -> Tools:
        self.packs()
        return self._tools

    def __getitem__(self, name: str) -> Tool:
        return self._current_tools()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current_tools())

    def __len__(self) -> int:
        return len(self._current_tools())


async def offered(servers: Sequence[Server]) -> tuple[Mapping[str, Sequence[Tool]], Sequence[str]]:
    """Return the packs of MCP servers, which are started for that and ended again; and a sentence for each that could be vouched
    for."""
    async with Bridge(servers) as bridge:
        return bridge.packs(), [sentence for one in bridge.connections if (sentence := vouching(one))]


def vouching(connection: Connection) -> str:
    """Return the sentence that says which reads of a server ask only because nobody vouches for them, and how to; or nothing."""
    names, server = connection.leaves_open(), connection.server.name
    if not names:
        return ""
    those = ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
    return (
        f"{server} does not say whether what its reads are asked stays with it, so these count as egress and ask: {those}. "
        f"If you know that it stays there, write `mcp: {{{server}: {{open_world: false}}}}` into signoff.yaml"
    )


async def known_tools(packs: Mapping[str, Sequence[Tool]], servers: Sequence[Server]) -> tuple[Tools, Sequence[str]]:
    """Return every tool there is, the servers being started for that and ended again; and how the names of those begin whose
    servers did not answer."""
    async with Bridge(servers) as bridge:
        offered = {tool.name: tool for pack in bridge.packs().values() for tool in pack}
        return registry(list({**offered, **all_tools(packs)}.values())), bridge.unseen()


class Agents:
    """The agents of signoff.yaml, each with the tools that there are when it is asked for.

    Raises Refusal for one that cannot be.
    """

    def __init__(
        self,
        config: Config,
        toolbox: Toolbox,
        patience: Patience = PATIENCE,
        labels: Callable[[str], Awaitable[Live]] = nothing_promoted,
        prompts_in: Registry = PROMPTS,
    ) -> None:
        self._config = config
        self._outage_time = patience.outage_time
        self._toolbox = toolbox
        self._labels, self._registry = labels, prompts_in
        self._live: dict[str, Live] = {}
        self._prompts: dict[tuple[str, str], Version | None] = {}  # by agent and what names it: a file is read once
        self._made: dict[tuple[str, int], tuple[int, Agent]] = {}
        for name in config.agents:
            self._agent(name, self._own_prompt(name))

    async def look_up(self, place: Place) -> None:
        """Look up which version of its prompt is live for the agent of a session's channel."""
        _, settings = self._config.agent_for(place.channel)
        if "@" not in settings.prompt:
            self._live[settings.prompt] = await self._labels(settings.prompt)

    def for_place(self, place: Place) -> Agent:
        """Return the agent of a session's channel, with the version of its prompt that is live for this session as of the last
        look."""
        name, settings = self._config.agent_for(place.channel)
        chosen = live_version(self._live.get(settings.prompt, {}), session_id(place))
        promoted = self._promoted(name, chosen) if chosen is not None else None
        return self._agent(name, promoted or self._own_prompt(name))

    def led_by(self, place: Place, prompt: str, chosen: Labelled) -> Agent | None:
        """Return the agent of a channel as a version of its prompt leads it. None: it follows another prompt, or a pinned
        version, or cannot be led by this one here."""
        name, settings = self._config.agent_for(place.channel)
        version = self._promoted(name, chosen) if settings.prompt == prompt else None
        return self._agent(name, version) if version is not None else None

    def _own_prompt(self, name: str) -> Version:
        """Return the version that signoff.yaml names, or that comes with the code. Raises Refusal."""
        version = self._prompts.get((name, ""))
        if version is None:
            try:
                version = self._prompts[name, ""] = self._registry.load(self._config.agents[name].prompt)
            except LookupError as error:
                raise Refusal(f"Agent {name}: {error.args[0]}.") from None
        return version

    def _promoted(self, name: str, chosen: Labelled) -> Version | None:
        """Return the version that a label points at. None: an agent cannot be led by it here, and the log says why, once."""
        key = (name, f"{chosen.version}:{chosen.digest}")
        if key not in self._prompts:
            settings = self._config.agents[name]
            reference = f"{settings.prompt}@{chosen.version}"
            try:
                self._prompts[key] = _as_promoted(self._registry.load(reference), chosen, settings)
            except LookupError as error:
                log.error("agent %s cannot be led by %s, and is not: %s", name, reference, error.args[0])
                self._prompts[key] = None
        return self._prompts[key]

    def _agent(self, name: str, prompt: Version) -> Agent:
        packs = self._toolbox.packs()
        version, agent = self._made.get((name, prompt.number), (-1, None))
        if agent is None or version != self._toolbox.version:
            agent = _agent(name, self._config, packs, prompt)
            agent = replace(agent, rules=replace(agent.rules, outage_time=self._outage_time))
            self._made[name, prompt.number] = self._toolbox.version, agent
        return agent


def _as_promoted(version: Version, chosen: Labelled, settings: AgentSection) -> Version:
    """Return a version that is word for word what was promoted, and has all its variables. Raises LookupError for any other."""
    if version.digest != chosen.digest:
        raise LookupError(f"this code has another text under that number than what was promoted ({chosen.digest})")
    version.filled(settings.variables)
    return version


def _agent(name: str, config: Config, packs: Mapping[str, Sequence[Tool]], prompt: Version) -> Agent:
    """Return an agent of signoff.yaml with a version of its prompt, and its tools. Raises Refusal for one that does not exist."""
    settings = with_settings(config.agents[name], prompt)
    chosen = chosen_packs(name, settings, packs)
    try:
        system = prompt.filled(settings.variables)
    except LookupError as error:
        raise Refusal(f"Agent {name}: {error.args[0]}.") from None
    tools = registry([tool for pack in chosen for tool in packs[pack]])
    pinned = Pinned(
        model=settings.model,
        system=system,
        tools=rendered(settings.model, [packs[pack] for pack in chosen]),
        agent=name,
        prompt=prompt.reference,
        prompt_digest=prompt.digest,
    )
    rules = Rules(
        tools,
        settings.max_iterations,
        settings.max_output_tokens,
        settings.budget.session_tokens,
        config.policy.judge,
        settings.bounds(),
        config.limits(name),
        {model: price.price() for model, price in config.prices.items()},
        windows.context_tokens(settings.model, settings.budget.session_tokens, settings.context_tokens),
        lambda proposed: can_show(proposed, tools),
        _people_wait(tools, config.policy),
        config.people.askers(),
        quiet_hours=config.quiet_hours.as_type() if config.quiet_hours is not None else None,
        remembers=MEMORY in chosen,
        **_learning(config, MEMORY in chosen),
    )
    return Agent(pinned, rules)


def eval_keys(config: Config, packs: Mapping[str, Sequence[Tool]], prompt: Version) -> Mapping[str, EvalKey]:
    """Return, by agent, what an eval of a version is of: for each agent that follows what is live of the prompt."""
    following = [name for name, settings in config.agents.items() if settings.prompt == prompt.name]
    return {name: eval_key_of(name, config, packs, prompt) for name in following}


def eval_key_of(name: str, config: Config, packs: Mapping[str, Sequence[Tool]], prompt: Version) -> EvalKey:
    """Return what an eval of a version with one agent is of. MCP servers need not be there: they count by their names. Rules that
    are about none of the agent's tools do not count. Raises LookupError where a variable of the version has no value."""
    own = with_settings(config.agents[name], prompt)
    prompt.filled(own.variables)
    servers = [pack for pack in (own.tools if own.tools is not None else packs) if pack.startswith(SERVER)]
    ours = None if own.tools is None else tuple(pack for pack in own.tools if not pack.startswith(SERVER))
    chosen = chosen_packs(name, own.model_copy(update={"tools": ours}), packs)
    offered = [(tool, tool.schema()) for pack in chosen if not pack.startswith(SERVER) for tool in packs[pack]]
    theirs = tuple(prefix(server.removeprefix(SERVER)) for server in servers)
    rules = [rule for rule in config.policy.rules if _concerns(rule, [tool for tool, _ in offered], theirs)]
    return eval_key(prompt, own.variables, own.model, offered, servers, replace(config.policy, rules=tuple(rules)))


def _concerns(rule: PolicyRule, offered: Sequence[Tool], theirs: tuple[str, ...]) -> bool:
    """Return whether a rule may be about one of these tools, or about one whose name begins in one of these ways."""
    begins = rule.tool.removesuffix("*")
    by_name = any(begins.startswith(one) or (begins != rule.tool and one.startswith(begins)) for one in theirs)
    return by_name or any(map(rule.covers, offered))


def with_settings(settings: AgentSection, prompt: Version) -> AgentSection:
    """Return an agent's settings with those of its prompt where signoff.yaml leaves them open."""
    wanted = prompt.settings.model_dump(exclude_none=True)
    return settings.model_copy(update={name: value for name, value in wanted.items() if name not in settings.model_fields_set})


def _learning(config: Config, remembers: bool) -> dict[str, Any]:
    """Return how an agent learns from what people said, if it remembers anything at all."""
    if config.memory is None or not remembers:
        return {}
    return {"learns_with": config.memory.learn_with, "learns_after": timedelta(seconds=config.memory.learn_after)}


def _people_wait(tools: Tools, policy: Policy) -> bool:
    """Return whether a call of one of these tools may have to wait for a person."""
    return any(tool.effect is not Effect.READ for tool in tools.values()) or any(
        rule.answer == "ask" and rule.covers(tool) for rule in policy.rules for tool in tools.values()
    )
