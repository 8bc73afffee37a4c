"""Budgets as people see them in the Home tab, and how admins raise one: a dialog, judged when it is submitted."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from agent.errors import DelayedError, FencedError, UnclearError, UnreachableError
from agent.model.spending import NANO_PER_USD, BudgetKind, Limit, Measure, Scope, amount, figure, scope
from agent.store.redis_budgets import RedisBudget
from agent.store.usage import Ledger
from agent.text import mention
from bot.cards.block_kit import SlackBlock, context, entry, modal, option, section
from bot.cards.harmless_text import escaped
from bot.config.file import Config
from bot.slack.as_made import as_made, user_in
from bot.slack.inbound import at
from bot.slack.surface import SlackSurface
from bot.slack.web_api import view_opened

log = logging.getLogger(__name__)

MOST_OPTIONS = 100
MOST_PEOPLE = 5  # that a line names
MOST_RAISED = {"tokens": 10**12, "nano_usd": 10**6 * NANO_PER_USD}  # by one click
EXPLAINED = "More may then be spent of this budget, from the next step on and until its day or month is over. It goes on record."
NOT_ADMIN = "Only admins of this workspace can raise a budget."
UNSURE = "Slack does not say right now whether you are an admin; please try again in a moment."
WORDS: Mapping[BudgetKind, str] = {"workspace_day": "The workspace's day", "workspace_month": "The workspace's month"}


@dataclass(frozen=True, slots=True)
class BudgetSeen:
    """One measure of a budget, with what admins added to it."""

    words: str
    measure: Measure
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Raisable:
    """What the dialog offers."""

    kind: BudgetKind
    agent: str
    measure: Measure
    stands: str = ""  # how much of it is used, or how much everybody has

    @property
    def words(self) -> str:
        """Return the budget as an option."""
        whose = WORDS.get(self.kind) or f"A person's day with {self.agent}"
        return f"{whose}: {self.stands}"


class Budgets:
    """The budgets of signoff.yaml, as they stand."""

    def __init__(self, config: Config, ledger: Ledger, budget: RedisBudget, surface: SlackSurface, team: str) -> None:
        self._config = config
        self._ledger = ledger
        self._budget = budget
        self._surface, self._team = surface, team

    # ------------------------------------------------------------------------------------------ the tab

    async def seen(self, user: str) -> tuple[list[BudgetSeen], bool]:
        """Return today's state of this person's budgets, and for an admin of the workspace's; and whether they may raise them."""
        if not self._raisable():
            return [], False
        try:
            admin = await self._surface.is_admin(user)
        except (UnclearError, DelayedError, FencedError) as error:
            log.info("a Home tab goes without what admins see: %s", error)
            admin = False
        now = await self._ledger.now()
        seen: list[BudgetSeen] = []
        for kind, agent, limit in self._limited():
            if kind == "user_day" or admin:
                words = WORDS.get(kind) or f"Your day with {agent}"
                seen += await self._standing(scope(kind, self._team, now, agent=agent, user=user), words, limit)
        return seen, admin

    def _limited(self) -> Iterator[tuple[BudgetKind, str, Limit]]:
        """Yield every limit, those of the workspace once."""
        for agent in self._config.agents:
            if (limit := self._config.limits(agent).get("user_day")) is not None:
                yield "user_day", agent, limit
        for kind, limit in self._config.limits(next(iter(self._config.agents))).items():
            if kind != "user_day":
                yield kind, "", limit

    async def _standing(self, of: Scope, words: str, limit: Limit) -> list[BudgetSeen]:
        total = await self._ledger.total(of)
        open_ = [sum(call[at] for call in total.open.values()) for at in (1, 2)]
        return [
            BudgetSeen(words, measure, total.used[at] + open_[at], most + total.raised[at])
            for at, (measure, most) in enumerate(_measures(limit))
            if most is not None
        ]

    # ------------------------------------------------------------------------------------------ the dialog

    async def open(self, body: dict[str, Any], client: Any) -> None:
        """Open the dialog for an admin. A person who is none any more sees nothing."""
        with as_made():
            user, trigger = user_in(body), str(body["trigger_id"])
        try:
            if not await self._surface.is_admin(user):
                log.info("%s is no admin and wanted to raise a budget", user)
                return
        except (UnclearError, DelayedError, FencedError) as error:
            log.warning("the dialog to raise a budget could not be opened: %s", error)
            return
        await view_opened(client, trigger, raise_view(*await self._offered()))

    async def submitted(self, body: dict[str, Any]) -> Mapping[str, str]:
        """Raise what was chosen; or what is wrong with it, by block."""
        with as_made():
            user, view_id = user_in(body), str(body["view"]["id"])
            entered = _Entered.read(at(body, "view", "state", "values") or {})
        try:
            if not await self._surface.is_admin(user):
                return {"amount": NOT_ADMIN}
        except (UnclearError, DelayedError, FencedError):
            return {"amount": UNSURE}
        chosen = dict(enumerate(self._raisable())).get(entered.choice)
        if chosen is None:
            return {"budget": "This budget is not there any more; please open the dialog again."}
        if chosen.kind == "user_day" and not entered.person:
            return {"person": "Whose day is it?"}
        more = _amount(chosen.measure, entered.amount)
        if more is None:
            example = "5 or 2.50" if chosen.measure == "nano_usd" else "100000"
            return {"amount": f"Please write by how much, as a number such as {example}."}
        of = scope(chosen.kind, self._team, await self._ledger.now(), agent=chosen.agent, user=entered.person)
        await self._raise(of, chosen.measure, more, user, view_id)
        return {}

    async def _offered(self) -> tuple[list[Raisable], list[str]]:
        """Return the budgets that can be raised, as they stand; and whose days are used most, a line for each agent."""
        now, offered, people = await self._ledger.now(), list[Raisable](), list[str]()
        for kind, agent, limit in self._limited():
            of = scope(kind, self._team, now, agent=agent)
            if kind == "user_day":
                for measure, most in _measures(limit):
                    offered += [Raisable(kind, agent, measure, f"{amount(measure, most)} each")] if most is not None else []
                people += await self._most_used(of, agent, now, limit)
            else:
                offered += [Raisable(kind, agent, each.measure, of_limit(each)) for each in await self._standing(of, "", limit)]
        return offered[:MOST_OPTIONS], people

    async def _most_used(self, day: Scope, agent: str, now: datetime, limit: Limit) -> list[str]:
        """Return whose day with an agent is used most, in mrkdwn; nothing where nobody has used any."""
        told: list[str] = []
        for user in await self._ledger.payers(day, agent, MOST_PEOPLE):
            theirs = await self._standing(scope("user_day", self._team, now, agent=agent, user=user), "", limit)
            told.append(f"{mention(user)} {' and '.join(map(of_limit, theirs))}")
        return [f"Used most today with {escaped(agent)}: {', '.join(told)}"] if told else []

    async def _raise(self, of: Scope, measure: Measure, more: int, user: str, key: str) -> None:
        tokens, nano_usd = (more, 0) if measure == "tokens" else (0, more)
        await self._ledger.raise_budget(of, tokens, nano_usd, user, key)
        try:
            await self._budget.forget(of)
        except UnreachableError as error:  # nobody is refused by what was read from Postgres more than a minute ago
            log.warning("the raise counts within a minute of Redis being back: %s", error)

    def _raisable(self) -> list[Raisable]:
        found: list[Raisable] = []
        for kind, agent, limit in self._limited():
            found += [Raisable(kind, agent, "tokens")] if limit.tokens is not None else []
            found += [Raisable(kind, agent, "nano_usd")] if limit.nano_usd is not None else []
        return found[:MOST_OPTIONS]


