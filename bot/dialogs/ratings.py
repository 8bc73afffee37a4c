"""The thumbs below an answer, and the button by them that calls it wrong: what people say is on record before Slack hears
"received"."""

import json
import re
from collections.abc import Mapping
from typing import Any

from agent import metrics
from agent.store.feedback import Feedback
from agent.types import Place
from bot.cards.block_kit import SlackBlock, entry, modal, section
from bot.slack.as_made import as_made, user_in
from bot.slack.inbound import at, thread_of
from bot.slack.web_api import view_opened

REASON_CHARACTERS = 1_000
INSTEAD_CHARACTERS = 3_000  # the most that Slack takes
THANKS = (
    "Thank you. The people who run the agent find this among the answers to look into, with personal data hidden, together with "
    "what led to the answer. You may say it again: your last words count."
)
GONE = "Nothing is kept of this conversation any more, so there is nothing to look into. Thank you all the same."


class Ratings:
    """Reads clicks and words into the feedback table."""

    def __init__(self, feedback: Feedback, team: str) -> None:
        self._feedback, self._team = feedback, team

    async def clicked(self, body: dict[str, Any]) -> None:
        """Keep the word that a click says, if it is one on an answer."""
        if (read := _parse_rating(body)) is not None:
            turn, value = read
            with as_made():
                place, user = thread_of(body, self._team), user_in(body)
            await self._feedback.say(place, turn, user, value)
            metrics.count_rating("good" if value == "good" else "bad")

    async def ask_why(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Ask for the reason after a bad rating. A person who closes the form has said what they wanted."""
        read = _parse_rating(body)
        if read is not None and read[1] == "bad":
            with as_made():
                place, trigger = thread_of(body, self._team), str(body["trigger_id"])
            await view_opened(client, trigger, why_view(place, read[0]))  # the word itself is on record
        await ack()

    async def ask_what_is_wrong(self, ack: Any, body: dict[str, Any], client: Any) -> None:
        """Ask what is wrong with an answer. A person who closes the form has said nothing."""
        with as_made():
            found = re.fullmatch(r"\d{1,9}", str(at(body["actions"][0], "value")))
            place, trigger = thread_of(body, self._team), str(body["trigger_id"])
        if found:
            await view_opened(client, trigger, wrong_view(place, int(found[0])))
        await ack()

    async def submitted(self, body: dict[str, Any]) -> Mapping[str, Any] | None:
        """Keep what a form says, and return Slack's answer to it; empty closes it. None: the form is another one."""
        form = at(body, "view", "callback_id")
        if form not in ("feedback", "wrong_answer"):
            return None
        with as_made():
            about = json.loads(body["view"]["private_metadata"])
            place, turn, user = Place.model_validate(about["place"]), int(about["turn"]), user_in(body)
        if form == "feedback":
            await self._feedback.explain(place, turn, user, _words_in(body, "reason"))
            return {}
        filed = await self._feedback.say_wrong(place, turn, user, _words_in(body, "wrong"), _words_in(body, "instead"))
        if filed:
            metrics.count_rating("wrong")
        return {"response_action": "update", "view": thanks_view(THANKS if filed else GONE)}


@as_made()
def _parse_rating(body: dict[str, Any]) -> tuple[int, str] | None:
    action = body["actions"][0]
    found = re.fullmatch(r"(good|bad):(\d{1,9})", str(at(action, "value")))
    return (int(found[2]), found[1]) if at(action, "action_id") == "feedback" and found else None


def _words_in(body: dict[str, Any], field: str) -> str:
    return str(at(body, "view", "state", "values", field, field, "value") or "")


def why_view(place: Place, turn: int) -> SlackBlock:
    """Return the dialog that asks what was wrong with an answer."""
    hint = "The people who run the agent read this; the agent itself does not."
    asked = entry("reason", "What was wrong with it?", _text_input("reason", REASON_CHARACTERS), optional=True, hint=hint)
    return modal("feedback", "Bad answer", [asked], submit="Send", close="Skip", metadata=_about(place, turn))


def wrong_view(place: Place, turn: int) -> SlackBlock:
    """Return the dialog that asks what is wrong with an answer, and what it should have said."""
    hint = "The people who run the agent read this, with personal data hidden; the agent itself does not."
    asked = [
        entry("wrong", "What is wrong with it?", _text_input("wrong", REASON_CHARACTERS), hint=hint),
        entry("instead", "What should it have said?", _text_input("instead", INSTEAD_CHARACTERS), optional=True),
    ]
    return modal("wrong_answer", "Wrong answer?", asked, submit="Send", close="Cancel", metadata=_about(place, turn))


def thanks_view(told: str) -> SlackBlock:
    """Return the dialog that answers somebody who called an answer wrong."""
    return modal("wrong_answer_told", "Wrong answer?", [section(told)], close="Close")


def _text_input(action_id: str, most: int) -> SlackBlock:
    return {"type": "plain_text_input", "action_id": action_id, "multiline": True, "max_length": most}


def _about(place: Place, turn: int) -> str:
    return json.dumps({"place": place.model_dump(), "turn": turn})
