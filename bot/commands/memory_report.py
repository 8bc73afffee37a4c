"""`signoff memory`: what is remembered in a workspace, listed, searched, counted, written to a file, and forgotten."""

import asyncio
import getpass
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast, get_args

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import UnreachableError
from agent.memory.items import EVERYBODY, ItemKind, MemoryItem
from agent.memory.recalled import source_of
from agent.reports import memory_report
from agent.reports.memory_report import Entry, KeptValue, Wanted
from agent.store.fenced import Pool
from agent.store.memory_audit import By
from agent.store.memory_items import Items
from agent.store.memory_search import Found, MemorySearch
from agent.store.memory_values import Values
from bot.agents.remembering import embedder
from bot.cards.harmless_text import visible
from bot.commands.finding import PATIENCE_SECONDS, first_line
from bot.commands.report import aligned
from bot.config.file import Config
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings, environment
from bot.stores.database import connected_pool, redis_address

FOR_EVERYBODY = "everybody"  # how the command line names what every full member may know
LINE_CHARACTERS = 120  # of a text
MOST_FOUND = 20
AT_ONCE = 500  # items that are forgotten in one transaction
KINDS: tuple[str, ...] = get_args(ItemKind)
COUNTS = ("channel", "kind", "items", "oldest", "newest", "without vector")
VALUES = ("values of", "kind", "values", "owners")


def print_list(settings: Settings, team: str | None, wanted: Wanted, *, as_json: bool) -> None:
    """Print the items, newest first, a line each. Raises Refusal."""

    async def listed() -> None:
        nothing = True
        async with connected_pool(settings) as pool:
            async for entry in memory_report.entries(pool, await team_of(settings, team), wanted):
                nothing = False
                print(entry.line() if as_json else line(entry.item))
        if nothing:
            raise Refusal("There is nothing remembered of that.", status=ExitStatus.FOUND)

    asyncio.run(listed())


def print_search(settings: Settings, config: Config, team: str | None, words: str, channels: Sequence[str]) -> None:
    """Print what fits some words, the best first, in these channels or in all. Raises Refusal."""

    async def searched() -> Sequence[Found]:
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(connected_pool(settings))
            workspace = await team_of(settings, team)
            vector, model = None, ""
            if config.memory is not None:
                made = await stack.enter_async_context(embedder(config.memory.embeddings, environment()))
                try:
                    [vector], model = await made.embed([words]), made.model
                except UnreachableError:
                    vector = None  # words alone have to do, as for the bot itself
            scopes = channels or await memory_report.channels(pool, workspace)
            return await MemorySearch(pool).search(workspace, scopes, words, vector, model, MOST_FOUND)

    found = asyncio.run(searched())
    if not found:
        raise Refusal("There is nothing remembered that fits.", status=ExitStatus.FOUND)
    for each in found:
        print(line(each.item))


def forget(settings: Settings, team: str | None, wanted: Wanted, agrees: Callable[[], bool]) -> None:
    """Print what will go, and forget it once somebody agrees; of a whole channel also the values that were said there.

    Raises Refusal.
    """

    async def going(pool: Pool, workspace: str) -> list[Entry]:
        found = [each async for each in memory_report.entries(pool, workspace, wanted)]
        return [*found, *await memory_report.going_along(pool, workspace, [each.item.id for each in found])]

    async def forgotten() -> None:
        async with connected_pool(settings) as pool:
            workspace = await team_of(settings, team)
            found = await going(pool, workspace)
            of = wanted.channel
            values = [] if of is None else [each async for each in memory_report.values(pool, workspace, of)]
            if not found and not values:
                raise Refusal("There is nothing remembered of that.", status=ExitStatus.FOUND)
            for entry in found:
                print(line(entry.item))
            for kept in values:
                print(value_line(kept))
            if not await asyncio.to_thread(agrees):
                raise Refusal("Nothing was forgotten.", status=ExitStatus.FOUND)
            by = operator()
            if of is not None and values:  # before anything else: it is what can fail
                await _forget_values(settings, pool, workspace, of, by)
            ids, channels = [each.item.id for each in found], sorted({each.item.channel for each in found})
            gone = 0
            for begins in range(0, len(ids), AT_ONCE):
                gone += len(await Items(pool).forget(workspace, channels, by=by, ids=ids[begins : begins + AT_ONCE]))
            print(f"{gone + len(values)} forgotten.")

    asyncio.run(forgotten())


def export(settings: Settings, team: str | None, file: Path) -> None:
    """Write every item and value to a new file that only its owner may read, a JSON object a line. Raises Refusal."""

    async def exported() -> tuple[int, int]:
        async with connected_pool(settings) as pool:
            workspace = await team_of(settings, team)
            items = values = 0
            with os.fdopen(_new_file(file), "w", encoding="utf-8") as out:
                async for entry in memory_report.entries(pool, workspace, Wanted(past=True)):
                    out.write(f"{entry.line()}\n")
                    items += 1
                async for kept in memory_report.values(pool, workspace):
                    out.write(f"{kept.line()}\n")
                    values += 1
            return items, values

    items, values = asyncio.run(exported())
    print(f"{items} items and {values} values are in {file}.")


