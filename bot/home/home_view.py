"""How the Home tab looks. Pure: what was gathered becomes a view."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from agent.memory.values import Value
from agent.reports.home_overview import GrantSeen, SpentOfBudget, Waiting
from agent.store.action_seen import ActionSeen
from agent.tool.definition import Tools
from agent.types import Place
from bot.cards.block_kit import SlackBlock, button, header, prose_section, section
from bot.cards.capabilities import capabilities, capability_lines
from bot.cards.links import message_link
from bot.cards.values import Mask, unmasked
from bot.home.budgets import BudgetSeen, of_limit
from bot.home.home_rows import ended_row, grant_row, memory_row, text_row, value_row, waiting_row
from bot.home.memories import SeenItem

HomeSection = Literal["decide", "asked", "recent", "grants", "memory", "values", "budget"]
Pages = Mapping[str, int]  # from 1; a section that is not named shows its first
_Item = TypeVar("_Item")

# A tab holds 100 blocks. What waits takes two a row.
PAGE: Mapping[HomeSection, int] = {
    **{"decide": 10, "asked": 5, "recent": 10, "grants": 5},
    **{"memory": 10, "values": 10, "budget": 5},
}
MOST_AGENTS = 4  # of blocks a tab holds 100
HALF = 2  # a budget of which less than this part is used is not worth a line

RAISE: SlackBlock = {"type": "actions", "block_id": "raise", "elements": [button("raise_budget", "Raise a budget…", "raise")]}
ABOVE = "What you asked for stands above: you may decide it yourself."
TROUBLE = "What waits for you could not be read just now. Nothing is lost: please open this tab again in a minute."


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """An agent as a person can talk to it: its tools, and the channels that it answers in; none of the one that answers in all
    others."""

    tools: Tools
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HomeContent:
    """What one person may see.

    Wide because it is all of one tab.
    """

    user: str = ""
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
    agents: Sequence[AgentSeen] = ()
    links: Mapping[str, str] = field(default_factory=dict[str, str])  # by action: to where its card stands

    @property
    def only_asked(self) -> Sequence[Waiting]:
        """Return what they asked for and cannot decide themselves."""
        above = {each.seen.proposed.action_id for each in self.decide}
        return [each for each in self.asked if each.seen.proposed.action_id not in above]

    @property
    def spending(self) -> Sequence[tuple[SpentOfBudget, int] | BudgetSeen]:
        """Return the budgets of which half is used."""
        budgets = [each for each in self.budgets if each.used * HALF >= each.limit]
        return (*budgets, *(each for each in self.budget if each[0].used_tokens * HALF >= each[1]))

    def shown(self, pages: Pages) -> Sequence[ActionSeen]:
        """Return the actions on these pages of the tab."""
        waiting = (*_on_page("decide", self.decide, pages)[1], *_on_page("asked", self.only_asked, pages)[1])
        return (*(each.seen for each in waiting), *_on_page("recent", self.recent, pages)[1])


def home_view(
    gathered: HomeContent, pages: Pages, tools: Tools, slack_url: str, mask_in: Callable[[Place], Mask] = lambda _: unmasked
) -> SlackBlock:
    """Return the tab. `slack_url`: the workspace's address, with which links to threads begin. `mask_in`: what is hidden from
    those who only read along in a place."""

    def link(seen: ActionSeen) -> str:
        return gathered.links.get(seen.proposed.action_id) or thread_link(seen.place, slack_url)

    def decided_here(each: Waiting) -> list[SlackBlock]:
        return waiting_row(each, tools, link(each.seen), decides=True)

    def waiting(each: Waiting) -> list[SlackBlock]:
        return waiting_row(each, tools, link(each.seen), decides=False)

    def ended(seen: ActionSeen) -> SlackBlock:
        theirs = gathered.user in (*seen.proposed.requesters, seen.decided_by)
        return ended_row(seen, tools, link(seen), unmasked if theirs else mask_in(seen.place))

    def spent(each: tuple[SpentOfBudget, int] | BudgetSeen) -> SlackBlock:
        if isinstance(each, BudgetSeen):
            return text_row(f"{each.words}: {of_limit(each)}")
        used, most = each[0].used_tokens, each[1]
        return text_row(f"{used:,} of {most:,} tokens", each[0].place, thread_link(each[0].place, slack_url))

    mine = ABOVE if gathered.asked else "Nothing that you asked for is waiting."
    blocks = [
        *_section("decide", "Waiting for your decision", gathered.decide, decided_here, "Nothing waits for you.", pages),
        *_unsure(gathered),
        *_section("asked", "You asked for", gathered.only_asked, waiting, mine, pages),
        *_section("recent", "Recent outcomes", gathered.recent, ended, "Nothing in the last 30 days that you may see.", pages),
        *_section(
            "grants",
            "Your standing permissions",
            gathered.grants,
            lambda each: grant_row(each, tools),
            "You have given none.",
            pages,
        ),
        *(
            _section(
                "memory",
                "What I remember of your words",
                gathered.remembered,
                lambda each: memory_row(each, slack_url),
                "Nothing so far.",
                pages,
            )
            if gathered.remembered is not None
            else []
        ),
        *(
            _section("values", "What I keep for you", gathered.kept, value_row, "Nothing is kept.", pages)
            if gathered.kept is not None
            else []
        ),
        *_section("budget", "Budgets", gathered.spending, spent, "No budget of yours is half used.", pages),
        *([RAISE] if gathered.may_raise else []),
        header("What I can do"),
        *_agents(gathered.agents),
    ]
    return {"type": "home", "private_metadata": json.dumps(dict(pages)), "blocks": blocks}


def trouble_view() -> SlackBlock:
    """Return a tab that says what is wrong, instead of one that would be wrong."""
    return {"type": "home", "blocks": [section(TROUBLE)]}


def thread_link(place: Place, slack_url: str) -> str:
    """Return the address of a thread."""
    return message_link(slack_url, place.channel, place.thread_ts)


# ---------------------------------------------------------------------------------------------- sections


def _on_page(name: HomeSection, items: Sequence[_Item], pages: Pages) -> tuple[int, Sequence[_Item]]:
    """Return which page of a section is shown, and which items it has."""
    page = min(max(pages.get(name, 1), 1), _last_page(name, items))
    return page, items[(page - 1) * PAGE[name] : page * PAGE[name]]


def _last_page(name: HomeSection, items: Sequence[object]) -> int:
    return max(1, -(-len(items) // PAGE[name]))


def _section(
    name: HomeSection,
    title: str,
    items: Sequence[_Item],
    block: Callable[[_Item], SlackBlock | list[SlackBlock]],
    none: str,
    pages: Pages,
) -> list[SlackBlock]:
    """Return a heading, one page of the items, and the way to the others."""
    last = _last_page(name, items)
    page, shown = _on_page(name, items, pages)
    blocks = [header(title)]
    for made in map(block, shown):
        blocks += made if isinstance(made, list) else [made]
    if not items:
        return [*blocks, text_row(none)]
    if last == 1:
        return blocks
    first = (page - 1) * PAGE[name] + 1
    turns = [_turn(name, "Previous", page - 1)] if page > 1 else []
    turns += [_turn(name, "Next", page + 1)] if page < last else []
    where = text_row(f"{first} to {first + len(shown) - 1} of {len(items)}")
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
    return [text_row(line) for line in lines]


def _agents(agents: Sequence[AgentSeen]) -> list[SlackBlock]:
    """Return what the agent can do that answers in most places, and what others can in theirs; only what is more, if nothing is
    less."""
    blocks: list[SlackBlock] = []
    for agent in agents[:MOST_AGENTS]:
        if not agent.channels:
            blocks.append(prose_section(capabilities(agent.tools)))
            continue
        usual = agents[0].tools
        more = {name: tool for name, tool in agent.tools.items() if name not in usual}
        less = [name for name in usual if name not in agent.tools]
        where = ", ".join(f"<#{channel}>" for channel in agent.channels)
        if more or less:
            told = f"In {where}:" if less else f"In {where} also:"
            blocks.append(prose_section(f"{told}\n{capability_lines(agent.tools if less else more)}"))
    return blocks
