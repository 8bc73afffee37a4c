"""Promotion of a prompt's version: a call like any other, so that people decide it on a card before it is live."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from agent.prompts.labels import Labelled
from agent.prompts.versions import Registry, Version
from agent.store.eval_runs import EvalRun, EvalRuns
from agent.store.prompt_labels import PromptLabels, Reason
from agent.text import cut_end
from agent.tool.arguments import Arguments
from agent.tool.bound import check_bound
from agent.tool.definition import Tool, ToolContext, ToolError
from agent.types import Change, Preview

SHOWN_CHARACTERS = 2_500
PROMOTE = """\
Let a version of a prompt be live: for every new conversation (label production), or for a share of them (label canary). People \
approve it, and see what changes and how its eval went.
Call it only when somebody who runs this bot asks for exactly this version. It needs a passed eval of the version with the \
model, the tools and the policy of its agents; without one it fails, unless `override` says why it should be live all the same. \
Running conversations keep the version that they began with.
Comes back: {"prompt", "label", "version"}. Calling it again changes nothing. Errors: not_found (no such prompt or version), \
invalid_input (no passed eval and no reason)."""


class Promote(Arguments, frozen=True):
    """What is to be live."""

    prompt: str = Field(min_length=1, max_length=100, description="The prompt's name, such as 'assistant'.")
    version: int = Field(ge=1, description="The number of the version.")
    label: Literal["production", "canary"] = Field(default="production", description="For all new conversations, or some.")
    share: int = Field(default=10, ge=1, le=100, description="Percentage of new conversations that a canary gets.")
    override: str = Field(default="", max_length=500, description="Why it should be live without a passed eval. Usually empty.")


@dataclass(frozen=True, slots=True)
class Promoting:
    """What a promotion is made with. `keys_of` gives, by agent, the key that an eval of a version has to have."""

    registry: Registry
    labels: PromptLabels
    evals: EvalRuns
    keys_of: Callable[[Version], Mapping[str, str]]


def promote_prompt(port: Promoting) -> Tool:
    """Return the tool."""

    async def promote(arguments: Promote, context: ToolContext) -> Mapping[str, Any]:
        version, evals = await _may_be_live(port, arguments)
        if context.bound:
            check_bound(context.bound, await _bound(port, arguments, version, evals))
        share = arguments.share if arguments.label == "canary" else 100
        tested = ",".join(sorted(each.key for each in evals.values() if each.passed))
        team = context.place.team if context.place is not None else ""
        why = Reason(team, context.idempotency_key, context.requester, arguments.override, tested)
        await port.labels.move(arguments.prompt, arguments.label, Labelled(version.number, version.digest, share), why)
        return {"prompt": arguments.prompt, "label": arguments.label, "version": version.number}

    async def preview(arguments: Promote, context: ToolContext) -> Preview:
        version, evals = await _may_be_live(port, arguments)
        live = await port.labels.live(arguments.prompt)
        now = live.get(arguments.label) or live.get("production")
        before = port.registry.load(f"{arguments.prompt}@{now.version if now else port.registry.shipped(arguments.prompt)}")
        whom = f"{arguments.share}% of new conversations" if arguments.label == "canary" else "every new conversation"
        changes = (
            Change(what="Live", before=before.reference, after=f"{version.reference} ({version.digest}) for {whom}"),
            Change(what="Text", before=before.reference, after=cut_end(difference(before, version), SHOWN_CHARACTERS)),
            *(Change(what=f"Eval with agent {agent}", before="", after=_eval_line(run)) for agent, run in evals.items()),
        )
        headline = f"Make {version.reference} live for {whom}"
        return Preview(headline=headline, changes=changes, bound=await _bound(port, arguments, version, evals))

    return Tool(
        name="promote_prompt",
        description=PROMOTE,
        arguments=Promote,
        handler=promote,
        idempotent=True,
        can="Make a version of a prompt live. Ask: “Promote assistant@3”",
        verb="Promote",
        consequence="New conversations follow it at once.",
        undo="`signoff prompts rollback` undoes it.",
        preview=preview,
    )


def difference(before: Version, after: Version) -> str:
    """Return what is different in the text, a line each; what of the rest is, named."""
    lines = difflib.unified_diff(before.text.splitlines(), after.text.splitlines(), lineterm="", n=0)
    changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    rest = [name for name in ("variables", "settings") if getattr(before, name) != getattr(after, name)]
    return "\n".join([*changed, *(f"({name} are others)" for name in rest)]) or "(the same text)"


async def _may_be_live(port: Promoting, arguments: Promote) -> tuple[Version, Mapping[str, EvalRun]]:
    """Return the version and, by agent, its newest eval. Raises ToolError where it may not be live."""
    try:
        version = port.registry.load(f"{arguments.prompt}@{arguments.version}")
    except LookupError as error:
        raise ToolError("not_found", f"There is nothing to promote: {error.args[0]}.") from None
    try:
        keys = port.keys_of(version)
    except LookupError as error:
        detail = f"It cannot lead anybody here: {error.args[0]}. Name a value in signoff.yaml, under `variables` of the agent."
        raise ToolError("invalid_input", detail) from None
    if not keys:
        raise ToolError(
            "not_found", f"No agent of signoff.yaml follows what is live of {arguments.prompt}: nothing would change."
        )
    found = await port.evals.newest([*keys.values()])
    evals = {agent: found[key] for agent, key in keys.items() if key in found}
    missing = [agent for agent in keys if agent not in evals or not evals[agent].passed]
    if missing and not arguments.override.strip():
        raise ToolError(
            "invalid_input",
            f"{version.reference} has no passed eval with the model, tools and policy of {', '.join(missing)}: "
            "run `signoff eval`, or say in `override` why it should be live all the same.",
        )
    return version, evals


async def _bound(port: Promoting, arguments: Promote, version: Version, evals: Mapping[str, EvalRun]) -> dict[str, Any]:
    """Return what people decide about: the very version, what was live, and which evals they were shown."""
    live = (await port.labels.live(arguments.prompt)).get(arguments.label)
    tested = {agent: [run.key, run.passed] for agent, run in sorted(evals.items())}
    return {"digest": version.digest, "before": live.version if live else None, "tested": tested}


def _eval_line(run: EvalRun) -> str:
    figures = ", ".join(f"{name} {value}" for name, value in run.figures.items())
    return f"{'passed' if run.passed else 'NOT passed'} on {run.at:%Y-%m-%d} ({run.golden}, {run.model}): {figures}"
