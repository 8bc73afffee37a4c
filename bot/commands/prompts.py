"""`signoff prompts`: the versions of prompts, which of them is live, and how that is changed."""

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError

from agent.prompts.labels import Label, Labelled, Live
from agent.prompts.versions import PROMPTS, Registry, Version, written_version
from agent.store.given_calls import begin_with_call
from agent.store.prompt_labels import ROLLBACK, Moved, PromptLabels, Reason
from agent.types import Place, Said
from bot.agents.packs import PROMPTS_PACK
from bot.commands.forget_person import PERSON
from bot.commands.memory_report import operator, team_of
from bot.config.file import Config
from bot.config.promotion_section import TOOL
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.slack.web_api import open_client
from bot.stores.database import connected_pool

MOST_MOVES = 10_000  # of a prompt's labels, that are looked through for what was live before


def load(registry: Registry, reference: str) -> Version:
    """Return a version by `NAME` or `NAME@N`. Raises Refusal."""
    try:
        return registry.load(reference)
    except LookupError as error:
        told = str(error.args[0])
        raise Refusal(f"{told[:1].upper()}{told[1:]}.") from None


def print_prompts(settings: Settings) -> None:
    """Print each prompt's versions: which comes with the code, and where labels point. Raises Refusal."""

    async def looked_up() -> Mapping[str, Live]:
        async with connected_pool(settings) as pool:
            labels = PromptLabels(pool)
            return {name: await labels.live(name) for name in PROMPTS.names()}

    live = asyncio.run(looked_up())
    for name in PROMPTS.names():
        for number in PROMPTS.versions(name):
            version = load(PROMPTS, f"{name}@{number}")
            print(f"{version.reference}  {version.digest}  {', '.join(marks(version, live[name])) or '-'}  {version.notes}")


def marks(version: Version, live: Live) -> Sequence[str]:
    """Return what is said of a version: that it is live, for how many, or that it comes with the code."""
    said: list[str] = []
    for label, at in live.items():
        if at.version == version.number:
            share = f" {at.share} %" if label != "production" else ""
            said.append(f"{label}{share}" + ("" if at.digest == version.digest else " (another text than was promoted)"))
    if version.number == PROMPTS.shipped(version.name):
        said.append("comes with the code" if "production" in live else "live: comes with the code")
    return said


def print_version(reference: str) -> None:
    """Print a version: who wrote it, from which one, its variables and its text. Raises Refusal."""
    version = load(PROMPTS, reference)
    print(f"{version.reference}  {version.digest}\nby {version.author}, from version {version.parent or '-'}: {version.notes}")
    for name, variable in version.variables.items():
        print(f"variable {name}: {variable.type}, default {variable.default!r}. {variable.about}")
    for name, value in version.settings.model_dump(exclude_none=True).items():
        print(f"{name}: {value}")
    print(f"\n{version.text}")


def print_difference(before: str, after: str) -> None:
    """Print what is different between two versions. Raises Refusal."""
    one, two = load(PROMPTS, before), load(PROMPTS, after)
    lines = difflib.unified_diff(one.text.splitlines(), two.text.splitlines(), one.reference, two.reference, lineterm="")
    found = list(lines)
    for name in ("variables", "settings"):
        if getattr(one, name) != getattr(two, name):
            found.append(f"{name}: {getattr(one, name)!r} -> {getattr(two, name)!r}")
    print("\n".join(found) or "The same text, variables and settings.")


def new_version(folder: Path, name: str, author: str, notes: str) -> Path:
    """Write the next version of a prompt as a copy of the newest, to be edited; its file. Raises Refusal."""
    registry = Registry(folder)
    if name not in registry.names():
        raise Refusal(f"There is no prompt {name} in {folder}: run this in a checkout, or name its folder with --folder.")
    newest = load(registry, f"{name}@{registry.versions(name)[-1]}")
    path = folder / name / f"{newest.number + 1}.yaml"
    path.write_text(
        written_version(newest.model_copy(update={"author": author, "parent": newest.number, "notes": notes})), "utf-8"
    )
    return path


def print_moves(settings: Settings, name: str) -> None:
    """Print how the labels of a prompt were moved, newest first. Raises Refusal."""
    name = load(PROMPTS, name).name

    async def moved() -> Sequence[Moved]:
        async with connected_pool(settings) as pool:
            return await PromptLabels(pool).history(name)

    found = asyncio.run(moved())
    if not found:
        raise Refusal(
            f"No label of {name} was ever moved: version {PROMPTS.shipped(name)} comes with the code.", status=ExitStatus.FOUND
        )
    for each in found:
        where = f"{name}@{each.version}" if each.version is not None else "nowhere"
        share = f" ({each.share} %)" if each.label != "production" and each.version is not None else ""
        print(f"{each.at:%Y-%m-%d %H:%M} {each.label}{share} -> {where} by {each.set_by}{': ' + each.why if each.why else ''}")


