"""The modals: reject, edit, always allow, ask, details, one by one. Opened for those who may, and read when submitted.

Long because each dialog is opened, drawn and read here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import time
from typing import Any

from agent.approvals import grants
from agent.approvals.deciders import Membership, why_not_asked
from agent.decide.for_cards import card
from agent.decide.moves import Card
from agent.errors import DelayedError, FencedError, UnclearError
from agent.reports.actions_now import actions_now
from agent.session.inbox import Click, Edit, Inquiry, Message, Where
from agent.session.state import ActionState
from agent.store.action_seen import ActionSeen, settled_sentence
from agent.store.fenced import Pool
from agent.store.sessions import Store
from agent.tool.definition import Tool, Tools
from agent.tool.validation import problems
from agent.types import Place, Said
from bot.cards.block_kit import modal, prose_section
from bot.cards.cards import headline
from bot.cards.review import details_view, review_view
from bot.cards.values import Mask, unmasked
from bot.dialogs.carried import Carried, carried
from bot.dialogs.form import edit_view, field_errors, read_form
from bot.dialogs.grant_form import grant_fits, grant_view, read_grant
from bot.dialogs.modals import came_back_view, inquiry_view, reject_view
from bot.dialogs.one_by_one import CALLBACK_ID, OneByOne, card_now, proposed_now, to_be_drawn
from bot.slack.as_made import as_made, user_in
from bot.slack.inbound import Inbound, at, chosen, where_clicked
from bot.slack.surface import SlackSurface
from bot.slack.web_api import view_opened

Errors = Mapping[str, str]  # by block_id, as Slack shows them beside the fields
Made = Callable[[ActionSeen, Place], Awaitable[Any]]  # the view for a place; None where there is none
GONE = "The tool of this card has changed or is not there any more, so there is no such dialog; please approve or reject it."
LATE = "The dialog did not open; please click once more. If that does not help, the log says why: please tell an admin."
ASKS_SECONDS = 2.0  # that Slack has to say whether somebody may decide: it waits for our answer to the dialog
UNSURE = "Slack does not say right now whether you may decide this; please try again in a moment."


class Dialogs:
    """What only shows something, and what people enter into it.

    Wide because each dialog is opened by a method of this class.
    """

    def __init__(self, store: Store, pool: Pool, surface: SlackSurface, tools: Tools, askers: frozenset[Membership]) -> None:
        self._store = store
        self._pool = pool
        self._surface = surface
        self._tools = tools
        self._askers = askers
        self._one_by_one = OneByOne(pool, surface, tools)

    # ------------------------------------------------------------------------------------------ opened

    async def reject(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Ask for a reason. Whether the person may reject is judged when they do."""
        await self._open(body, client, self._reject_view)
        await ack()

    async def ask(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Ask what somebody who may decide wants to know before they do. Whether they may is judged when they submit it."""
        await self._open(body, client, self._inquiry_view)
        await ack()

    async def show_all(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Show all arguments whole, also of a settled action, to those who may decide and those who asked."""

        async def view(seen: ActionSeen, place: Place) -> Any:
            return await self._details_view(seen)

        await self._open(body, client, view, whole=True, settled=True)
        await ack()

    async def came_back(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Ask what came back of a call that happened, those who may decide and those who asked."""
        await self._open(body, client, self._came_back_view, settled=True, limited=True)
        await ack()

    async def details(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Show all there is to know of an action, open or settled, to anybody who sees its card: masked as it is there."""

        async def view(seen: ActionSeen, place: Place) -> Any:
            return await self._details_view(seen, self._surface.mask_in(place))

        await self._open(body, client, view, settled=True)
        await ack()

    async def one_by_one(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Show the actions of a message one by one, each in full."""
        with as_made():
            action, trigger = body["actions"][0], str(body["trigger_id"])
            carries = Carried(chosen(action), where_clicked(body))
            user = user_in(body)
        view, seen = await self._one_by_one.view(carries), await self._store.action(carries.action_id.partition(",")[0])
        if view is not None and seen is not None and not await view_opened(client, trigger, view):
            await self._surface.whisper(_told_in(seen, carries.where), user, LATE)
        await ack()

    async def more(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Open what was chosen in the menu of a card."""
        with as_made():
            name, _, _ = chosen(body["actions"][0]).partition(":")
        opening = {"edit": self.edit, "always": self.allow, "ask": self.ask, "details": self.details}.get(name)
        if opening is None:
            await ack()
        else:
            await opening(ack, body, client)

    async def redraw(self, body: dict[str, Any], client: Any) -> None:
        """Draw the dialog of several actions anew that something was pressed in, or above."""
        with as_made():
            found = to_be_drawn(body)
        if found is not None:
            await self._one_by_one.follow(client, *found)

    async def review(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Show everything whole to somebody who is to approve a card that could not show it; submitting it is the approval."""

        async def view(seen: ActionSeen, place: Place) -> Any:
            return review_view(card(ActionState(proposed_now(seen))), self._tools.get(seen.proposed.tool))

        await self._open(body, client, view, whole=True)
        await ack()

    async def edit(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Show the arguments as a form."""
        await self._open(body, client, self._edit_view, whole=True)
        await ack()

    async def allow(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Ask in a form what is to be allowed from now on. Whether it may be is judged when it is submitted."""
        await self._open(body, client, self._grant_view, whole=True)
        await ack()

    async def _open(
        self, body: dict[str, Any], client: Any, view: Made, *, whole: bool = False, settled: bool = False, limited: bool = False
    ) -> None:
        """Open a dialog, which is made for the place where it was asked for. `whole`: it shows all arguments, so only to those
        who may see them, and that they did is on record first. `settled`: also of an action that is. `limited`: only to those
        people, though it shows no more than the card."""
        with as_made():
            action_id, trigger = chosen(body["actions"][0]).rpartition(":")[2], str(body["trigger_id"])
            user, where, below = user_in(body), where_clicked(body), carried(body)
            above = at(body, "view", "type") == "modal"
        seen = await self._store.action(action_id)
        if seen is None:
            return
        told = _told_in(seen, where)
        refused = await self._why_not_opened(seen, user, limited=whole or limited, settled=settled)
        # What somebody was told of an action directly hides what its card hides, and so do the dialogs opened from there.
        shown = await view(seen, seen.place if told.direct else told) if not refused else None
        if shown is None and where is None:  # the Home tab has no thread in which it could be said
            await view_opened(client, trigger, modal("told", "Not opened", [prose_section(refused or GONE)], close="Go back"))
            return
        if shown is None:
            await self._surface.whisper(told, user, refused or GONE)
            return
        if where and "private_metadata" in shown:
            among = below.action_id if at(body, "view", "callback_id") == CALLBACK_ID else ""
            shown = {**shown, "private_metadata": Carried(seen.proposed.action_id, where, among).written()}
        if whole:
            await self._store.viewed(seen.proposed.action_id, user)
        if not await view_opened(client, trigger, shown, above=above):
            await self._surface.whisper(told, user, LATE)

    async def _why_not_opened(self, seen: ActionSeen, user: str, *, limited: bool, settled: bool) -> str:
        """Return why the dialog is not opened for this person; empty if it is."""
        if seen.status != "pending" and not settled:
            return settled_sentence(seen)
        proposed = seen.proposed
        if not limited:
            return ""
        try:
            # Who asked may see it for as long as they may ask: since then they may have become a guest, or have left.
            if user in proposed.requesters and not why_not_asked(await self._surface.membership(user), self._askers):
                return ""
            may = await self._surface.may_decide(seen.place, user, seen.approvers(datetime.now(UTC)), proposed.requesters)
        except (UnclearError, DelayedError, FencedError):
            return UNSURE
        return "" if may else "This is only for those who may decide it and those who asked for it; nothing was opened."

    async def _details_view(self, seen: ActionSeen, mask: Mask = unmasked) -> Any:
        [now] = await actions_now(self._pool, [seen.proposed.action_id])
        return details_view(card_now(now), self._tools.get(seen.proposed.tool), mask)

    async def _reject_view(self, seen: ActionSeen, place: Place) -> Any:
        """Return the dialog that asks for a reason. Anybody may open it, so it shows no more than the card does."""
        told = headline(_card(seen), self._tools.get(seen.proposed.tool), self._surface.mask_in(place))
        return reject_view(told, seen.proposed.action_id)

    async def _inquiry_view(self, seen: ActionSeen, place: Place) -> Any:
        """Return the dialog for a question. Anybody may open it, so it shows no more than the card does."""
        told = headline(_card(seen), self._tools.get(seen.proposed.tool), self._surface.mask_in(place))
        return inquiry_view(told, seen.proposed.action_id)

    async def _inquired(self, key: str, action_id: str, user: str, text: str) -> Inbound | Errors | None:
        """Return the question of somebody who may decide; beside the field, why it is not asked."""
        seen = await self._store.action(action_id)
        if seen is None:
            return None
        refused = settled_sentence(seen) if seen.status != "pending" else await self._why_not_asking(seen, user)
        if refused or not text.strip():
            return {"question": refused or "Please write what you want to know."}
        return Inbound(key, Inquiry(action_id=action_id, user=user, text=text))

    async def _why_not_asking(self, seen: ActionSeen, user: str) -> str:
        """Return why this person's question does not reach those who asked; empty if it does."""
        try:
            asking = self._surface.may_decide(seen.place, user, seen.approvers(datetime.now(UTC)), seen.proposed.requesters)
            may = await asyncio.wait_for(asking, ASKS_SECONDS)
        except (UnclearError, DelayedError, FencedError, TimeoutError):
            return UNSURE
        return "" if may else "Only those who may decide it can ask here; please write into the thread."

    async def _came_back_view(self, seen: ActionSeen, place: Place) -> Any:
        told = headline(_card(seen), self._tools.get(seen.proposed.tool), self._surface.mask_in(place))
        return came_back_view(told, seen.proposed.action_id)

    async def _edit_view(self, seen: ActionSeen, place: Place) -> Any:
        tool, proposed = self._tools.get(seen.proposed.tool), seen.proposed
        if tool is None:
            return None
        schema = tool.schema()["input_schema"]
        told = {"headline": self._dialog_headline(seen), "action_id": proposed.action_id, "submit": f"Propose: {tool.verb}"}
        return edit_view(schema, proposed.arguments, **told)

    async def _grant_view(self, seen: ActionSeen, place: Place) -> Any:
        tool, proposed = self._tools.get(seen.proposed.tool), seen.proposed
        if tool is None or not may_grant(tool, seen):
            return None
        return grant_view(self._dialog_headline(seen), tool.verb, tool.name, proposed.action_id, proposed.arguments)

    def _dialog_headline(self, seen: ActionSeen) -> str:
        return headline(_card(seen), self._tools.get(seen.proposed.tool))

    # ------------------------------------------------------------------------------------------ submitted

    async def submitted(self, body: dict[str, Any]) -> Inbound | Errors | None:
        """Return what a submitted modal means for the inbox, or what is wrong with what was entered. None: it is none of ours."""
        callback_id = at(body, "view", "callback_id")
        if callback_id not in ("reject", "review", "edit", "grant", "ask", "came_back"):
            return None
        with as_made():
            carries = carried(body)
            action_id, where, user = carries.action_id, carries.where, user_in(body)
            key = f"{callback_id}:{user}:{body['view']['id']}"
            state: dict[str, Any] = at(body, "view", "state", "values") or {}
        if callback_id == "reject":
            reason = str(at(state, "reason", "reason", "value") or "")
            return Inbound(key, Click(action_id=action_id, user=user, decision="rejected", reason=reason, where=where))
        if callback_id == "ask":
            return await self._inquired(key, action_id, user, str(at(state, "question", "question", "value") or ""))
        if callback_id == "review":
            return Inbound(key, Click(action_id=action_id, user=user, decision="approved", where=where))
        seen = await self._store.action(action_id)
        if callback_id == "came_back" and seen is not None:
            return await self._came_back(key, seen, user, str(at(state, "words", "words", "value") or ""))
        tool = self._tools.get(seen.proposed.tool) if seen else None
        if seen is None or tool is None:
            return None
        if callback_id == "grant":
            with as_made():
                wish = read_grant(seen.proposed.arguments, state)
            if isinstance(wish, Mapping):
                return wish
            return Inbound(key, Click(action_id=action_id, user=user, decision="approved", wish=wish, where=where))
        return _edited(key, seen, tool, Edit(action_id=action_id, user=user, arguments={}, where=where), state)

    async def _came_back(self, key: str, seen: ActionSeen, user: str, words: str) -> Inbound | Errors:
        """Return what somebody says came back as a message of theirs, since it is their word and no result of a tool; beside the
        field, why it is not taken: they may have left since they opened it."""
        try:
            refused = await asyncio.wait_for(self._why_not_opened(seen, user, limited=True, settled=True), ASKS_SECONDS)
        except TimeoutError:
            refused = UNSURE
        if refused:
            return {"words": refused}
        which = f"the {seen.proposed.tool} call that did happen ({self._dialog_headline(seen)})"
        text = f"[about {which}, whose result was lost] What came back: {words}"
        return Inbound(key, Message(said=Said(user=user, text=text, ts=f"{time():.6f}")), seen.place)


def _told_in(seen: ActionSeen, where: Where | None) -> Place:
    """Return where somebody is told about an action: where they clicked, if that was in a conversation."""
    return seen.place.model_copy(update=where.model_dump()) if where is not None else seen.place


def _card(seen: ActionSeen) -> Card:
    return card(ActionState(seen.proposed))


def may_grant(tool: Tool, seen: ActionSeen) -> bool:
    """Return whether "always allow" may be offered for such a call."""
    return grants.grantable(tool, seen.proposed.verdict) and grant_fits(seen.proposed.arguments)


def _edited(key: str, seen: ActionSeen, tool: Tool, edit: Edit, state: Mapping[str, Any]) -> Inbound | Errors:
    """Return the edit with its arguments, validated again: errors stand beside the fields. Policy judges them when they are
    taken in."""
    schema, proposed = tool.schema()["input_schema"], seen.proposed
    with as_made():
        filled = read_form(schema, proposed.arguments, state)
    if filled.errors:
        return filled.errors
    if wrong := problems(tool, filled.arguments):
        return field_errors(schema, proposed.arguments, wrong)
    return Inbound(key, edit.model_copy(update={"arguments": dict(filled.arguments)}))
