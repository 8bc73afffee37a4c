"""The thumbs below an answer: a click is on record before Slack hears "received", and a bad one may be explained."""

import json
import re
from typing import Any

from agent.store.feedback import Feedback
from agent.types import Place
from bot.cards.block_kit import SlackBlock, entry, modal
from bot.slack.as_made import as_made, user_in
from bot.slack.inbound import at, thread_of
from bot.slack.web_api import view_opened

REASON_CHARACTERS = 1_000


class Ratings:
    """Reads clicks and reasons into the feedback table."""

    def __init__(self, feedback: Feedback, team: str) -> None:
        self._feedback, self._team = feedback, team

    async def clicked(self, body: dict[str, Any]) -> None:
        """Keep the word that a click says, if it is one on an answer."""
        if (read := _parse_rating(body)) is not None:
            turn, value = read
            with as_made():
                place, user = thread_of(body, self._team), user_in(body)
            await self._feedback.say(place, turn, user, value)

    async def ask_why(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Ask for the reason after a bad rating. A person who closes the form has said what they wanted."""
        read = _parse_rating(body)
        if read is not None and read[1] == "bad":
            with as_made():
                place, trigger = thread_of(body, self._team), str(body["trigger_id"])
            await view_opened(client, trigger, why_view(place, read[0]))  # the word itself is on record
        await ack()

    async def submitted(self, body: dict[str, Any]) -> bool:
        """Keep a reason. False: the form is another one."""
        if at(body, "view", "callback_id") != "feedback":
            return False
        with as_made():
            about = json.loads(body["view"]["private_metadata"])
            place, turn, user = Place.model_validate(about["place"]), int(about["turn"]), user_in(body)
        reason = str(at(body, "view", "state", "values", "reason", "reason", "value") or "")
        await self._feedback.explain(place, turn, user, reason)
        return True


@as_made()
def _parse_rating(body: dict[str, Any]) -> tuple[int, str] | None:
    action = body["actions"][0]
    found = re.fullmatch(r"(good|bad):(\d{1,9})", str(at(action, "value")))
    return (int(found[2]), found[1]) if at(action, "action_id") == "feedback" and found else None


def why_view(place: Place, turn: int) -> SlackBlock:
    """Return the dialog that asks what was wrong with an answer."""
    reason = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": REASON_CHARACTERS}
    hint = "The people who run the agent read this; the agent itself does not."
    asked = entry("reason", "What was wrong with it?", reason, optional=True, hint=hint)
    metadata = json.dumps({"place": place.model_dump(), "turn": turn})
    return modal("feedback", "Bad answer", [asked], submit="Send", close="Skip", metadata=metadata)
