"""What conversations cost: tokens billed in full, written to and read from the prompt cache, beside two naive loops.

The bot holds the conversations for real; the model server counts. The naive loops are worked out from the very requests of the
bot whose contexts never end: their messages in the same order and with the same pauses, sent by a cache that forgets as the
provider's does.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from bot.sandbox.model import Call, Reply, Request, ScriptedModel, call, fast, say
from bot.sandbox.model.usage import PromptCache, unmarked
from bot.stores.embedded_home import Servers
from tests.bench import subject
from tests.bench.conversation import Card
from tests.bench.subject import Subject

TURNS = (1, 10, 50)
CARD_SECONDS, PAUSE_SECONDS = 600.0, 180.0  # until somebody clicks, and until somebody writes again
CUT_CHARACTERS = 200  # of old results, in the loop that rewrites its history
ONE, AS_IT_COMES = "Signoff, one context", "Signoff"
CONTEXT_TOKENS = {ONE: 700_000, AS_IT_COMES: 12_500}
FIVE: dict[str, Any] = {"type": "ephemeral"}
ASKS = "This is a message of Signoff itself"
SUMMARY = "## Facts\n- orders go to ada@example.com\n\n## Summary\n" + "A desk lamp was ordered, and then another one. " * 20
# Of a token of input, as the provider's price list has it; output costs five times as much.
RATIOS = {"full": 1.0, "5m": 1.25, "1h": 2.0, "read": 0.1, "output": 5.0}

EXPLAINED = f"""\
A turn is a mention, a search of ten products, a card, an approval after {CARD_SECONDS / 60:g} minutes, an order and an answer; \
the next one begins {PAUSE_SECONDS / 60:g} minutes later.
full: input that is billed in full; 5m, 1h: written to the cache for so long; read: from the cache. \
money: in prices of a token of input, with {", ".join(f"{name} {ratio:g}" for name, ratio in RATIOS.items())}; share: of uncached.
uncached: the same requests without a marker. rewriting: with markers, but each turn cuts the results of those before it to \
{CUT_CHARACTERS} characters. {ONE}: the conversation is never summed up; 5m: if nothing but the prompt lasted an hour. \
{AS_IT_COMES}: as it comes, summed up after a turn from {CONTEXT_TOKENS[AS_IT_COMES]:,} tokens on."""


@dataclass
class Bill:
    """Tokens of all calls of a conversation."""

    calls: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RATIOS, 0))

    def add(self, usage: Mapping[str, Any]) -> None:
        """One call."""
        self.calls += 1
        written = usage["cache_creation"]
        for name, tokens in (
            ("full", usage["input_tokens"]),
            ("5m", written["ephemeral_5m_input_tokens"]),
            ("1h", written["ephemeral_1h_input_tokens"]),
            ("read", usage["cache_read_input_tokens"]),
            ("output", usage["output_tokens"]),
        ):
            self.tokens[name] += tokens

    @property
    def money(self) -> float:
        """In prices of a token of input."""
        return sum(self.tokens[name] * ratio for name, ratio in RATIOS.items())


@dataclass(frozen=True)
class Sent:
    """A request, what its reply took, and when it was sent."""

    body: Mapping[str, Any]
    usage: Mapping[str, Any]
    at: float


class Clock:
    """Time that passes only when somebody waits."""

    seconds = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.seconds


def shop(request: Request) -> Reply | Call:
    """Searches, orders, is done; sums up when it is asked to."""
    if ASKS in request.last_user_text:
        return say(SUMMARY)
    if not request.turn_results:
        return call("search_product_catalog", query="desk lamp", limit=10)
    return fast(request)


async def cost(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """The table."""
    table = Table(title="\nWhat a conversation costs, in tokens", title_justify="left")
    for name in ("turns", "", "calls", "full", "5m", "1h", "read", "output", "money", "share"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    held = {name: await _held(name, servers, folder / name.replace(" ", "-")) for name in CONTEXT_TOKENS}
    for turns in TURNS:
        whole = held[ONE][turns]
        bills = {
            "uncached": _billed(_uncached(sent) for sent in whole),
            "rewriting": _replayed(whole, _rewritten),
            f"{ONE}, 5m": _replayed(whole, _for_five_minutes),
            **{name: _billed(sent.usage for sent in found[turns]) for name, found in held.items()},
        }
        for name, bill in bills.items():
            share = f"{bill.money / bills['uncached'].money:.2f}"
            told = [f"{tokens:,}" for tokens in bill.tokens.values()]
            table.add_row(str(turns), name, str(bill.calls), *told, f"{bill.money:,.0f}", share)
        table.add_section()
    console.print(table)
    console.print(EXPLAINED, style="dim")


async def _held(name: str, servers: Servers, folder: Path) -> dict[int, list[Sent]]:
    """The conversations with a bot that sums them up from so many tokens on."""
    tokens = CONTEXT_TOKENS[name]
    _configure(folder, tokens)
    found: dict[int, list[Sent]] = {}
    async with ScriptedModel(shop) as model:
        async with subject.running("bot", "socket", model, servers, folder, among=f"_cost_{tokens}") as bot:
            for turns in TURNS:
                found[turns] = await _talk(bot, turns, model)
        if model.refusals:
            raise RuntimeError(f"the model refused a request: {model.refusals[0].message}")
    return found


def _configure(folder: Path, tokens: int) -> None:
    folder.mkdir()
    agent = f"{{context_tokens: {tokens}, budget: {{session_tokens: 1000000000}}}}"
    (folder / "signoff.yaml").write_text(f"agents: {{assistant: {agent}}}\n")


async def _talk(bot: Subject, turns: int, model: ScriptedModel) -> list[Sent]:
    """One conversation, with a cache that knows nothing yet."""
    clock, at, begun = Clock(), list[float](), len(model.usages)
    model.cache = PromptCache(clock)

    def sent_now() -> None:
        at.extend([clock.seconds] * (len(model.usages) - begun - len(at)))

    card: Card | None = None
    for _ in range(turns):
        card = await bot.conversations.mention(card.thread_ts if card else None)
        sent_now()
        clock.seconds += CARD_SECONDS
        await bot.conversations.approve(card)
        await _rest(bot.database_url)
        sent_now()
        clock.seconds += PAUSE_SECONDS
    told = zip(model.requests[begun:], model.usages[begun:], at, strict=True)
    return [Sent(body, usage, seconds) for body, usage, seconds in told]


async def _rest(database_url: str) -> None:
    """Until nothing is held any more: a conversation may be summed up after its answer stands."""
    async with await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True) as connection:
        held = "SELECT 1 FROM session WHERE lease_until IS NOT NULL OR wake_at <= now()"
        while await (await connection.execute(held)).fetchone():  # noqa: ASYNC110  # the database sends no event for it
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------------------------------ the naive loops


def _billed(usages: Iterable[Mapping[str, Any]]) -> Bill:
    bill = Bill()
    for usage in usages:
        bill.add(usage)
    return bill


def _uncached(sent: Sent) -> Mapping[str, Any]:
    bare = PromptCache().input_usage(
        {**sent.body, **{part: unmarked(sent.body[part]) for part in ("tools", "system", "messages")}}
    )
    return {**bare, "output_tokens": sent.usage["output_tokens"]}


def _replayed(conversation: Sequence[Sent], changed: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Bill:
    """The same conversation by a loop that sends its requests differently."""
    clock, bill = Clock(), Bill()
    cache = PromptCache(clock)
    for sent in conversation:
        clock.seconds = sent.at
        bill.add({**cache.input_usage(changed(sent.body)), "output_tokens": sent.usage["output_tokens"]})
    return bill


def _rewritten(body: Mapping[str, Any]) -> dict[str, Any]:
    """With the results of earlier turns cut, and markers on the prompt and at the end."""
    messages: list[dict[str, Any]] = [{**message, "content": unmarked(message["content"])} for message in body["messages"]]
    asked = [at for at, message in enumerate(messages) if any(block["type"] == "text" for block in message["content"])]
    newest = max(at for at in asked if messages[at]["role"] == "user")
    for message in messages[:newest]:
        message["content"] = [_cut(block) for block in message["content"]]
    *before, last = messages[-1]["content"]
    messages[-1]["content"] = [*before, {**last, "cache_control": FIVE}]
    system = [{**block, "cache_control": FIVE} for block in unmarked(body["system"])]  # pyright: ignore
    return {**body, "system": system, "messages": messages}


def _for_five_minutes(body: Mapping[str, Any]) -> dict[str, Any]:
    """With the markers of the messages where they are, and the shorter lifetime."""
    messages = [{**message, "content": [_short(block) for block in message["content"]]} for message in body["messages"]]
    return {**body, "messages": messages}


def _short(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "cache_control": FIVE} if "cache_control" in block else block


def _cut(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "content": block["content"][:CUT_CHARACTERS]} if block["type"] == "tool_result" else block