def print_stats(settings: Settings, team: str | None) -> None:
    """Print how much is remembered, by channel and kind, and how many values are kept. Raises Refusal."""

    async def counted() -> tuple[Sequence[memory_report.Counted], Sequence[memory_report.CountedValues]]:
        async with connected_pool(settings) as pool:
            workspace = await team_of(settings, team)
            return await memory_report.counts(pool, workspace), await memory_report.value_counts(pool, workspace)

    items, values = asyncio.run(counted())
    if not items and not values:
        raise Refusal("There is nothing remembered.", status=ExitStatus.FOUND)
    of_items = [
        (
            each.channel or FOR_EVERYBODY,
            each.kind,
            f"{each.count:,}",
            f"{each.oldest:%Y-%m-%d}",
            f"{each.newest:%Y-%m-%d}",
            f"{each.without_vector:,}",
        )
        for each in items
    ]
    of_values = [(each.owner, each.kind, f"{each.count:,}", f"{each.owners:,}") for each in values]
    for printed in [*aligned([COUNTS, *of_items], COUNTS[:2]), *([""] if values else [])]:
        print(printed)
    for printed in aligned([VALUES, *of_values], VALUES[:2]) if values else ():
        print(printed)


# ---------------------------------------------------------------------------------------------- what is meant


async def team_of(settings: Settings, team: str | None) -> str:
    """Return the workspace that is meant: the named one, or that of the bot's token. Raises Refusal."""
    if team:
        return team
    if settings.slack_bot_token is None:
        raise Refusal("SLACK_BOT_TOKEN is not set, so name the workspace whose memory is meant: --team T012AB3CD.")
    token = settings.slack_bot_token.get_secret_value()
    client = cast(Any, AsyncWebClient(token, settings.slack_api_url, timeout=PATIENCE_SECONDS, retry_handlers=[]))
    try:
        return str((await client.auth_test())["team_id"])
    except SlackApiError as refused:
        why = str(cast(Any, refused.response).get("error"))
    except (aiohttp.ClientError, TimeoutError, ValueError) as unreachable:
        why = first_line(unreachable)
    raise Refusal(
        f"Slack does not say which workspace SLACK_BOT_TOKEN is for ({why}): see `signoff doctor`, or name it by --team."
    )


def channel_of(name: str) -> str:
    """Return the channel that somebody names on the command line. Raises Refusal."""
    if name == FOR_EVERYBODY:
        return EVERYBODY
    if not re.fullmatch(r"[CDG][A-Z0-9]+", name):
        raise Refusal(f"{name!r} is not the id of a channel, such as C012AB3CD, nor {FOR_EVERYBODY}.")
    return name


def kind_named(name: str | None) -> ItemKind | None:
    """Return a kind of items. Raises Refusal."""
    if name is not None and name not in KINDS:
        raise Refusal(f"{name!r} is not a kind of what is remembered: there are {', '.join(KINDS)}.")
    return cast(ItemKind | None, name)


def line(item: MemoryItem) -> str:
    """Return an item on one line: its id, when it was learnt, for whom, and from where."""
    text = " ".join(item.text.split())
    short = text if len(text) <= LINE_CHARACTERS else f"{text[: LINE_CHARACTERS - 1]}…"
    link = f" {item.source.link}" if item.source.link else ""
    whom = item.channel or FOR_EVERYBODY
    return visible(f"{item.id} {item.learnt_at:%Y-%m-%d} {whom} {item.kind}, {source_of(item)}{link}: {short}")


def value_line(kept: KeptValue) -> str:
    """Return a value on one line: what it is, whose, for whom, and what it says."""
    text = json.dumps(kept.value.value, ensure_ascii=False)
    short = text if len(text) <= LINE_CHARACTERS else f"{text[: LINE_CHARACTERS - 1]}…"
    whom = kept.value.channel or FOR_EVERYBODY
    return visible(f"{kept.value.kind} {kept.value.key} of {kept.owner}, {kept.set_at:%Y-%m-%d} {whom}: {short}")


def operator() -> By:
    """Return for the audit log who runs this command."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container without names
        name = str(os.getuid())
    return By(f"operator:{name}", "command")


async def _forget_values(settings: Settings, pool: Pool, team: str, channel: str, by: By) -> None:
    """Delete the values that were said in a channel, in Postgres and in Redis. Raises Refusal."""
    with redis_address(settings) as url:
        values = Values(pool, url)
        try:
            await values.forget(team, channel, by)
        except UnreachableError as error:
            raise Refusal(f"Nothing more was forgotten ({error}): start Redis or mend REDIS_URL, then try again.") from None
        finally:
            await values.close()


def _new_file(file: Path) -> int:
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refusal(f"{file} is there already: name a new file.") from None
    except OSError as error:
        raise Refusal(f"{file} cannot be written ({error.strerror}): name another file.") from None
