"""The modals: reject, edit, always allow, show all. Opened for those who may, and read when they are submitted."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from slack_sdk.errors import SlackApiError

from agent import grants
from agent.card_moves import card
from agent.errors import DelayedError, FencedError, UnclearError
from agent.moves import Card
from agent.received import Click, Edit
from agent.session import ActionState
from agent.store import ActionSeen, Store, settled_sentence
from agent.tool import Tool, Tools, problems
from bot.cards import headline
from bot.form import edit_view, field_errors, read_form
from bot.grant_form import grant_fits, grant_view, read_grant
from bot.inbound import Inbound, at
from bot.modals import arguments_view, reject_view
from bot.surface import SlackSurface

log = logging.getLogger(__name__)

Errors = Mapping[str, str]  # by block_id, as Slack shows them beside the fields
GONE = "The tool of this card has changed or is not there any more, so there is no such dialog; please approve or reject it."
LATE = "The dialog could not be opened in time; please click once more."
UNSURE = "Slack does not say right now whether you may decide this; please try again in a moment."


class Dialogs:
    """What only shows something, and what people enter into it."""

    def __init__(self, store: Store, surface: SlackSurface, tools: Tools) -> None:
        self._store = store
        self._surface = surface
        self._tools = tools

    # ------------------------------------------------------------------------------------------ opened

    async def reject(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Asks for a reason. Whether the person may reject is judged when they do."""
        await self._open(body, client, self._reject_view)
        await ack()

    async def show_all(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """All arguments whole, also of a settled action, for those who may decide and those who asked."""

        def view(seen: ActionSeen) -> Any:
            return arguments_view(seen.proposed.arguments, seen.proposed.preview, seen.proposed.said)

        await self._open(body, client, view, whole=True, settled=True)
        await ack()

    async def edit(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """The arguments as a form."""
        await self._open(body, client, self._edit_view, whole=True)
        await ack()

    async def allow(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """What is to be allowed from now on, as a form. Whether it may be is judged when it is submitted."""
        await self._open(body, client, self._grant_view, whole=True)
        await ack()

    async def _open(
        self, body: dict[str, Any], client: Any, view: Callable[[ActionSeen], Any], *, whole: bool = False, settled: bool = False
    ) -> None:
        """`whole`: it shows all arguments, so it opens only for those who may see them, and that they did is on record first.
        `settled`: also of an action that is."""
        seen = await self._store.action(str(body["actions"][0]["value"]))
        user = str(body["user"]["id"])
        if seen is None:
            return
        if refused := await self._refused(seen, user, whole=whole, settled=settled):
            await self._surface.whisper(seen.place, user, refused)
            return
        if (shown := view(seen)) is None:
            await self._surface.whisper(seen.place, user, GONE)
            return
        if whole:
            await self._store.viewed(seen.proposed.action_id, user)
        try:
            await client.views_open(trigger_id=body["trigger_id"], view=shown)
        except SlackApiError as error:
            log.warning("a modal could not be opened: %s", error)
            await self._surface.whisper(seen.place, user, LATE)

    async def _refused(self, seen: ActionSeen, user: str, *, whole: bool, settled: bool) -> str:
        """Why the dialog is not opened for this person; empty if it is."""
        if seen.status != "pending" and not settled:
            return settled_sentence(seen)
        proposed = seen.proposed
        if not whole or user in proposed.requesters:
            return ""
        try:
            may = await self._surface.may_decide(seen.place, user, seen.approvers(datetime.now(UTC)), proposed.requesters)
        except (UnclearError, DelayedError, FencedError):
            return UNSURE
        return "" if may else "This is only for those who may decide it and those who asked for it; nothing was opened."

    def _reject_view(self, seen: ActionSeen) -> Any:
        """Anybody may open it, so it shows no more than the card does."""
        told = headline(_card(seen), self._tools.get(seen.proposed.tool), self._surface.mask_in(seen.place))
        return reject_view(told, seen.proposed.action_id)

    def _edit_view(self, seen: ActionSeen) -> Any:
        tool, proposed = self._tools.get(seen.proposed.tool), seen.proposed
        if tool is None:
            return None
        schema = tool.schema()["input_schema"]
        told = {"headline": self._headline(seen), "action_id": proposed.action_id, "submit": f"Propose: {tool.verb}"}
        return edit_view(schema, proposed.arguments, **told)

    def _grant_view(self, seen: ActionSeen) -> Any:
        tool, proposed = self._tools.get(seen.proposed.tool), seen.proposed
        if tool is None or not may_grant(tool, seen):
            return None
        return grant_view(self._headline(seen), tool.verb, tool.name, proposed.action_id, proposed.arguments)

    def _headline(self, seen: ActionSeen) -> str:
        return headline(_card(seen), self._tools.get(seen.proposed.tool))

    # ------------------------------------------------------------------------------------------ submitted

    async def submitted(self, body: dict[str, Any]) -> Inbound | Errors | None:
        """What a submitted modal means for the inbox, or what is wrong with what was entered. None: it is none of ours."""
        callback_id = at(body, "view", "callback_id")
        if callback_id not in ("reject", "edit", "grant"):
            return None
        action_id, user = str(body["view"]["private_metadata"]), str(body["user"]["id"])
        key = f"{callback_id}:{user}:{body['view']['id']}"
        state: dict[str, Any] = at(body, "view", "state", "values") or {}
        if callback_id == "reject":
            reason = str(at(state, "reason", "reason", "value") or "")
            return Inbound(key, Click(action_id=action_id, user=user, decision="rejected", reason=reason))
        seen = await self._store.action(action_id)
        tool = self._tools.get(seen.proposed.tool) if seen else None
        if seen is None or tool is None:
            return None
        if callback_id == "grant":
            wish = read_grant(seen.proposed.arguments, state)
            if isinstance(wish, Mapping):
                return wish
            return Inbound(key, Click(action_id=action_id, user=user, decision="approved", wish=wish))
        return _edited(key, seen, tool, user, state)


def _card(seen: ActionSeen) -> Card:
    return card(ActionState(seen.proposed))


def may_grant(tool: Tool, seen: ActionSeen) -> bool:
    """Whether "always allow" may be offered for such a call."""
    return grants.grantable(tool, seen.proposed.verdict) and grant_fits(seen.proposed.arguments)


def _edited(key: str, seen: ActionSeen, tool: Tool, user: str, state: Mapping[str, Any]) -> Inbound | Errors:
    """The edited arguments, validated again: errors stand beside the fields. Policy judges them when they are taken in."""
    schema, proposed = tool.schema()["input_schema"], seen.proposed
    filled = read_form(schema, proposed.arguments, state)
    if filled.errors:
        return filled.errors
    if wrong := problems(tool, filled.arguments):
        return field_errors(schema, proposed.arguments, wrong)
    return Inbound(key, Edit(action_id=proposed.action_id, user=user, arguments=dict(filled.arguments)))
