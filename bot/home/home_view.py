"""How the Home tab looks. Pure: what was gathered becomes a view.

Words of tools and arguments stand as rich text or plain text, which Slack never parses: nothing in them is live.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from agent.decide.for_cards import card
from agent.memory.values import Value
from agent.model.spending import amount
from agent.reports.home_overview import GrantSeen, SpentOfBudget, Waiting
from agent.session.state import ActionState
from agent.session.steps import ProposedAction
from agent.store.sessions import ActionSeen
from agent.tool.definition import Tools
from agent.types import Allowed, GrantPattern, Place
from bot.cards.block_kit import SlackBlock, button, confirm, header, mrkdwn, option, prose_section, rich_text, section
from bot.cards.cards import headline, slack_time
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut, visible
from bot.cards.messages import capabilities
from bot.cards.permissions import revoke_button
from bot.home.budgets import BudgetSeen
from bot.home.memories import SeenItem

HomeSection = Literal["decide", "asked", "recent", "grants", "memory", "values", "budget"]
Pages = Mapping[str, int]  # from 1; a section that is not named shows its first
_Item = TypeVar("_Item")

PAGE = 10
HEADLINE_CHARACTERS = 150
VALUE_CHARACTERS = 60
PATTERN_CHARACTERS = 1_500
DATE = "{date_short_pretty} at {time}"

RAISE: SlackBlock = {"type": "actions", "block_id": "raise", "elements": [button("raise_budget", "Raise a budget…", "raise")]}
ABOVE = "What you asked for stands above: you may decide it yourself."
TROUBLE = "What waits for you could not be read just now. Nothing is lost: please open this tab again in a minute."


@dataclass(frozen=True, slots=True)
class HomeContent:
    """What one person may see."""

    decide: Sequence[Waiting] = ()  # may decide, and has not given their word yet
    asked: Sequence[Waiting] = ()
    recent: Sequence[ActionSeen] = ()
    grants: Sequence[GrantSeen] = ()
    budget: Sequence[tuple[SpentOfBudget, int]] = ()  # with what the conversation may use in all
    budgets: Sequence[BudgetSeen] = ()  # their own, and for admins the workspace's
    may_raise: bool = False
    remembered: Sequence[SeenItem] | None = None  # of the words that this person said; None: nothing is remembered here
    kept: Sequence[Value] | None = None  # for this person, by a key; None: nothing is remembered here
    unclear: int = 0  # Slack did not say whether this person may decide them
    read_all: bool = True  # the workspace has no open actions beyond those that were looked through


def home_view(gathered: HomeContent, pages: Pages, tools: Tools, slack_url: str) -> SlackBlock:
    """Return the tab. `slack_url`: the workspace's address, with which links to threads begin."""

    def waiting(each: Waiting) -> SlackBlock:
        return _item(_title(each, tools), *_waiting(each), *_link(each.seen.place, slack_url))

    def ended(seen: ActionSeen) -> SlackBlock:
        return _item(home_headline(seen.proposed, tools), *_ended(seen), *_link(seen.place, slack_url))

    def granted(each: GrantSeen) -> SlackBlock:
        return _grant(each, tools)

    def remembered(each: SeenItem) -> SlackBlock:
        return _remembered(each, slack_url)

    def spent(each: tuple[SpentOfBudget, int] | BudgetSeen) -> SlackBlock:
        if isinstance(each, BudgetSeen):
            return _rich_line(
                _text_element(f"{each.words}: {amount(each.measure, each.used)} of {amount(each.measure, each.limit)}")
            )
        used, most = each[0].used_tokens, each[1]
        return _rich_line(_text_element(f"{used:,} of {most:,} tokens"), *_where(each[0].place), *_link(each[0].place, slack_url))

    above = {each.seen.proposed.action_id for each in gathered.decide}
    others = [each for each in gathered.asked if each.seen.proposed.action_id not in above]
    spending = (*gathered.budgets, *gathered.budget)
    blocks = [
        *_section("decide", "Waiting for your decision", gathered.decide, waiting, "Nothing waits for you.", pages),
        *_unsure(gathered),
        *_section(
            "asked",
            "You asked for",
            others,
            waiting,
            ABOVE if gathered.asked else "Nothing that you asked for is waiting.",
            pages,
        ),
        *_section("recent", "Recent outcomes", gathered.recent, ended, "Nothing was decided in the last 30 days.", pages),
        *_section("grants", "Your standing permissions", gathered.grants, granted, "You have given none.", pages),
        *(
            _section("memory", "What I remember of your words", gathered.remembered, remembered, "Nothing so far.", pages)
            if gathered.remembered is not None
            else []
        ),
        *(
            _section("values", "What I keep for you", gathered.kept, _kept, "Nothing is kept.", pages)
            if gathered.kept is not None
            else []
        ),
        *_section("budget", "Budget used", spending, spent, "No conversation of yours in the last 30 days.", pages),
        *([RAISE] if gathered.may_raise else []),
        header("What I can do"),
        prose_section(capabilities(tools)),
    ]
    return {"type": "home", "private_metadata": json.dumps(dict(pages)), "blocks": blocks}


