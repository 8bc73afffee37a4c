"""Tools whose effect is a line in a ledger that stands behind no database of ours."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from agent import fence
from agent.tool.definition import Effect, Result, Tool, ToolContext
from tests.chaos.names import BOT

LEDGER_ADDRESS = "CHAOS_LEDGER_ADDRESS"  # host:port, in the environment
LIMIT_SECONDS = "CHAOS_LIMIT_SECONDS"  # in the environment: how long each of these tools has, where that is not as below
CHARGED = b"charged\n"
CHARGE_LIMIT_SECONDS = 2.0  # with the 5 s in which a run may begin less than what is left of a lease: a takeover may ask at once


async def write(line: str) -> None:
    """One line to the ledger, with the name of this process before it, and its word that it is written."""
    host, port = os.environ[LEDGER_ADDRESS].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        fence.begin()  # as for every effect: once the connection is there, right before the bytes leave
        writer.write(f"{os.environ[BOT]}\t{line}\n".encode())
        if await reader.readline() != CHARGED:
            raise ConnectionError("the ledger hung up before it answered")
    finally:
        writer.close()


class ChargeCard(BaseModel, frozen=True, extra="forbid"):
    """What is charged to whom."""

    customer: str = Field(description="The customer's e-mail address.")
    amount_cents: int = Field(gt=0, description="In cents.")


async def charge_card(arguments: ChargeCard, context: ToolContext) -> Mapping[str, int]:
    """A charge: nothing tells what became of a lost one."""
    await write(f"{arguments.customer} {arguments.amount_cents}")
    return {"charged_cents": arguments.amount_cents}


class Transfer(BaseModel, frozen=True, extra="allow"):
    """Further arguments may stand beside these, as in calls of tools from elsewhere."""

    to: Annotated[str, AfterValidator(lambda name: name.strip().lower())]  # a validator that rewrites
    amount: int


async def transfer(arguments: Transfer, context: ToolContext) -> Mapping[str, int]:
    """A transfer."""
    await write(f"{arguments.to} {arguments.amount}")
    return {"transferred": arguments.amount}


async def cannot_tell(arguments: BaseModel, context: ToolContext) -> Result | None:
    """The ledger cannot be asked. With this a tool may be allowed by policy, and by grants."""
    return None


class Donation(BaseModel, frozen=True):
    """Its validator makes more of the amount each time it looks at it."""

    amount: Annotated[int, AfterValidator(lambda amount: amount * 1000)]


async def donate(arguments: Donation, context: ToolContext) -> Mapping[str, int]:
    """A donation."""
    await write(f"donation {arguments.amount}")
    return {"donated": arguments.amount}


RATE = "CHAOS_RATE"  # in the environment; another one stands for a newer version of the tool


class Exchange(BaseModel, frozen=True):
    """Amounts are whole multiples of the rate; its validator rounds up to them."""

    amount: Annotated[int, AfterValidator(lambda amount: -(-amount // rate()) * rate())]


def rate() -> int:
    """Of this version."""
    return int(os.environ.get(RATE, "1"))


async def exchange(arguments: Exchange, context: ToolContext) -> Mapping[str, int]:
    """An exchange, which says of itself that repeating it is safe."""
    await write(f"exchange {arguments.amount}")
    return {"exchanged": arguments.amount}


LEDGER_TOOLS = (
    Tool(
        name="charge_card",
        description="Charges a customer's card. Call it once; calling it again charges again.",
        arguments=ChargeCard,
        handler=charge_card,
        effect=Effect.WRITE,
        time_limit_seconds=CHARGE_LIMIT_SECONDS,
        verb="Charge card",
        consequence="The customer's card is charged.",
        undo="A refund takes days.",
    ),
    Tool(
        name="transfer",
        description="Transfers money. Call it once; calling it again transfers again.",
        arguments=Transfer,
        handler=transfer,
        time_limit_seconds=CHARGE_LIMIT_SECONDS,
        reconcile=cannot_tell,
        verb="Transfer",
        headline=lambda arguments: f"Transfer {arguments.amount} to {arguments.to}",
    ),
    Tool(
        name="donate",
        description="Donates money. Call it once; calling it again donates again.",
        arguments=Donation,
        handler=donate,
        time_limit_seconds=CHARGE_LIMIT_SECONDS,
        verb="Donate",
    ),
    Tool(
        name="exchange",
        description="Exchanges money.",
        arguments=Exchange,
        handler=exchange,
        idempotent=True,
        time_limit_seconds=CHARGE_LIMIT_SECONDS,
        verb="Exchange",
    ),
)


def ledger_tools(environment: Mapping[str, str]) -> Sequence[Tool]:
    """The tools, with the time limit that the environment names."""
    limit = environment.get(LIMIT_SECONDS)
    return [replace(tool, time_limit_seconds=float(limit)) for tool in LEDGER_TOOLS] if limit else LEDGER_TOOLS
