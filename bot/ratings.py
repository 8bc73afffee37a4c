"""The thumbs below an answer: a click is on record before Slack hears "received", and a bad one may be explained."""

import json
import logging
import re
from typing import Any

from slack_sdk.errors import SlackApiError

from agent.feedback import Feedback
from agent.types import Place
from bot.block_kit import Block
from bot.inbound import at, thread_of

log = logging.getLogger(__name__)

REASON_CHARACTERS = 1_000


class Ratings:
    """Reads clicks and reasons into the feedback table."""

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback

    async def clicked(self, body: dict[str, Any]) -> None:
        """Keep the word that a click says, if it is one on an answer."""
        if (read := _read(body)) is not None:
            turn, value = read
            await self._feedback.say(thread_of(body), turn, str(body["user"]["id"]), value)

    async def ask_why(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """After a bad word, a form for the reason. Whoever closes it has said what they wanted."""
        read = _read(body)
        if read is not None and read[1] == "bad":
            try:
                await client.views_open(trigger_id=body["trigger_id"], view=why_view(thread_of(body), read[0]))
            except SlackApiError as error:  # the word itself is on record
                log.info("the form for a reason could not be opened: %s", error)
        await ack()

    async def submitted(self, body: dict[str, Any]) -> bool:
        """Keep a reason. False: the form is another one."""
        if at(body, "view", "callback_id") != "feedback":
            return False
        about = json.loads(body["view"]["private_metadata"])
        reason = str(at(body, "view", "state", "values", "reason", "reason", "value") or "")
        await self._feedback.explain(Place.model_validate(about["place"]), about["turn"], str(body["user"]["id"]), reason)
        return True


def _read(body: dict[str, Any]) -> tuple[int, str] | None:
    action = body["actions"][0]
    found = re.fullmatch(r"(good|bad):(\d{1,9})", str(at(action, "value")))
    return (int(found[2]), found[1]) if at(action, "action_id") == "feedback" and found else None


def why_view(place: Place, turn: int) -> Block:
    """Asks what was wrong with an answer."""
    reason = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": REASON_CHARACTERS}
    return {
        "type": "modal",
        "callback_id": "feedback",
        "private_metadata": json.dumps({"place": place.model_dump(), "turn": turn}),
        "title": {"type": "plain_text", "text": "Bad answer"},
        "submit": {"type": "plain_text", "text": "Send"},
        "close": {"type": "plain_text", "text": "Skip"},
        "blocks": [
            {
                "type": "input",
                "block_id": "reason",
                "optional": True,
                "label": {"type": "plain_text", "text": "What was wrong with it?"},
                "hint": {"type": "plain_text", "text": "Whoever tends the agent reads this; the agent itself does not."},
                "element": reason,
            }
        ],
    }
