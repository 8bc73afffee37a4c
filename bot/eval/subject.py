"""What is evaluated: a set with the version of the prompt and the model that it is played with, and the key of all that."""

import json
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast

from psycopg_pool import AsyncConnectionPool
from pydantic import JsonValue

import agent
import bot
import migrations
import prompts
import tools
from agent.canonical import sha256 as digest_of
from agent.prompts.eval_key import EvalKey
from agent.prompts.versions import PROMPTS, Version
from bot.agents.databases import look_at_sql
from bot.agents.packs import tool_packs
from bot.agents.toolbox import eval_key_of, with_settings
from bot.config.file import Config, load_config
from bot.config.refusal import Refusal
from bot.eval.cases import GoldenSet
from bot.eval.filling import NAMED
from bot.eval.kept import Run
from bot.eval.recordings import FOLDER as RECORDED

LETTERS = 16
CODE = (".py", ".yaml", ".yml", ".json", ".lua")  # ends of the names of files that decide what happens


def with_version(golden: GoldenSet, reference: str | None, model: str | None) -> tuple[GoldenSet, Version]:
    """Return the set with a version of its prompt (None: the one that comes with the code) and, if one is named, another model.
    Raises Refusal."""
    wanted = reference or golden.prompt
    if wanted.partition("@")[0] != golden.prompt:
        raise Refusal(f"The set is about the prompt {golden.prompt}: name a version of that, such as {golden.prompt}@1.")
    try:
        version = PROMPTS.load(wanted)
    except LookupError as error:
        raise Refusal(f"{wanted}: {error.args[0]}.") from None
    agents = cast(dict[str, dict[str, JsonValue]], golden.config.get("agents") or {"assistant": {}})
    changed: dict[str, JsonValue] = {}
    for name, settings in agents.items():
        is_its = str(settings.get("prompt", "assistant")).partition("@")[0] == golden.prompt
        more: dict[str, JsonValue] = {"prompt": version.reference, **({"model": model} if model else {})}
        changed[name] = {**settings, **more} if is_its else settings
    return golden.model_copy(update={"config": {**golden.config, "agents": changed}}), version


def run_of(golden: GoldenSet, version: Version, played: Literal["recorded", "lines", "model"], folder: Path) -> Run:
    """Return what a run is about; `golden` has all of its cases, as `with_version` returns it. Raises Refusal."""
    config = _config(golden)
    name = next((name for name, one in config.agents.items() if one.prompt == version.reference), next(iter(config.agents)))
    model = with_settings(config.agents[name], version).model
    return Run(
        golden=golden.name,
        golden_digest=digest_of(golden.model_dump(mode="json"))[:LETTERS],
        prompt=version.reference,
        prompt_digest=version.digest,
        model=model,
        played=played,
        tested=_tested(config, name, version).key,
        code=_code_digest([*_tool_files(config), *([folder / RECORDED] if played == "recorded" else [])]),
    )


def _config(golden: GoldenSet) -> Config:
    """Return the configuration that the cases share. Names of people and channels get ids that nobody has."""
    text = NAMED.sub(lambda match: f"U{match[1].upper()}", json.dumps(dict(golden.config)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signoff.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)


def _tested(config: Config, name: str, version: Version) -> EvalKey:
    """Return the key of an agent of the set. Raises Refusal."""
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(open=False)
    try:
        return eval_key_of(name, config, tool_packs(pool, config, look_at_sql(config.databases)), version)
    except LookupError as error:
        raise Refusal(f"Agent {name} of the set: {error.args[0]}.") from None


def _tool_files(config: Config) -> Sequence[Path]:
    return sorted({Path(name) for one in config.agents.values() for name in one.tools or () if name.endswith(".py")})


def _code_digest(more: Sequence[Path]) -> str:
    """Return the digest of our code and prompts, and of what else is played: with any other of it, results are others."""
    digest = sha256()
    for place in [*(Path(str(package.__file__)).parent for package in (agent, bot, migrations, prompts, tools)), *more]:
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix in CODE and "golden" not in path.relative_to(place).parts:
                digest.update(f"{path.relative_to(place)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:LETTERS]
