"""A small bot that asks before it orders: what the page has to show, on the unmodified Slack libraries."""

# Bolt and slack_sdk leave their dicts and callables untyped:
# pyright: reportUnknownMemberType=false

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bot.sandbox import SlackSandbox
from tests.sandbox.slack_bots import Bot, Json, actions, button, modal, section, text_input


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


CARD: list[Json] = [
    {"type": "header", "block_id": "title", "text": plain("Place order: 12 × Nordic desk lamp")},
    section("*Signoff wants to create an order* in the shop. Nothing runs before somebody approves.", block_id="what"),
    {
        "type": "rich_text",
        "block_id": "arguments",
        "elements": [
            {
                "type": "rich_text_preformatted",
                "elements": [{"type": "text", "text": "customer_id  CUS-1042\nsku          LAMP-NORD\nquantity     12"}],
            }
        ],
    },
    {
        "type": "context",
        "block_id": "who",
        "elements": [{"type": "mrkdwn", "text": "Any member of this channel may decide. It can be undone within an hour."}],
    },
    actions(
        button("Place order", "approve", value="request-1", style="primary"),
        button("Reject", "reject", value="request-1"),
        button(
            "Delete draft",
            "delete",
            style="danger",
            confirm={
                "title": plain("Delete it?"),
                "text": plain("Gone is gone."),
                "confirm": plain("Delete"),
                "deny": plain("Keep"),
            },
        ),
        block_id="decision",
    ),
]

REASON = modal(
    text_input("reason", "Reason"),
    {
        "type": "input",
        "block_id": "instead",
        "label": plain("How many instead?"),
        "optional": True,
        "element": {"type": "number_input", "action_id": "entered", "is_decimal_allowed": False, "min_value": "1"},
    },
    title="Reject the order",
    submit="Reject",
)

HOME: list[Json] = [{"type": "header", "text": plain("Waiting for you")}, section("Nothing waits.")]


class ApprovingBot(Bot):
    """Answers a mention with a card. Only Ben may approve; Reject asks for a reason of two words at least."""

    def __init__(self, sandbox: SlackSandbox) -> None:
        super().__init__(sandbox)
        self.may_answer = asyncio.Event()
        """Clicks are acked once this is set; it is, until a test clears it."""
        self.may_answer.set()
        self.approver = sandbox.people["ben"]
        self.app.middleware(self.answer)
        self.app.action("approve")(self.approved)
        self.app.action("reject")(self.rejecting)
        self.app.action("delete")(self.taken)
        self.app.view("asked")(self.rejected)

    async def answer(self, body: Json, next: Callable[[], Awaitable[None]]) -> None:
        event: Json = body.get("event") or {}
        if event.get("type") == "app_mention":
            await self.call("chat.postMessage", channel=event["channel"], thread_ts=event["ts"], text="Place order", blocks=CARD)
        if event.get("type") == "app_home_opened":
            await self.call("views.publish", user_id=event["user"], view={"type": "home", "blocks": HOME})
        await next()

    async def call(self, method: str, **arguments: Any) -> None:
        await self.client.api_call(method, json=arguments)

    async def approved(self, ack: Any, body: Json) -> None:
        await self.taken(ack)
        channel, user = body["channel"]["id"], body["user"]["id"]
        card = body["message"]
        if user != self.approver:
            thread_ts = card.get("thread_ts")
            await self.call(
                "chat.postEphemeral", channel=channel, user=user, thread_ts=thread_ts, text="Only Ben may approve this."
            )
            return
        closed = [*CARD[:3], {"type": "context", "elements": [{"type": "mrkdwn", "text": f"Approved by <@{user}>."}]}]
        await self.call("chat.update", channel=channel, ts=card["ts"], text="Approved", blocks=closed)

    async def rejecting(self, ack: Any, body: Json) -> None:
        await self.call("views.open", trigger_id=body["trigger_id"], view=REASON)
        await self.taken(ack)

    async def taken(self, ack: Any) -> None:
        await self.may_answer.wait()
        await ack()

    async def rejected(self, ack: Any, body: Json) -> None:
        reason: str = body["view"]["state"]["values"]["reason"]["entered"]["value"]
        if " " not in reason:
            await ack(response_action="errors", errors={"reason": "Two words at least, please."})
            return
        await ack()