def trouble_view() -> SlackBlock:
    """Return a tab that says what is wrong, instead of one that would be wrong."""
    return {"type": "home", "blocks": [section(TROUBLE)]}


def home_headline(proposed: ProposedAction, tools: Tools) -> str:
    """Return the action and its scope in one line, as on its card."""
    return headline(card(ActionState(proposed)), tools.get(proposed.tool))


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


# ---------------------------------------------------------------------------------------------- sections


def _section(
    name: HomeSection, title: str, items: Sequence[_Item], block: Callable[[_Item], SlackBlock], none: str, pages: Pages
) -> list[SlackBlock]:
    """Return a heading, one page of the items, and the way to the others."""
    last = max(1, -(-len(items) // PAGE))
    page = min(max(pages.get(name, 1), 1), last)
    shown = items[(page - 1) * PAGE : page * PAGE]
    blocks = [header(title), *(block(each) for each in shown)]
    if not items:
        return [*blocks, _rich_line(_text_element(none))]
    if last == 1:
        return blocks
    first = (page - 1) * PAGE + 1
    turns = [_turn(name, "Previous", page - 1)] if page > 1 else []
    turns += [_turn(name, "Next", page + 1)] if page < last else []
    where = _rich_line(_text_element(f"{first} to {first + len(shown) - 1} of {len(items)}"))
    return [*blocks, where, {"type": "actions", "block_id": f"pages:{name}", "elements": turns}]


def _turn(name: HomeSection, label: str, page: int) -> SlackBlock:
    """Return a button that turns a page. Two buttons of one block may not have one action_id."""
    return button(f"home_page_{label.lower()}", label, f"{name}:{page}")


def _unsure(gathered: HomeContent) -> list[SlackBlock]:
    """Return what is missing above, and why."""
    lines: list[str] = []
    if gathered.unclear:
        what = "1 action" if gathered.unclear == 1 else f"{gathered.unclear} actions"
        lines.append(f"{what} could not be checked right now: Slack did not say who may decide. Please open this tab again.")
    if not gathered.read_all:
        lines.append("Not all that waits in this workspace was looked through, only what expires next. Threads show the rest.")
    return [_rich_line(_text_element(line)) for line in lines]


def _title(waiting: Waiting, tools: Tools) -> str:
    unknown = "Outcome unknown: " if waiting.seen.status == "unknown" else ""
    return unknown + home_headline(waiting.seen.proposed, tools)


def _waiting(waiting: Waiting) -> list[SlackBlock]:
    """Return who asked, where, until when, and how far the vote is."""
    proposed, place = waiting.seen.proposed, waiting.seen.place
    until = [_text_element("  ·  until "), _date(proposed.expires_at)] if waiting.seen.status == "pending" else []
    quorum = proposed.verdict.quorum
    progress = [_text_element(f"  ·  {quorum} approvals needed")] if quorum > 1 and waiting.seen.status == "pending" else []
    voted = [_text_element("  ·  heard so far: "), *_people(waiting.voters)] if progress and waiting.voters else []
    return [_text_element("Asked by "), *_people(proposed.requesters), *_where(place), *until, *progress, *voted]


def _ended(seen: ActionSeen) -> list[SlackBlock]:
    """Return what came of it, by whom, and who had asked where."""
    by = [_text_element("  ·  decided by "), _user(seen.decided_by)] if seen.decided_by else []
    at = [_text_element("  ·  "), _date(seen.decided_at)] if seen.decided_at else []
    asked = [_text_element("  ·  asked by "), *_people(seen.proposed.requesters), *_where(seen.place)]
    return [_text_element(ENDINGS[seen.status].in_a_list() if seen.status in ENDINGS else seen.status), *by, *at, *asked]


def _grant(grant: GrantSeen, tools: Tools) -> SlackBlock:
    """Return a section, so that the button is beside the grant that it is about."""
    granted = grant.granted
    tool = tools.get(granted.tool)
    words = f"{visible(f'{tool.verb} ({granted.tool})' if tool else granted.tool)}: {pattern_in_words(granted.pattern)}"
    left = f"{grant.most_uses - grant.uses} of {grant.most_uses} uses left, until {slack_time(grant.expires_at)}"
    channel = "a direct message" if grant.place.direct else f"<#{grant.place.channel}>"
    fields = [mrkdwn(left), mrkdwn(f"In one thread of {channel}")]
    return {
        **section(cut(words, PATTERN_CHARACTERS)),
        "fields": fields,
        "accessory": revoke_button(granted.grant_id, style="danger"),
    }


def _remembered(each: SeenItem, slack_url: str) -> SlackBlock:
    """Return a section with what is remembered, where and when it was said, and what can be done about it."""
    item, at = each.item, each.message
    where = _said_in(item.channel)
    often = f", said {item.confirmed} times" if item.confirmed > 1 else ""
    link = f"  ·  <{slack_url}archives/{at[0]}/p{at[1].replace('.', '')}|Open the message>" if at is not None else ""
    asked = confirm("Change what I remember?", "What is forgotten is not learnt from that message again.", "Go on", no="Keep it")
    options = [option(f"correct:{item.id}", "Correct…"), option(f"forget:{item.id}", "Forget")]
    what: SlackBlock = {"type": "overflow", "action_id": "memory", "options": options, "confirm": asked}
    fields = [mrkdwn(f"{slack_time(item.learnt_at)} {where}{often}{link}")]
    return {**section(cut(visible(item.text), HEADLINE_CHARACTERS)), "fields": fields, "accessory": what}


def _kept(value: Value) -> SlackBlock:
    """Return a section with a value, what it is and where it was said, and the button that deletes it."""
    words = f"{value.key}: {visible(json.dumps(value.value, ensure_ascii=False))}"
    asked = confirm("Delete this value?", "I do not go by it any more.", "Delete", no="Keep it")
    delete = {**button("delete_value", "Delete", value.key, style="danger"), "confirm": asked}
    fields = [mrkdwn(f"{value.kind} {_said_in(value.channel)}")]
    return {**section(cut(words, HEADLINE_CHARACTERS)), "fields": fields, "accessory": delete}


def _said_in(channel: str) -> str:
    return "for everybody" if not channel else "in a direct message" if channel[0] == "D" else f"in <#{channel}>"


# ---------------------------------------------------------------------------------------------- pieces


def _item(title: str, *details: SlackBlock) -> SlackBlock:
    return _rich_line(_text_element(cut(title, HEADLINE_CHARACTERS), bold=True), _text_element("\n"), *details)


def _rich_line(*elements: SlackBlock) -> SlackBlock:
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


def _where(place: Place) -> list[SlackBlock]:
    if place.direct:
        return [_text_element(" in a direct message")]
    return [_text_element(" in "), {"type": "channel", "channel_id": place.channel}]


def _link(place: Place, slack_url: str) -> list[SlackBlock]:
    url = f"{slack_url}archives/{place.channel}/p{place.thread_ts.replace('.', '')}"
    return [_text_element("  ·  "), {"type": "link", "url": url, "text": "Open the thread"}]


def _date(at: datetime) -> SlackBlock:
    fallback = f"{at:%Y-%m-%d %H:%M} UTC"
    return {"type": "date", "timestamp": int(at.timestamp()), "format": DATE, "fallback": fallback}
