"""`signoff replay`: a past session run again with other words or another model, where every tool gives its recorded result.

It is played as a case is (`bot.eval.running`): in a process that reaches this machine only, with its own database, Redis
and workspace. Its tools are stand-ins (`bot.eval.recorded`), so nothing that a tool does can happen.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from agent.cases.candidate import Candidate, NumberedStep, masked_candidate
from agent.masking import Masker
from agent.prompts.versions import PROMPTS, Version
from agent.reports.runs import Run
from agent.session.steps import STEP
from agent.trace_ids import spelled, trace_id
from bot.commands.trace import run_named
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.settings import Settings, check_model
from bot.eval.cases import Case, GoldenSet
from bot.eval.command import ANTHROPIC
from bot.eval.gateway import gateway
from bot.eval.happened import Figures, read
from bot.eval.past import PLACE, Past, past_of_run, renamed, until_turn, with_names
from bot.eval.playing import Model, Performance
from bot.eval.running import Job, run_alone
from bot.eval.side_by_side import Side

KEPT_SETTINGS = ("variables", "max_iterations", "max_output_tokens", "context_tokens", "calls_per_reply", "open_cards")
MILLION = 10**6
ALL_TURNS = 10**9


@dataclass(frozen=True, slots=True)
class Replayed:
    """Both runs, masked; what could not be brought back; and why the second one did not come to its end, if it did not."""

    session_id: str
    then: Side
    now: Side
    left_out: Sequence[str]
    trouble: str


def replay(settings: Settings, config: Config, named: str, prompt: str | None, model: str | None) -> Replayed:
    """Run a session again that is named by its id, by a trace (up to the end of that turn) or by a link. Raises Refusal."""
    run = asyncio.run(run_named(settings, named.strip()))
    turn = _turn_of(run)
    past = past_of_run(run, turn)
    assert run.pinned is not None  # else it is no past
    version = _version_to_run(prompt, run.pinned.prompt, run.pinned.prompt_digest)
    chosen = model or run.pinned.model
    check_model(settings)
    assert settings.anthropic_api_key is not None
    golden = GoldenSet(name="replay", prompt=version.name, config=_replay_config(config, run, past, version, chosen))
    played = past.case("replay", ["replay"], "Nobody judges it.").model_dump(mode="json", exclude_defaults=True)
    case = Case.model_validate(renamed(played, past.people))
    with gateway(str(settings.anthropic_base_url or ANTHROPIC), settings.anthropic_api_key.get_secret_value()) as upstream:
        performance = run_alone(Job(case, 0, golden, Model(upstream=upstream)))
    then = [(number, each.at, each.step) for number, each in enumerate(until_turn(run.log, turn), 1)]
    now = _log_now(performance, run, past)
    told = asyncio.run(_masked_runs(config, then, now))
    before = Side(run.pinned.prompt, run.pinned.prompt_digest, run.pinned.model, told[0], _figures_of_log(then))
    after = Side(version.reference, version.digest, chosen, told[1], _figures_of_log(now))
    return Replayed(run.session_id, before, after, past.left_out, performance.played.trouble)


def _turn_of(run: Run) -> int | None:
    """Return the turn that the run's trace is of. None: it is named by something else."""
    turns = range(1, 1 + sum(each.step.kind in ("asked", "outcome_told") for each in run.log))
    return next((turn for turn in turns if spelled(trace_id(run.session_id, turn)) == run.trace_id), None)


def _version_to_run(wanted: str | None, pinned: str, digest: str) -> Version:
    """Return the version to run with: the one that is wanted, or that the session had, word for word. Raises Refusal."""
    try:
        version = PROMPTS.load(wanted or pinned)
    except LookupError as error:
        raise Refusal(f"{wanted or pinned or 'The prompt of this session'}: {error.args[0]}; name one with --prompt.") from None
    if wanted is None and version.digest != digest:
        had = f"{pinned} ({digest})"
        raise Refusal(f"This session ran with {had}, and that is {version.digest} here: name the version with --prompt.")
    return version


def _replay_config(config: Config, run: Run, past: Past, version: Version, model: str) -> Mapping[str, JsonValue]:
    """Return signoff.yaml for the replay: its agent as it is set now, with another prompt or model; prices; and what people of
    the channel wanted of it then."""
    assert run.pinned is not None
    name = run.pinned.agent or "assistant"
    set_now = config.agents.get(name)
    kept: dict[str, Any] = set_now.model_dump(mode="json", include=set(KEPT_SETTINGS), exclude_unset=True) if set_now else {}
    budget: dict[str, JsonValue] = {"session_tokens": set_now.budget.session_tokens} if set_now else {}
    prices: dict[str, JsonValue] = {
        of: {"input": price.input / MILLION, "output": price.output / MILLION} for of, price in config.prices.items()
    }
    told = run.pinned.instructions if not past.direct else ""
    return {
        "agents": {name: {**kept, **({"budget": budget} if budget else {}), "prompt": version.reference, "model": model}},
        "prices": prices,
        **({"instructions": {f"${PLACE}": told}} if told else {}),
    }


# ---------------------------------------------------------------------------------------------- both runs


def _log_now(performance: Performance, run: Run, past: Past) -> Sequence[NumberedStep]:
    """Return the log of the replay, with the ids of production for those of the sandbox."""
    _, channel, _ = run.session_id.split(":")
    there = {performance.ids[name]: id for id, name in past.people.items()} | {performance.ids[PLACE]: channel}
    steps = [(at, STEP.validate_json(json.dumps(with_names(json.loads(body), there)))) for at, body in performance.log]
    return [(number, at, step) for number, (at, step) in enumerate(steps, 1)]


async def _masked_runs(config: Config, then: Sequence[NumberedStep], now: Sequence[NumberedStep]) -> tuple[Candidate, Candidate]:
    """Return what happened in both, masked: a value has the same placeholder in both."""
    masker = Masker(config.masking.wanted())
    try:
        before, seen = await masked_candidate(masker, then, ALL_TURNS)
        after, _ = await masked_candidate(masker, now, ALL_TURNS, seen)
        return before, after
    finally:
        masker.end()


def _figures_of_log(log: Sequence[NumberedStep]) -> Figures:
    return read([step for _, _, step in log], frozenset(), 0.0)[2]
