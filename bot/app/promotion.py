"""Promotion as a tool of the bot: with the evals of its stores, and the tools and policy that it runs with."""

from collections.abc import Callable, Mapping, Sequence

from agent.prompts.versions import PROMPTS, Version
from agent.store.eval_runs import EvalRuns
from agent.store.fenced import Pool
from agent.store.prompt_labels import PromptLabels
from agent.tool.definition import Tool
from bot.agents.toolbox import eval_keys
from bot.config.file import Config
from tools.prompts import Promoting, promote_prompt


def promoting(config: Config, pool: Pool, labels: PromptLabels, packs: Callable[[], Mapping[str, Sequence[Tool]]]) -> Tool | None:
    """Return the tool that promotes a prompt; None where signoff.yaml has no section `promotion`. `packs` gives the tools that
    there are when it is used."""
    if config.promotion is None:
        return None

    def keys_of(version: Version) -> Mapping[str, str]:
        return {agent: of.key for agent, of in eval_keys(config, packs(), version).items()}

    return promote_prompt(Promoting(PROMPTS, labels, EvalRuns(pool), keys_of))
