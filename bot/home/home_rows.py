"""The rows of the Home tab. Pure: one thing that was gathered becomes one block.

Words of tools and arguments stand as rich text or plain text, which Slack never parses: nothing in them is live.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from agent.decide.for_cards import card
from agent.memory.values import Value
from agent.reports.home_overview import GrantSeen, Waiting
from agent.session.post_keys import PostKey
from agent.session.state import ActionState
from agent.session.steps import ProposedAction
from agent.store.action_seen import ActionSeen
from agent.store.sessions import session_id
from agent.tool.definition import Tools
from agent.types import Allowed, GrantPattern, Place
from bot.cards.block_kit import SlackBlock, button, confirm, context, literal_text, mrkdwn, option, rich_text, section
from bot.cards.cards import headline, people, slack_time
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut, visible
from bot.cards.links import message_link
from bot.cards.notices import nudge_button
from bot.cards.people import names_somebody
from bot.cards.permissions import revoke_button
from bot.cards.row import HEADLINE_CHARACTERS
from bot.cards.values import Mask, unmasked
from bot.home.memories import SeenItem

VALUE_CHARACTERS = 60
PATTERN_CHARACTERS = 1_500
DATE = "{date_short_pretty} at {time}"


def waiting_row(waiting: Waiting, tools: Tools, link: str, *, decides: bool) -> list[SlackBlock]:
    """Return what waits, and below it who asked, where, when and until when, how far the vote is, and a link to its card.

    `decides`: with the button that opens all of it to be decided, or that leads to the question what became of it; otherwise with
    *Nudge*, for those who asked.
    """
    proposed, open_ = waiting.seen.proposed, waiting.seen.status == "pending"
    title = cut(("" if open_ else "Outcome unknown: ") + home_headline(proposed, tools), HEADLINE_CHARACTERS)
    quorum = proposed.verdict.quorum
    voted = f" (heard so far: {people(waiting.voters)})" if waiting.voters else ""
    told = [
        f"Asked by {people(proposed.requesters)} {_where(waiting.seen.place)}, {slack_time(proposed.proposed_at)}",
        *([f"until {slack_time(proposed.expires_at)}"] if open_ else []),
        *([f"{quorum} approvals needed{voted}"] if open_ and quorum > 1 else []),
        f"<{link}|{'Open the card' if open_ else 'Open the question'}>",
    ]
    return [{**section(title), **_beside(waiting, link, decides=decides)}, context("  ·  ".join(told))]


def _beside(waiting: Waiting, link: str, *, decides: bool) -> SlackBlock:
    """Return the button beside an action that waits: it decides it, or has those told again who may."""
    proposed, open_ = waiting.seen.proposed, waiting.seen.status == "pending"
    if decides:
        return {"accessory": _decide_button(proposed.action_id, link if not open_ else "")}
    return {"accessory": nudge_button(proposed.action_id)} if open_ and names_somebody(proposed.verdict) else {}


def _decide_button(action_id: str, question: str) -> SlackBlock:
    """Return the button that opens an action whole; or that leads to the question what became of it."""
    if not question:
        return button("review", "Review…", action_id)
    return {"type": "button", "action_id": "open_question", "text": literal_text("Answer…"), "url": question}


def ended_row(seen: ActionSeen, tools: Tools, link: str, mask: Mask = unmasked) -> SlackBlock:
    """Return what came of an action, by whom, and who had asked where. `mask`: of who only reads along where its card stands."""
    by = [_text_element("  ·  decided by "), _user(seen.decided_by)] if seen.decided_by else []
    at = [_text_element("  ·  "), _date(seen.decided_at)] if seen.decided_at else []
    asked = [_text_element("  ·  asked by "), *_people(seen.proposed.requesters)]
    what = ENDINGS[seen.status].in_a_list() if seen.status in ENDINGS else seen.status
    title = _text_element(cut(home_headline(seen.proposed, tools, mask), HEADLINE_CHARACTERS), bold=True)
    opens: list[SlackBlock] = [_text_element("  ·  "), {"type": "link", "url": link, "text": "Open the card"}]
    return _rich_line(title, _text_element("\n"), _text_element(what), *by, *at, *asked, *_in_rich_text(seen.place), *opens)


def grant_row(grant: GrantSeen, tools: Tools) -> SlackBlock:
    """Return a section, so that the button is beside the grant that it is about."""
    granted = grant.granted
    tool = tools.get(granted.tool)
    words = f"{visible(f'{tool.verb} ({granted.tool})' if tool else granted.tool)}: {pattern_in_words(granted.pattern)}"
    left = f"{grant.most_uses - grant.uses} of {grant.most_uses} uses left, until {slack_time(grant.expires_at)}"
    channel = "a direct message" if grant.place.direct else f"<#{grant.place.channel}>"
    revoke = revoke_button(granted.grant_id, style="danger")
    fields = [mrkdwn(left), mrkdwn(f"In one thread of {channel}")]
    return {**section(cut(words, PATTERN_CHARACTERS)), "fields": fields, "accessory": revoke}


def memory_row(each: SeenItem, slack_url: str) -> SlackBlock:
    """Return a section with what is remembered, where and when it was said, and what can be done about it."""
    item, at = each.item, each.message
    where = _said_in(item.channel)
    often = f", said {item.confirmed} times" if item.confirmed > 1 else ""
    link = f"  ·  <{message_link(slack_url, *at)}|Open the message>" if at is not None else ""
    asked = confirm("Change what I remember?", "What is forgotten is not learnt from that message again.", "Go on", no="Keep it")
    options = [option(f"correct:{item.id}", "Correct…"), option(f"forget:{item.id}", "Forget")]
    what: SlackBlock = {"type": "overflow", "action_id": "memory", "options": options, "confirm": asked}
    fields = [mrkdwn(f"{slack_time(item.learnt_at)} {where}{often}{link}")]
    return {**section(cut(visible(item.text), HEADLINE_CHARACTERS)), "fields": fields, "accessory": what}


def value_row(value: Value) -> SlackBlock:
    """Return a section with a value, what it is and where it was said, and the button that deletes it."""
    words = f"{value.key}: {visible(json.dumps(value.value, ensure_ascii=False))}"
    asked = confirm("Delete this value?", "I do not go by it any more.", "Delete", no="Keep it")
    delete = {**button("delete_value", "Delete", value.key, style="danger"), "confirm": asked}
    fields = [mrkdwn(f"{value.kind} {_said_in(value.channel)}")]
    return {**section(cut(words, HEADLINE_CHARACTERS)), "fields": fields, "accessory": delete}


def text_row(text: str, place: Place | None = None, link: str = "") -> SlackBlock:
    """Return a line of our own, with the place that it is about and a link to its thread."""
    where = _in_rich_text(place) if place is not None else []
    opens: list[SlackBlock] = [_text_element("  ·  "), {"type": "link", "url": link, "text": "Open the thread"}] if link else []
    return _rich_line(_text_element(text), *where, *opens)


def home_headline(proposed: ProposedAction, tools: Tools, mask: Mask = unmasked) -> str:
    """Return the action and its scope in one line, as on its card."""
    return headline(card(ActionState(proposed)), tools.get(proposed.tool), mask)


def card_link(seen: ActionSeen, posted: Mapping[tuple[str, str], str], readable: Collection[str], slack_url: str) -> str:
    """Return the address of a card; of its copy for who cannot read the thread, and of the question where its outcome is unknown.

    Empty where it is not known. `posted`: the ts of messages, by session and key.
    """
    place, action_id, message = seen.place, seen.proposed.action_id, seen.proposed.shown_in
    of_session = {key: ts for (of, key), ts in posted.items() if of == session_id(place)}
    copy, post_to = of_session.get(str(PostKey("copy", str(message.of)))), seen.proposed.verdict.post_to
    if copy and seen.status != "unknown" and not place.direct and place.channel not in readable:
        return message_link(slack_url, post_to, copy)
    questions = [ts for key, ts in of_session.items() if key.startswith(f"question:{action_id}:")]
    ts = questions[-1] if questions and seen.status == "unknown" else of_session.get(str(message))
    if not ts:
        return ""
    return message_link(slack_url, place.channel, ts, place.thread_ts)


def pattern_in_words(pattern: GrantPattern) -> str:
    """Return what a grant allows each argument to be."""
    return ", ".join(_allowed(each) for each in pattern) or "no arguments"


def _allowed(allowed: Allowed) -> str:
    name = visible(allowed.argument)
    value = cut(visible(json.dumps(allowed.value, ensure_ascii=False)), VALUE_CHARACTERS)
    match allowed.to_be:
        case "exactly":
            return f"{name} exactly {value}"
        case "at_most":
            return f"{name} at most {value}"
        case "anything":
            return f"any {name}"


def _said_in(channel: str) -> str:
    return "for everybody" if not channel else "in a direct message" if channel[0] == "D" else f"in <#{channel}>"


def _where(place: Place) -> str:
    return "in a direct message" if place.direct else f"in <#{place.channel}>"


# ---------------------------------------------------------------------------------------------- pieces of rich text


def _rich_line(*elements: SlackBlock) -> SlackBlock:
    """Return one line of these pieces."""
    return rich_text([{"type": "rich_text_section", "elements": list(elements)}])


def _text_element(text: str, *, bold: bool = False) -> SlackBlock:
    return {"type": "text", "text": text, **({"style": {"bold": True}} if bold else {})}


def _user(user: str) -> SlackBlock:
    return {"type": "user", "user_id": user}


def _people(users: Sequence[str]) -> list[SlackBlock]:
    named: list[SlackBlock] = []
    for user in users:
        named += [_text_element(", "), _user(user)] if named else [_user(user)]
    return named


def _in_rich_text(place: Place) -> list[SlackBlock]:
    if place.direct:
        return [_text_element(" in a direct message")]
    return [_text_element(" in "), {"type": "channel", "channel_id": place.channel}]


def _date(at: datetime) -> SlackBlock:
    fallback = f"{at:%Y-%m-%d %H:%M} UTC"
    return {"type": "date", "timestamp": int(at.timestamp()), "format": DATE, "fallback": fallback}
