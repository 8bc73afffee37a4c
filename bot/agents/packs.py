"""Tool packs by the names that signoff.yaml knows them by: those that come with the bot, and Python files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg_pool import AsyncConnectionPool
from slack_sdk.web.async_client import AsyncWebClient

from agent.memory.long_results import read_output
from agent.prompts.versions import PROMPTS
from agent.store.eval_runs import EvalRuns
from agent.store.kept import KeptWhole
from agent.store.prompt_labels import PromptLabels
from agent.tool.definition import Tool, Tools, registry
from bot.agents.remembering import unconnected
from bot.agents.tool_files import load_tool_file
from bot.config.file import AgentSection, Config
from bot.config.refusal import Refusal
from bot.slack.readers import SlackReaders
from bot.slack.tool_port import SlackPort
from tools.catalog import catalog
from tools.memory import Memory, memory_tools
from tools.prompts import Promoting, promote_prompt
from tools.slack import Slack, slack, slack_channels
from tools.web import web

# Only for agents that name them: "all there are" leaves these out. People who talk to an agent may always have it read their own
# thread and say who somebody is; other channels are another matter.
PROMPTS_PACK = "prompts"  # there where signoff.yaml has the section `promotion`
ON_REQUEST = frozenset({"web", "slack:channels", PROMPTS_PACK})
BROUGHT_ALONG = {"slack": "slack:channels"}  # who names the first pack means the second, too

MEMORY = "memory"  # there where signoff.yaml has the section of this name
BUILT_IN = "built in"  # what every agent has, whatever its packs

Packs = Mapping[str, Sequence[Tool]]
NONE: Packs = {}


def tool_packs(
    pool: AsyncConnectionPool[Any],
    config: Config,
    databases: Packs = NONE,
    workspace: Slack | None = None,
    remembered: Memory | None = None,
    promoting: Tool | None = None,
) -> dict[str, Sequence[Tool]]:
    """Return all of them, those of the named databases too. As long as no tool is run, the pool need not be open, nor Slack be
    there.

    Raises Refusal for a file that is none of tools.
    """
    named = [name for agent in config.agents.values() for name in agent.tools or () if is_file(name)]
    files = {name: load_tool_file(Path(name)) for name in dict.fromkeys(named)}
    port = workspace or SlackPort(AsyncWebClient(), AsyncWebClient(), "", SlackReaders(AsyncWebClient(), ""))
    return {
        BUILT_IN: [read_output(KeptWhole(pool))],
        "catalog": catalog(pool),
        **({MEMORY: memory_tools(remembered or unconnected())} if config.memory is not None else {}),
        "slack": slack(port),
        "slack:channels": slack_channels(port),
        **({PROMPTS_PACK: [promoting or promote_prompt(_nobody_promotes(pool))]} if config.promotion is not None else {}),
        "web": web(config.policy.allowed_hosts),
        **databases,
        **files,
    }


def _nobody_promotes(pool: AsyncConnectionPool[Any]) -> Promoting:
    """Return what the tool that promotes is looked at with, and not run."""
    return Promoting(PROMPTS, PromptLabels(pool), EvalRuns(pool), lambda version: {})


def is_file(pack: str) -> bool:
    """Return whether a pack is a Python file. Files are there for the agents that name them."""
    return pack.endswith(".py")


def all_tools(packs: Packs) -> Tools:
    """Return every tool of every pack. Raises Refusal where two have one name: a log and a policy know a tool by its name
    alone."""
    origins: dict[str, str] = {}
    for pack, tools in packs.items():
        for tool in tools:
            if tool.name in origins:
                where = f"{pack} twice" if origins[tool.name] == pack else f"{origins[tool.name]} and in {pack}"
                raise Refusal(f"There is a tool {tool.name} in {where}: give one of the two another name.")
            origins[tool.name] = pack
    return registry([tool for tools in packs.values() for tool in tools])


def chosen_packs(name: str, agent: AgentSection, packs: Packs) -> Sequence[str]:
    """Return the packs of an agent; unless it names some, all but those that have to be named. Raises Refusal for one that does
    not exist."""
    there = [pack for pack in packs if pack != BUILT_IN]
    unasked = [pack for pack in there if not is_file(pack) and pack not in ON_REQUEST]
    chosen = unasked if agent.tools is None else [each for pack in agent.tools for each in (pack, BROUGHT_ALONG.get(pack, pack))]
    if missing := [pack for pack in chosen if pack not in there]:
        raise Refusal(f"Agent {name} wants the tool pack {missing[0]!r}, which is not there; there are: {', '.join(there)}.")
    return list(dict.fromkeys([BUILT_IN, *chosen]))
