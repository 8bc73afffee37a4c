"""Budgets in the words of a sentence: which one, of how much, since when it counts, and who can raise it."""

from agent.model.spending import BudgetKind, BudgetStanding, Measure, Refused, Scope, amount, figure
from agent.text import mention

RAISED_BY = "An admin of the workspace can raise it in my Home tab."
MOST_PERCENT = 80


def exceeded(refused: Refused, another_tokens: int = 0) -> str:
    """Return why a turn ends before its next step, with figures, and what helps. Of several budgets, the one that stays short for
    longest is named.

    `another_tokens`: what Continue adds to the conversation's own. 0: it is not offered, since that would not be enough.
    """
    short = max(refused.short, key=lambda each: _rank(each.scope.kind))
    named = _budget_name(short.scope.kind, short.measure, short.limit, short.scope.subject.partition("/")[2], "Your")
    named = f"{named[0].upper()}{named[1:]}"
    if refused.busy:
        return f"{named} is set aside for other calls under way ({_spent(short)}). I stopped; please ask again in a minute."
    left, needed = figure(short.measure, short.left), figure(short.measure, short.needed)
    small = short.needed > short.limit
    has = "is too small for the next step, which" if small else f"has {left} left, and the next step"
    why = f"{named} {has} needs {needed} or more ({_spent(short)}). I stopped before it."
    if short.scope.kind == "session":
        return f"{why} {_with_another(short, another_tokens)}"
    return f"{why} {RAISED_BY}" if small else f"{why} {_resets(short.scope)} {RAISED_BY}"


def _with_another(short: BudgetStanding, another_tokens: int) -> str:
    """Return what helps where a conversation's own budget is short. A new thread has as much, and less to read."""
    adds = f"Continue adds {another_tokens:,} tokens. " if another_tokens else ""
    if short.used:
        return f"{adds}A new thread has another budget{'' if adds else ', and less to read'}."
    return f"{adds}A new thread has no more: ask for less at once, or have `session_tokens` raised."


def noted(note: str, agent: str, user: str) -> str:
    """Return what people are told once most of a budget is used. `note` names it (`agent.store.redis_budgets`)."""
    kind, period, measure, limit = parse(note)
    named = _budget_name(kind, measure, limit, agent, f"{mention(user)}'s")
    if kind == "session":
        return f"{MOST_PERCENT} % of {named} is used. When all of it is, I ask whether to continue with another one."
    return f"{MOST_PERCENT} % of {named} is used. {_resets(Scope(kind, '', '', period))} {RAISED_BY}"


def parse(note: str) -> tuple[BudgetKind, str, Measure, int]:
    """Return kind, period, measure and limit of a note's budget."""
    kind, period, measure, limit = note.split("/")
    return kind, period, measure, int(limit)  # pyright: ignore[reportReturnType]  # `agent.store.redis_budgets` made it of these


def no_price(model: str) -> str:
    """Return why nothing is spent on a model whose price nobody knows."""
    return (
        f"There is a budget in dollars, and no price of {model}, so I stopped before spending anything. "
        "The people who run me have to name it under `prices`."
    )


def _rank(kind: BudgetKind) -> int:
    return ("session", "user_day", "workspace_day", "workspace_month").index(kind)


def _budget_name(kind: BudgetKind, measure: Measure, limit: int, agent: str, whose: str) -> str:
    of = amount(measure, limit)
    match kind:
        case "session":
            return f"this conversation's budget of {of}"
        case "user_day":
            with_whom = f" with the agent {agent}" if agent else ""
            return f"{whose} daily budget of {of}, used in all conversations{with_whom},"
        case "workspace_day":
            return f"This workspace's daily budget of {of}"
        case "workspace_month":
            return f"This workspace's monthly budget of {of}"


def _spent(short: BudgetStanding) -> str:
    under_way = f", {figure(short.measure, short.open)} set aside" if short.open else ""
    return f"{figure(short.measure, short.used)} used{under_way}"


def _resets(scope: Scope) -> str:
    assert scope.span is not None
    if scope.kind == "workspace_month":
        return f"It starts anew on {scope.span[1]:%Y-%m-%d} at 00:00 UTC."
    return "It starts anew at 00:00 UTC."