def roll_back(settings: Settings, team: str | None, name: str, label: Label, why: str) -> None:
    """Let a label point where it did before, at once: what was live before was decided then. Twice goes back twice. Raises
    Refusal."""
    name = load(PROMPTS, name).name

    async def moved() -> str:
        async with connected_pool(settings) as pool:
            labels = PromptLabels(pool)
            led = leading([each for each in await labels.history(name, MOST_MOVES) if each.label == label])
            if not led:
                raise Refusal(
                    f"The label {label} of {name} points nowhere: there is nothing to go back from.", status=ExitStatus.FOUND
                )
            to = _pointing(led[-2]) if len(led) > 1 and label == "production" else None
            key = f"{ROLLBACK}{datetime.now(UTC).isoformat()}"
            await labels.move(name, label, to, Reason(await team_of(settings, team), key, operator().user, why))
            return f"{name}@{to.version}" if to else f"nowhere: {name}@{PROMPTS.shipped(name)} comes with the code"

    where = asyncio.run(moved())
    print("It runs hidden no more." if label == "shadow" else f"{label} points at {where} for every new conversation.")


def put_in_shadow(settings: Settings, config: Config, team: str | None, reference: str, share: int) -> None:
    """Let a version run hidden behind a share of the conversations, at once. It asks nobody: what it says is shown to nobody, it
    writes nothing, and it spends what signoff.yaml sets aside for that. The audit log has who did it. Raises Refusal."""
    if config.promotion is None:
        raise Refusal("signoff.yaml has no section `promotion`: it says what hidden runs may spend, and who hears of their end.")
    version = load(PROMPTS, reference)
    following = [agent for agent in config.agents.values() if agent.prompt == version.name]
    if not following:
        raise Refusal(f"No agent of signoff.yaml follows what is live of {version.name}: it would run behind nobody.")
    for agent in following:
        try:
            version.filled(agent.variables)
        except LookupError as error:
            raise Refusal(f"It cannot lead anybody here: {error.args[0]}. Name a value under `variables` of the agent.") from None

    async def moved() -> None:
        async with connected_pool(settings) as pool:
            why = Reason(await team_of(settings, team), f"shadow:{datetime.now(UTC).isoformat()}", operator().user)
            await PromptLabels(pool).move(version.name, "shadow", Labelled(version.number, version.digest, share), why)

    asyncio.run(moved())
    print(f"{version.reference} runs hidden behind {share} % of the conversations; `signoff report --html FILE` compares it.")


def leading(newest_first: Sequence[Moved]) -> Sequence[Moved]:
    """Return what a label points at and, before it, what a rollback leads to, oldest first. What was gone back from is none."""
    led: list[Moved] = []
    for moved in reversed(newest_first):
        if moved.is_rollback or moved.version is None:
            led = led[:-1]
        else:
            led.append(moved)
    return led


def _pointing(moved: Moved) -> Labelled | None:
    return None if moved.version is None else Labelled(moved.version, moved.digest, moved.share)


def ask_for(settings: Settings, config: Config, by: str, arguments: dict[str, Any]) -> str:
    """Ask people in Slack to promote a version, with a card in the channel of `promotion`; where it is asked. Raises Refusal."""
    if config.promotion is None:
        raise Refusal("signoff.yaml has no section `promotion`: name the channel there in which promotions are decided.")
    channel = config.promotion.channel
    agent, settings_of_agent = config.agent_for(channel)
    if PROMPTS_PACK not in (settings_of_agent.tools or ()):
        raise Refusal(f"Agent {agent}, which answers in {channel}, cannot promote: add `{PROMPTS_PACK}` to its tools.")
    if PERSON.fullmatch(by) is None:
        raise Refusal(f"{by} is no person's id: copy it from the person's profile in Slack; it begins with U or W.")
    version = load(PROMPTS, f"{arguments['prompt']}@{arguments['version']}")
    words = f"Promote {version.reference} to {arguments['label']}."

    async def asked() -> str:
        async with connected_pool(settings) as pool:
            team, ts = await _posted(settings, channel, f"<@{by}> asks on the command line: {words}")
            place = Place(team=team, channel=channel, thread_ts=ts)
            await begin_with_call(pool, place, Said(user=by, text=words, ts=ts), TOOL, arguments)
            return f"{channel}, message {ts}"

    return asyncio.run(asked())


async def _posted(settings: Settings, channel: str, text: str) -> tuple[str, str]:
    """Post a message, and return our workspace's id and the message's ts. Raises Refusal."""
    token = settings.slack_bot_token
    if token is None:
        raise Refusal("SLACK_BOT_TOKEN is not set: promotions are decided in Slack.")
    client = cast(Any, open_client(token.get_secret_value(), settings.slack_api_url))
    try:
        team = (await client.auth_test())["team_id"]
        return str(team), str((await client.chat_postMessage(channel=channel, text=text))["ts"])
    except SlackApiError as error:
        raise Refusal(f"Slack does not take the message in {channel} ({cast(Any, error.response).get('error')}).") from None
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise Refusal(f"Slack cannot be reached at {settings.slack_api_url}: check the network, or SLACK_API_URL.") from None
    finally:
        await client.session.close()
