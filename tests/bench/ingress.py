"""How fast what Slack delivers is acked: a flood of mentions, and a steady stream while the same process drives sessions."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bot.sandbox.model import Call, Reply, Request, ScriptedModel, fast, say
from bot.sandbox.slack.types import Delivery
from bot.stores.embedded_home import Servers
from tests.bench import subject
from tests.bench.conversation import CHANNEL, PERSON
from tests.bench.latency import percentile
from tests.bench.rounds import ROUNDS, wide
from tests.bench.subject import Subject

FLOOD = 200  # mentions at once, each of which arrives as two events
PER_SECOND, STEADY_SECONDS, AT_ONCE = 150, 10, 4
CHAT, MENTION = "good morning, everyone", "<@{}> good morning"
REST_SECONDS = 1.0  # for what a session still does after its answer

EXPLAINED = f"""\
Floods: {FLOOD} mentions at once, each in a new thread and delivered as two events, or {2 * FLOOD} messages of the bot's \
channel that are not for it; the rate of acks over Socket Mode, medians of {ROUNDS} rounds, the programs in turn. For a \
mention the bot commits a row for the message and one for the session, and begins to work; its model calls are answered once \
all is acked. Bolt: one row for each message, committed before the ack, and nothing else (tests/bench/floor.py, deaf).
Steady: {PER_SECOND} messages a second that are not for the bot, for {STEADY_SECONDS} s, while the same process drives \
{AT_ONCE} sessions at a time, whose own events and clicks are among what is timed. The workspace and the model share the \
machine."""


class Gate:
    """The model's script: it says nothing before the gate is open."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, request: Request) -> Reply | Call:
        """Answer, at some time."""
        await self.opened.wait()
        return say("Done.")


async def ingress(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Measure and print."""
    async with (
        subject.running("bot", "socket", model, servers, folder, among="_ingress") as bot,
        subject.running("one insert", "socket", model, servers, folder, among="_ingress") as bolt,
    ):
        mentions, chats = list[tuple[float, ...]](), list[tuple[float, ...]]()
        for _ in range(1 + ROUNDS):
            mentions.append((await _mentions_to_the_bot(bot, model), await _flood(bolt, FLOOD, MENTION)))
            chats.append((await _flood(bot, 2 * FLOOD, CHAT), await _flood(bolt, 2 * FLOOD, CHAT)))
        model.script = fast
        acks_ms, sessions, late = await _steady(bot)
    table = Table(title="\nHow fast events are acked", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("", "bot", "Bolt with one insert", "bot / Bolt"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for what, rates in (("mentions", mentions), ("others", chats)):
        own, other = (median(of_one) for of_one in zip(*rates[1:], strict=True))
        table.add_row(f"flood of {what}, events per second", f"{own:.0f}", f"{other:.0f}", f"{own / other:.2f}")
    for percent in (50, 99):
        table.add_row(f"steady, ack p{percent}, ms", f"{percentile(acks_ms, percent):.1f}")
    table.add_row("steady, acks", f"{len(acks_ms):,}")
    table.add_row("steady, not acked at the first try", f"{late:,}")
    table.add_row("steady, sessions meanwhile, per second", f"{sessions / STEADY_SECONDS:.1f}")
    wide(console).print(table)
    wide(console).print(EXPLAINED, style="dim")


async def _mentions_to_the_bot(bot: Subject, model: ScriptedModel) -> float:
    """Events that are acked per second; the sessions are over, too."""
    gate = Gate()
    model.script = gate
    before = len(bot.slack.deliveries)
    mentions = [asyncio.create_task(bot.conversations.mention()) for _ in range(FLOOD)]
    rate = await _rate(bot, before, 2 * FLOOD)
    gate.opened.set()
    await asyncio.gather(*mentions)
    await asyncio.sleep(REST_SECONDS)
    return rate


async def _flood(one: Subject, number: int, text: str) -> float:
    """Events that are acked per second."""
    before, text = len(one.slack.deliveries), text.format(one.slack.bot_user_id)
    await asyncio.gather(*(one.slack.say(PERSON, CHANNEL, text) for _ in range(number)))
    return await _rate(one, before, number * (2 if text.startswith("<@") else 1))


async def _rate(one: Subject, before: int, number: int) -> float:
    events = await one.slack.until(lambda: _acked(one.slack.deliveries[before:], number))
    began, ended = events[0].at, max(event.at + (event.acked_after_seconds or 0.0) for event in events)
    return len(events) / (ended - began)


def _acked(deliveries: Sequence[Delivery], number: int) -> Sequence[Delivery] | None:
    acked = [one for one in deliveries if one.acked_after_seconds is not None]
    return acked if len(acked) >= number else None


async def _steady(bot: Subject) -> tuple[list[float], int, int]:
    """Milliseconds until each ack, sessions that ended meanwhile, and how many deliveries failed at first."""
    before, ends_at, sessions = len(bot.slack.deliveries), time.monotonic() + STEADY_SECONDS, 0

    async def sessions_one_by_one() -> None:
        nonlocal sessions
        while time.monotonic() < ends_at:
            await bot.conversations.approve(await bot.conversations.mention())
            sessions += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(sessions_one_by_one())
        for number in range(PER_SECOND * STEADY_SECONDS):
            due = ends_at - STEADY_SECONDS + number / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await bot.slack.say(PERSON, CHANNEL, CHAT)
    await bot.slack.until(lambda: True if bot.slack.delivering == 0 else None)
    tries = bot.slack.deliveries[before:]
    acks = [1_000 * one.acked_after_seconds for one in tries if one.acked_after_seconds is not None]
    return acks, sessions, sum(one.failure is not None for one in tries if one.try_number == 1)
