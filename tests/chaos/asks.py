"""What the model asks for, what people do with it, and what the model reads of it afterwards."""

from typing import Any

from bot.sandbox.model import Call, Request, call
from bot.sandbox.slack.types import Message
from tests.chaos.stage import Stage
from tests.dialog.conftest import Talk, mention, rows


def transfer(to: str, amount: int, **more: Any) -> Call:
    """A line "TO AMOUNT" in the ledger."""
    return call("transfer", to=to, amount=amount, **more)


async def asked(stage: Stage, name: str) -> tuple[Talk, Message]:
    """Ann asks for something, and a card stands in the thread."""
    talk = await mention(stage, "ann", name)
    return talk, await talk.card()


async def stale_click(talk: Talk, user: str, card: Message, *, row: int = 1) -> None:
    """Approve, on a client that still shows the card as it was."""
    block_id = f"decide:{rows(card)[row - 1]}"
    await talk.slack.click(user, talk.channel, card.ts, "approve", block_id=block_id, stale=True)


def last_request(stage: Stage) -> Request:
    """What the model was asked last."""
    arrived = stage.model.requests[-1]
    return Request(arrived, arrived.headers)
