"""The dialog of several actions one by one: each in full, as on a card with nothing else, with its buttons. It is drawn anew as
they are decided."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from psycopg import Error as DatabaseError
from slack_sdk.web.async_client import AsyncWebClient

from agent.approvals.grants import grantable
from agent.decide.for_cards import card
from agent.decide.moves import Card, Cards
from agent.errors import DelayedError, FencedError, RefusedError, UnclearError
from agent.reports.actions_now import ActionNow, actions_now
from agent.session.state import ActionState
from agent.session.steps import ProposedAction
from agent.store.action_seen import ActionSeen
from agent.store.fenced import Pool
from agent.tool.definition import Tools
from agent.types import Look
from bot.cards.block_kit import SlackBlock, modal
from bot.cards.cards import card_blocks
from bot.cards.values import Mask
from bot.dialogs.carried import Carried, carried
from bot.slack.inbound import at
from bot.slack.surface import SlackSurface
from bot.slack.web_api import called

log = logging.getLogger(__name__)

CALLBACK_ID = "one_by_one"
LOOK_SECONDS = 0.2  # between two looks at what became of a click
QUIET_SECONDS = 2.0  # without a change, and nothing runs: then a click has had its effect, or has none
FOLLOWED_SECONDS = 10.0  # that a dialog is drawn anew after a click
UNDER_WAY = frozenset({"approved", "running"})


def proposed_now(seen: ActionSeen) -> ProposedAction:
    """Return an action with those who may decide by now: after an escalation, the further people too."""
    verdict = seen.proposed.verdict.model_copy(update={"approvers": seen.approvers(datetime.now(UTC))})
    return seen.proposed.model_copy(update={"verdict": verdict})


def card_now(now: ActionNow) -> Card:
    """Return an action as its card has it at this moment."""
    seen, proposed = now.seen, proposed_now(now.seen)
    return replace(
        card(ActionState(proposed)),
        look=cast(Look, seen.status),
        voters=now.approved_by,
        rejecters=now.rejected_by,
        escalated=proposed.verdict != seen.proposed.verdict,
        decided_by=seen.decided_by or "",
        decided_at=seen.decided_at,
        reason=now.reason,
        result=now.result,
    )


def one_by_one_view(cards: Sequence[Card], tools: Tools, mask: Mask, carries: Carried) -> SlackBlock:
    """Return the dialog. It is masked as the place is that its message stands in."""
    blocks = [
        block
        for each in cards
        for block in ({"type": "divider"}, *card_blocks(Cards((each,)), tools, mask=mask, may_grant=grantable))
    ]
    return modal(CALLBACK_ID, "One by one", blocks[1:], close="Close", metadata=carries.written())


class OneByOne:
    """Draws the dialog, at first and again."""

    def __init__(self, pool: Pool, surface: SlackSurface, tools: Tools) -> None:
        self._pool = pool
        self._surface = surface
        self._tools = tools

    async def view(self, carries: Carried) -> SlackBlock | None:
        """Return the dialog as it is at this moment; None where there is none of its actions."""
        return self._view_of(await self._now(carries), carries)

    async def _now(self, carries: Carried) -> Sequence[ActionNow]:
        return await actions_now(self._pool, carries.action_id.split(","))

    def _view_of(self, found: Sequence[ActionNow], carries: Carried) -> SlackBlock | None:
        if not found:
            return None
        place = found[0].seen.place
        if carries.where is not None:
            place = place.model_copy(update=carries.where.model_dump())
        return one_by_one_view([card_now(each) for each in found], self._tools, self._surface.mask_in(place), carries)

    async def follow(self, client: AsyncWebClient, view_id: str, carries: Carried) -> None:
        """Draw a dialog anew after something was pressed in it, until that has had its effect."""
        drawn: SlackBlock | None = None
        begun = changed = time.monotonic()
        try:
            while time.monotonic() < begun + FOLLOWED_SECONDS:
                found = await self._now(carries)
                view = self._view_of(found, carries)
                if view is None:
                    return
                if view != drawn:
                    await called(client, "views.update", view_id=view_id, view=view)
                    drawn, changed = view, time.monotonic()
                runs = any(each.seen.status in UNDER_WAY for each in found)
                if not runs and time.monotonic() > changed + QUIET_SECONDS:
                    return
                await asyncio.sleep(LOOK_SECONDS)
        except (RefusedError, DelayedError, UnclearError, FencedError, DatabaseError) as error:  # or it was closed meanwhile
            log.info("a dialog was not drawn anew: %s", error)


def to_be_drawn(body: dict[str, Any]) -> tuple[str, Carried] | None:
    """Return the dialog of several actions in which a click or submission has changed something, by its id, if there is one."""
    carries = carried(body)
    if at(body, "view", "callback_id") == CALLBACK_ID:
        return str(at(body, "view", "id")), carries
    below = at(body, "view", "previous_view_id")
    return (str(below), Carried(carries.among, carries.where)) if below and carries.among else None
