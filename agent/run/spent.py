"""What a session may spend, and how its turn ends when that is too little."""

import logging

from agent import metrics
from agent.errors import BudgetExceededError
from agent.model import budget_messages as budget_words
from agent.model.spending import BudgetLimits, Limit, Refused, Spender
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Halted

log = logging.getLogger(__name__)


def limits_of(session: Session, rules: Rules) -> BudgetLimits:
    """Return the limits of every budget that this session's calls count in."""
    return {**rules.limits, "session": Limit(tokens=rules.budget_tokens + session.spending.granted_tokens)}


def halted_by_budget(refused: Refused, payer: Spender, rules: Rules) -> Halted:
    """Return the step that ends the turn, with an offer to continue if only the conversation's own budget is short, and another
    one is enough for the next step."""
    log.warning("session %s: %s", payer.session_id, "; ".join(map(str, refused.short)))
    for each in refused.short:
        metrics.budget_refused(each.scope.kind, payer.agent)
    offer = all(each.scope.kind == "session" and each.lacks <= rules.budget_tokens for each in refused.short)
    sentence = budget_words.exceeded(refused, rules.budget_tokens if offer else 0)
    return Halted(error=BudgetExceededError.__name__, sentence=sentence, offer_continue=offer)