@dataclass(frozen=True, slots=True)
class _Entered:
    """What stood in the dialog."""

    choice: int
    person: str
    amount: str

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> "_Entered":
        """Read what was entered, by block."""
        choice = str(at(state, "budget", "budget", "selected_option", "value") or "")
        person = str(at(state, "person", "person", "selected_user") or "")
        amount = str(at(state, "amount", "amount", "value") or "")
        return cls(int(choice) if choice.isdecimal() else -1, person, amount)


def of_limit(seen: BudgetSeen) -> str:
    """Return how much of a budget is used: "26,000 of 50,000 tokens", "$0.05 of $1"."""
    return f"{figure(seen.measure, seen.used)} of {amount(seen.measure, seen.limit)}"


def _measures(limit: Limit) -> Sequence[tuple[Measure, int | None]]:
    return ("tokens", limit.tokens), ("nano_usd", limit.nano_usd)


def raise_view(raisable: Sequence[Raisable], people: Sequence[str] = ()) -> SlackBlock:
    """Return the dialog that asks which budget to raise, whose, and by how much. `people`: lines about whose days are used most,
    as mrkdwn."""
    options = [option(str(number), each.words) for number, each in enumerate(raisable)]
    choice = {"type": "static_select", "action_id": "budget", "options": options, "initial_option": options[0]}
    person = {"type": "users_select", "action_id": "person"}
    by = {"type": "plain_text_input", "action_id": "amount", "max_length": 20}
    blocks = [
        section(EXPLAINED),
        *([context(*people[:MOST_PEOPLE])] if people else []),
        entry("budget", "Budget", choice),
        entry("person", "Person, where it is one's day", person, optional=True),
        entry("amount", "By how much", by),
    ]
    return modal("raise_budget", "Raise a budget", blocks, submit="Raise", close="Go back")


def _amount(measure: Measure, entered: str) -> int | None:
    """Return a whole number of tokens, or of billionths of a dollar; None for a text that cannot be meant."""
    text = entered.strip().removeprefix("$").replace(",", "").replace("_", "")
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return None
    if not exact.is_finite():
        return None
    scaled = exact * (NANO_PER_USD if measure == "nano_usd" else 1)
    whole = int(scaled)
    return whole if whole == scaled and 0 < whole <= MOST_RAISED[measure] else None
